"""Lists of rows, kept for as long as a client allowed (``ttl``).

A kept list is used for the same queries by callers with the same roles while the table has the same columns,
indexes and permissions. It is not used again once the event log shows that a row was written which may be in
it, by whichever process.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from tidewire.core.ids import unique_id
from tidewire.services.databases.dialects import DialectCall
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.event_log import last_offset
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.user_tables.row_events import may_have_changed
from tidewire.store.user_tables.tables import UserTable

MAX_BYTES: Final = 16 * 2**20
"""Bytes of all kept lists together, as they are shown; the least recently used go first."""
MAX_LIST_BYTES: Final = 2**20
"""Bytes of the largest list that is kept."""


@dataclass
class KeptList:
    """A list as it was made."""

    rows: Sequence[msgspec.Raw]
    total: int | None
    """The number of rows on all pages; None: it was not counted."""
    made_at: float
    """Monotonic seconds."""
    offset: int
    """The offset of the newest event that the list shows."""
    size: int


class RowLists:
    """The kept lists of a process. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: OrderedDict[bytes, KeptList] = OrderedDict()
        self._size = 0

    def find(self, connection: Connection, table: UserTable, key: bytes, ttl: float) -> KeptList | None:
        """A list that was kept less than ``ttl`` seconds ago and is still correct; None if there is none."""
        with self._lock:
            kept = self._lists.get(key)
            if kept is not None:
                self._lists.move_to_end(key)
        if kept is None or time.monotonic() - kept.made_at >= ttl:
            return None
        return None if may_have_changed(connection, table, kept.offset) else kept

    def keep(self, connection: Connection, key: bytes, rows: Sequence[Any], total: int | None) -> None:
        """Keep a list that was made just now, on the snapshot of ``connection``."""
        encoded = [msgspec.Raw(msgspec.json.encode(row)) for row in rows]
        size = sum(map(len, encoded))
        if size > MAX_LIST_BYTES:
            return
        made = KeptList(encoded, total, time.monotonic(), last_offset(connection), size)
        with self._lock:
            before = self._lists.pop(key, None)
            self._size += size - (before.size if before else 0)
            self._lists[key] = made
            while self._size > MAX_BYTES:
                self._size -= self._lists.popitem(last=False)[1].size


ROW_LISTS: Final = RowLists()
"""The lists that this process keeps."""


def list_key(connection: Connection, call: DialectCall, table: UserTable, queries: Sequence[str]) -> bytes:
    """A digest of everything that the rows of a list depend on, except for later events."""
    caller, project = call.context.caller, call.context.project
    parts = (
        (project.id, project.created_at, call.dialect.database_type, table.sequence),
        read_state(connection, _purged(table.sequence)),
        list(table.columns.values()),
        (table.indexes, table.all_relations),
        (table.permissions, table.row_security, table.enabled),
        None if caller.bypasses_permissions else sorted(caller.roles),
        (list(queries), call.context.shows_related),
    )
    return blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=32).digest()


def purge_lists(connection: Connection, table_sequence: int) -> None:
    """Make the kept lists of a table unusable, in all processes."""
    write_state(connection, _purged(table_sequence), unique_id())


def _purged(table_sequence: int) -> str:
    return f"row_lists.{table_sequence}"
