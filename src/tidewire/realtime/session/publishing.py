"""Publishing: messages to custom channels that clients send over their connections (docs/channels.md)."""

from __future__ import annotations

from typing import Final

from tidewire.channels import Channels, Publisher
from tidewire.core.errors import TidewireError
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import TOO_MUCH, MessageError
from tidewire.realtime.protocol.messages import Publish
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.roles.api_keys import PUBLISHING_SCOPE
from tidewire.store.engine.database import Database

_UNAUTHORIZED: Final = 401
_CODES: Final = {"general_rate_limit_exceeded": TOO_MUCH}
"""Errors that have a code of their own in frames; others keep that of REST."""


async def publish(
    channels: Channels, database: Database, hub: Hub, author: Receiver, message: Publish
) -> bytes:
    """Send the messages of a connection and return the message that answers.

    Raises :class:`MessageError`; then none was sent.
    """
    # What the user lost by an earlier commit counts already.
    await hub.catch_up()
    publisher = _publisher(hub, author)
    try:
        receipts = await channels.publish(database, publisher, message.drafts)
    except TidewireError as error:
        code = _CODES.get(error.type, error.code)
        limit = "messages to a channel" if code == TOO_MUCH else ""
        raise MessageError(code, error.message, limit=limit) from None
    return frames.published([receipt.model for receipt in receipts])


def _publisher(hub: Hub, author: Receiver) -> Publisher:
    """The publisher that a connection is now. Raises :class:`MessageError` if it may send nothing."""
    key = hub.api_keys.key_of(author) if hub.api_keys is not None else None
    if key is not None:
        if PUBLISHING_SCOPE not in key.scopes:
            raise MessageError(_UNAUTHORIZED, f"The API key lacks the scope ({PUBLISHING_SCOPE}).")
        return Publisher("key", None)
    if author.login is not None and author.login.foreign:
        raise MessageError(_UNAUTHORIZED, "Users of the console send messages by REST.")
    if not author.user_id:
        return Publisher("guest", author.roles, f"guest:{author.origin}")
    name = f"user:{author.user_id}"
    return Publisher(name, author.roles, name, author.user_id)
