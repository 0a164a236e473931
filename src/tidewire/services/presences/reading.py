"""Presences: found and listed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models.presences import Presence, PresenceList
from tidewire.core.time import format_datetime, now
from tidewire.services.context import Context
from tidewire.services.permissions import may
from tidewire.services.presences import operations
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.presences import (
    PRESENCES,
    find_presence,
    presence_of,
    valid_lists,
    visible_presences,
)

MAX_LISTS: Final = 128
"""Lists kept in all; those unused for longest go first."""
MAX_LIST_BYTES: Final = 256 * 1024
"""Larger lists are not kept."""

ListKey = tuple[str, frozenset[str], tuple[str, ...], bool]
"""The lists that are valid (:func:`tidewire.store.records.presences.valid_lists`), roles of the caller,
queries, whether all are counted."""


@dataclass(frozen=True)
class _Kept:
    page: PresenceList
    until: float


_lists: Final[OrderedDict[ListKey, _Kept]] = OrderedDict()


def kept_list(key: ListKey) -> PresenceList | None:
    """The list kept under ``key``, without the presences that expired since."""
    kept = _lists.get(key)
    if kept is None or kept.until <= time.monotonic():
        _lists.pop(key, None)
        return None
    _lists.move_to_end(key)
    moment = format_datetime(now())
    present = [presence for presence in kept.page.presences if presence.expires_at > moment]
    gone = len(kept.page.presences) - len(present)
    return PresenceList(total=max(0, kept.page.total - gone), presences=present)


def keep_list(key: ListKey, page: PresenceList, seconds: int) -> None:
    """Keep a list for some time."""
    if len(msgspec.json.encode(page)) > MAX_LIST_BYTES:
        return
    _lists[key] = _Kept(page, time.monotonic() + seconds)
    _lists.move_to_end(key)
    while len(_lists) > MAX_LISTS:
        _lists.popitem(last=False)


@operations.read("get", "GET", "/presences/{presenceId}", scopes=("presences.read",))
def get_presence(connection: Connection, context: Context, presence_id: ResourceId) -> Presence:
    """Get a presence that has not expired."""
    return presence_of(find_present(connection, context.caller, presence_id))


@operations.declare("list", "GET", "/presences", scopes=("presences.read",))
async def list_presences(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(PRESENCES.attributes))] = (),
    total: Boolean = True,
    ttl: Annotated[int, Whole(0, 86400)] = 0,
) -> PresenceList:
    """List who is around, as far as the caller may know."""
    caller = context.caller
    roles = frozenset({"*"} if caller.bypasses_permissions else caller.roles)

    def unit(connection: Connection) -> tuple[ListKey, PresenceList, bool]:
        key = (valid_lists(connection), roles, tuple(queries), total)
        kept = kept_list(key) if ttl else None
        if kept is not None:
            return key, kept, True
        readers = None if caller.bypasses_permissions else caller.roles
        count, rows = visible_presences(connection, queries, total, readers)
        return key, PresenceList(total=count, presences=[presence_of(row) for row in rows]), False

    key, page, hit = await context.database.read(unit)
    if ttl:
        context.cache_hit = hit
        if not hit:
            keep_list(key, page, ttl)
    return page


def find_readable(connection: Connection, caller: Caller, presence_id: str) -> Row[Any]:
    """A presence that the caller may read, be it expired or not. Raises ``presence_not_found``."""
    row = find_presence(connection, presence_id)
    if row is None or not may(caller, "read", row.permissions):
        raise TidewireError("presence_not_found", "There is no presence with this id.")
    return row


def find_present(connection: Connection, caller: Caller, presence_id: str) -> Row[Any]:
    """A presence that the caller may read and that has not expired. Raises ``presence_not_found``."""
    row = find_readable(connection, caller, presence_id)
    if row.expires_at <= now():
        raise TidewireError("presence_not_found", "There is no presence with this id.")
    return row
