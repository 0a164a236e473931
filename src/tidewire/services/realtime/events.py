"""The event log, read by those who may receive its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.audience import event_data, may_receive
from tidewire.core.channels import convert_channels
from tidewire.core.checks.lists import Items
from tidewire.core.checks.numbers import Whole
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.events import LoggedEvent
from tidewire.core.models.realtime import RealtimeEventList
from tidewire.core.realtime_queries import (
    Attributes,
    InvalidRealtimeQueryError,
    Predicate,
    compile_queries,
    parse_realtime_queries,
    work,
)
from tidewire.services.context import Context
from tidewire.services.realtime import operations
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.deadlines import check_time
from tidewire.store.engine.event_log import epoch as epoch_of
from tidewire.store.engine.event_log import last_offset, read_chunk

SCOPE: Final = "realtime.read"
MAX_EVENTS: Final = 1000
"""Events in one answer."""
MAX_LOOKED_AT: Final = 5000
"""Events that one call looks at: it may answer with fewer than there are, and the offset to go on from."""
MAX_CHANNELS: Final = 100
_CHUNK_EVENTS: Final = 500
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_MAX_OFFSET: Final = 2**53 - 1


@dataclass(frozen=True)
class _Wanted:
    """What a caller gets of the log."""

    channels: frozenset[str]
    roles: frozenset[str] | None
    """An event is shown if it is for one of these roles; None: every event is."""
    accepts: Predicate | None

    def wants(self, logged: LoggedEvent) -> bool:
        event = logged.event
        if event.audience or self.channels.isdisjoint(event.channels):
            return False
        if self.roles is not None and not may_receive(self.roles, event.roles):
            return False
        return self.accepts is None or self.accepts(Attributes(msgspec.json.decode(event.payload)))


@operations.declare(
    "listEvents", "GET", "/realtime/events", scopes=("global", SCOPE), model=RealtimeEventList, extension=True
)
async def list_events(
    context: Context,
    channels: Annotated[list[str], Items(Text(1, 512), MAX_CHANNELS)],
    since: Annotated[int, Whole(0, _MAX_OFFSET)] | None = None,
    epoch: Annotated[str, Text(0, 64)] = "",
    queries: Annotated[list[str], Items(Text(1, 4096))] | None = None,
    limit: Annotated[int, Whole(1, MAX_EVENTS)] = 100,
) -> Mapping[str, Any]:
    """List the events after ``since`` that the caller may receive; without ``since`` only where the log ends.

    Users get what their roles of now may read. An API key needs the scope ``realtime.read`` and gets
    everything. ``epoch`` is that of the log which ``since`` is of.
    """
    wanted = _wanted(context, channels, queries or [])

    def read(connection: Connection) -> Mapping[str, Any]:
        name, last = epoch_of(connection), last_offset(connection)
        nothing = {"events": [], "offset": last, "epoch": name}
        if since is None:
            return {**nothing, "recovered": True}
        if (epoch and epoch != name) or since > last:
            return {**nothing, "recovered": False}
        reading = _read(connection, wanted, since, limit)
        if reading is None:
            return {**nothing, "recovered": False}
        return {"events": reading[0], "offset": reading[1], "epoch": name, "recovered": True}

    return await context.database.read(read)


def _read(
    connection: Connection, wanted: _Wanted, since: int, limit: int
) -> tuple[list[dict[str, Any]], int] | None:
    """Events after ``since``, and up to where the log was looked at; None if some were trimmed away."""
    found: list[dict[str, Any]] = []
    reached, looked_at, size = since, 0, 0
    while looked_at < MAX_LOOKED_AT and size < _CHUNK_BYTES:
        chunk = read_chunk(connection, reached, _CHUNK_EVENTS, _CHUNK_BYTES)
        if chunk is None:
            return None
        if not chunk:
            break
        for logged in chunk:
            check_time(connection)
            if wanted.wants(logged):
                found.append(event_data(logged))
                size += len(logged.event.payload)
            reached = logged.offset
            looked_at += 1
            if len(found) == limit or size >= _CHUNK_BYTES:
                return found, reached
    return found, reached


def _wanted(context: Context, channels: list[str], queries: list[str]) -> _Wanted:
    caller = context.caller
    if caller.kind == "key" and SCOPE not in caller.scopes:
        raise TidewireError("general_unauthorized_scope", f"The API key lacks the scope ({SCOPE}).")
    if caller.kind == "admin":
        # As on a connection in admin mode: with the roles that they hold in the console.
        assert caller.identity is not None
        held: frozenset[str] | None = frozenset(caller.identity.roles)
    else:
        held = None if caller.kind == "key" else frozenset(caller.roles)
    asked = channels if held is None else convert_channels(channels, caller.user_id)
    extended = context.settings.realtime_queries == "extended"
    try:
        parsed = parse_realtime_queries(queries, extended=extended)
    except InvalidRealtimeQueryError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `queries` param: {error}") from None
    cost, most = work(parsed), context.settings.realtime_max_query_work
    if cost > most:
        raise TidewireError(
            "general_argument_invalid",
            f"Invalid `queries` param: They cost {cost} comparisons; at most {most} do.",
        )
    return _Wanted(frozenset(asked), held, compile_queries(parsed))
