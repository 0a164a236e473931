"""Messages on custom channels (docs/channels.md)."""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.channels import Draft, Publisher
from tidewire.core.addresses import network_of
from tidewire.core.custom_channels import MESSAGE_CREATED
from tidewire.core.errors import TidewireError
from tidewire.core.models.channels import RealtimeMessage
from tidewire.services.context import Context
from tidewire.services.realtime import operations
from tidewire.services.realtime.parameters import Channel, IdempotencyKey, MessagePayload

_encode: Final = msgspec.json.Encoder().encode


@operations.declare(
    "createMessage",
    "POST",
    "/realtime/channels/{channel}/messages",
    scopes=("realtime.write", "public"),
    status=201,
    event=MESSAGE_CREATED,
    extension=True,
)
async def create_message(
    context: Context,
    channel: Channel,
    payload: MessagePayload,
    idempotency_key: IdempotencyKey | None = None,
) -> RealtimeMessage:
    """Send a JSON object to those who may read the channel and subscribed to it."""
    if context.channels is None:
        raise TidewireError("general_service_disabled", "Custom channels are not served here.")
    draft = Draft(channel, _encode(payload), idempotency_key or "")
    [receipt] = await context.channels.publish(context.database, _publisher(context), [draft])
    return receipt.model


def _publisher(context: Context) -> Publisher:
    caller = context.caller
    if caller.bypasses_permissions:
        return Publisher("key", None)
    if caller.identity is None:
        return Publisher("guest", caller.roles, f"guest:{network_of(context.client.ip)}")
    name = f"user:{caller.user_id}"
    return Publisher(name, caller.roles, "" if caller.by_dev_key else name, caller.user_id)
