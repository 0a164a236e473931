"""Custom channels: the rules that open them, and messages published by REST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import msgspec

from tidewire.channels import Draft, Publisher
from tidewire.core.addresses import network_of
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean
from tidewire.core.custom_channels import (
    MESSAGE_CREATED,
    RULE_CREATED,
    RULE_DELETED,
    RULE_UPDATED,
    ChannelRule,
)
from tidewire.core.errors import TidewireError
from tidewire.core.models.channels import RealtimeChannel, RealtimeChannelList, RealtimeMessage
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.project.records import managed_project
from tidewire.services.publishing import publish
from tidewire.services.realtime import operations
from tidewire.services.realtime.parameters import (
    Channel,
    IdempotencyKey,
    MessagePayload,
    Pattern,
    Publishers,
    Rate,
    Readers,
)
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.channel_rules import (
    CHANNEL_RULES,
    delete_rule,
    get_rule,
    insert_rule,
    rule_of,
    update_rule,
)

_CHANNEL: Final = "/realtime/channels/{channelId}"


@operations.write(
    "createChannel",
    "POST",
    "/realtime/channels",
    scopes=("realtime.write",),
    status=201,
    event=RULE_CREATED,
    extension=True,
)
def create_channel(
    transaction: Transaction,
    context: Context,
    channel_id: Pattern,
    read: Readers = (),
    publish: Publishers = (),
    history: Boolean = False,
    presence: Boolean = False,
    rate: Rate = 0,
    publisher_rate: Rate = 0,
) -> RealtimeChannel:
    """Open a custom channel, or a family of them, to those whom the rule names."""
    managed_project(context)
    rule = ChannelRule(
        pattern=channel_id,
        read=tuple(read),
        publish=tuple(publish),
        history=history,
        presence=presence,
        rate=rate,
        publisher_rate=publisher_rate,
    )
    most = context.settings.realtime_max_channel_rules
    return _published(transaction, context, RULE_CREATED, insert_rule(transaction.connection, rule, most))


@operations.read("listChannels", "GET", "/realtime/channels", scopes=("realtime.read",), extension=True)
def list_channels(
    connection: Connection,
    _: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(CHANNEL_RULES.attributes))] = (),
    total: Boolean = True,
) -> RealtimeChannelList:
    """List the rules of the project's custom channels."""
    count, rows = list_rows(connection, CHANNEL_RULES, queries, "", (), total)
    return RealtimeChannelList(total=count, channels=[_model(rule_of(row)) for row in rows])


@operations.read("getChannel", "GET", _CHANNEL, scopes=("realtime.read",), extension=True)
def get_channel(connection: Connection, _: Context, channel_id: Pattern) -> RealtimeChannel:
    """Get the rule of this pattern; a channel of a family may have none of its own."""
    return _model(get_rule(connection, channel_id))


@operations.write(
    "updateChannel", "PUT", _CHANNEL, scopes=("realtime.write",), event=RULE_UPDATED, extension=True
)
def update_channel(
    transaction: Transaction,
    context: Context,
    channel_id: Pattern,
    read: Readers | None = None,
    publish: Publishers | None = None,
    history: Boolean | None = None,
    presence: Boolean | None = None,
    rate: Rate | None = None,
    publisher_rate: Rate | None = None,
) -> RealtimeChannel:
    """Change a rule, from the very next message on; what is not given stays."""
    given: dict[str, Any] = {
        "read": None if read is None else tuple(read),
        "publish": None if publish is None else tuple(publish),
        "history": history,
        "presence": presence,
        "rate": rate,
        "publisher_rate": publisher_rate,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    connection = transaction.connection
    changed = update_rule(connection, replace(get_rule(connection, channel_id), **changes))
    return _published(transaction, context, RULE_UPDATED, changed)


@operations.write(
    "deleteChannel", "DELETE", _CHANNEL, scopes=("realtime.write",), event=RULE_DELETED, extension=True
)
def delete_channel(transaction: Transaction, context: Context, channel_id: Pattern) -> None:
    """Delete a rule: without another one for it the channel is closed. Messages stay in the event log."""
    _published(transaction, context, RULE_DELETED, delete_rule(transaction.connection, channel_id))


def _published(
    transaction: Transaction, context: Context, pattern: str, rule: ChannelRule
) -> RealtimeChannel:
    """Write the event of a changed rule, for webhooks and for caches of rules, and return the rule."""
    model = _model(rule)
    publish(transaction, context, pattern, {"channelId": rule.pattern}, model)
    return model


def _model(rule: ChannelRule) -> RealtimeChannel:
    return shown(RealtimeChannel, rule, id=rule.pattern)


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
