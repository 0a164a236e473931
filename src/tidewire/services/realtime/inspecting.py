"""Open connections, and explanations (docs/explain.md)."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.lists import JsonObject
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Whole
from tidewire.core.checks.texts import Text
from tidewire.core.custom_channels import ChannelRule, holds_any
from tidewire.core.errors import TidewireError
from tidewire.core.events import LoggedEvent
from tidewire.core.inspection import Occurrence, RealtimeInspector
from tidewire.core.models.channels import RealtimeMember, RealtimeMemberList
from tidewire.core.models.realtime import RealtimeConnectionList, RealtimeExplanation
from tidewire.core.time import format_datetime
from tidewire.services.context import Context
from tidewire.services.realtime import operations
from tidewire.services.realtime.parameters import Channel
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.event_log import read_after

MAX_CONNECTIONS: Final = 1000
"""Connections in one answer."""
_LAST_OFFSET: Final = 2**53


class _Supposed(msgspec.Struct):
    """An event as a client supposes it."""

    channels: list[str]
    roles: list[str]
    payload: dict[str, Any] = msgspec.field(default_factory=dict)


@operations.declare(
    "listConnections", "GET", "/realtime/connections", scopes=("realtime.read",), extension=True
)
async def list_connections(
    context: Context,
    user_id: ResourceId | None = None,
    limit: Annotated[int, Whole(1, MAX_CONNECTIONS)] = 100,
    offset: Annotated[int, Whole(0, _LAST_OFFSET)] = 0,
) -> RealtimeConnectionList:
    """List the open connections of the project, those of one user if ``userId`` is given."""
    return await _inspector(context).connections(context.project.id, user_id, limit, offset)


@operations.declare("explain", "POST", "/realtime/explain", scopes=("realtime.read",), extension=True)
async def explain(
    context: Context,
    offset: Annotated[int, Whole(1, _LAST_OFFSET)] | None = None,
    event: Annotated[dict[str, Any], JsonObject(1_000_000)] | None = None,
    connection_id: Annotated[str, Text(1, 64)] | None = None,
    user_id: ResourceId | None = None,
) -> RealtimeExplanation:
    """Say step by step why an event of the log, or a supposed one, reaches a connection or does not."""
    if (offset is None) == (event is None) or (connection_id is None) == (user_id is None):
        raise TidewireError(
            "general_argument_invalid",
            "Give either offset or event, and either connectionId or userId.",
        )
    names: list[str] = []
    if offset is not None:
        logged = await context.database.read(lambda connection: _at(connection, offset))
        names = logged.event.names
        occurrence = Occurrence(
            logged.event.channels, logged.event.roles, logged.event.payload, logged.offset
        )
    else:
        occurrence = _supposed(event)
    found = await _inspector(context).explain(context.project.id, occurrence, connection_id, user_id or "")
    if not found.verdicts and not found.missing_processes:
        raise TidewireError(
            "general_argument_invalid",
            "There is no such connection open now: an event that comes while nobody is connected is not "
            "delivered later.",
        )
    return RealtimeExplanation(
        events=names,
        channels=occurrence.channels,
        roles=occurrence.roles,
        connections=found.verdicts,
        missing_processes=found.missing_processes,
    )


def _inspector(context: Context) -> RealtimeInspector:
    if context.realtime is None:
        raise TidewireError("general_service_disabled", "Realtime does not run here.")
    return context.realtime


def _at(connection: Connection, offset: int) -> LoggedEvent:
    found = read_after(connection, offset - 1, 1)
    if not found or found[0].offset != offset:
        raise TidewireError(
            "general_argument_invalid", f"The log has no event at offset {offset}, at least not any more."
        )
    return found[0]


def _supposed(event: dict[str, Any] | None) -> Occurrence:
    try:
        supposed = msgspec.convert(event, _Supposed)
    except msgspec.ValidationError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `event` param: {error}") from None
    return Occurrence(supposed.channels, supposed.roles, msgspec.json.encode(supposed.payload))


MAX_MEMBERS: Final = 1000
"""Members in one answer."""


@operations.declare(
    "listMembers",
    "GET",
    "/realtime/channels/{channel}/members",
    scopes=("realtime.read", "public"),
    extension=True,
)
async def list_members(
    context: Context,
    channel: Channel,
    limit: Annotated[int, Whole(1, MAX_MEMBERS)] = 100,
    offset: Annotated[int, Whole(0, 2**53)] = 0,
) -> RealtimeMemberList:
    """List the members of a channel, those who joined first at the start."""
    rule = await _readable(context, channel)
    if not rule.presence:
        raise TidewireError(
            "general_feature_unsupported",
            "Who is on this channel is not known: its rule has to say so (presence).",
        )
    assert context.realtime is not None
    found = context.realtime.members(context.project.id, channel)
    return RealtimeMemberList(
        total=len(found),
        members=[
            RealtimeMember(id=member.id, user_id=member.user_id, joined_at=format_datetime(member.joined_at))
            for member in found[offset : offset + limit]
        ],
    )


async def _readable(context: Context, channel: str) -> ChannelRule:
    """The rule of a channel that the caller may read; who may not does not learn whether there is one."""
    if context.channels is None or context.realtime is None:
        raise TidewireError("general_service_disabled", "Realtime does not run here.")
    rule = await context.channels.rule(context.database, channel)
    caller = context.caller
    if caller.bypasses_permissions:
        if rule is None:
            raise TidewireError("channel_not_found", f"There is no rule for the channel {channel!r}.")
        return rule
    if rule is None or not holds_any(caller.roles, rule.read):
        raise TidewireError("user_unauthorized", f"You are not authorized to read the channel {channel!r}.")
    return rule
