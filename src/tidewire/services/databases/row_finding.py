"""Rows that are to be changed or deleted, found without revealing those that are hidden from the caller.

A row with which a caller may do nothing does not exist for them: whatever the request asks of it, and
whatever else is wrong with the request, the answer is the same as for an id without a row.
"""

from __future__ import annotations

from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.row_views import may_in_table, may_with_row, row_not_found
from tidewire.services.permissions import unauthorized
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.tables import UserTable


def is_hidden(call: DialectCall, table: UserTable, row: StoredRow) -> bool:
    """Whether the caller may do nothing with the row, not even read it."""
    caller = call.context.caller
    return not any(may_with_row(caller, each, table, row) for each in ("read", "update", "delete"))


def row_to_change(connection: Connection, call: DialectCall, table: UserTable, row_id: str) -> StoredRow:
    """The row with this id, if it is not hidden. Whether the caller may change it is checked later.

    Raises ``row_not_found`` and ``row_update_conflict``.
    """
    row = find_row(connection, table, row_id)
    if row is None or is_hidden(call, table, row):
        raise row_not_found(call)
    require_seen(call, row)
    return row


def row_to_upsert(
    connection: Connection, call: DialectCall, table: UserTable, row_id: str
) -> StoredRow | None:
    """The row with this id, or None if it is to be created.

    Raises ``user_unauthorized`` if the caller sees no such row and may not create one, ``row_not_found`` if
    the row is hidden from a caller who may, and ``row_update_conflict``.
    """
    row = find_row(connection, table, row_id)
    hidden = row is not None and is_hidden(call, table, row)
    if (row is None or hidden) and not may_in_table(call.context.caller, "create", table):
        raise unauthorized("create", f"a {call.dialect.word('row')} here")
    if hidden:
        raise row_not_found(call)
    require_seen(call, row)
    return row


def require_seen(call: DialectCall, row: StoredRow | None) -> None:
    """Refuse to change a row that was changed after the request's timestamp: ``row_update_conflict``."""
    seen = call.context.requested_at
    if seen is not None and row is not None and row[3] > seen:
        word = call.dialect.word("row")
        message = f"The {word} was changed after X-Appwrite-Timestamp. Read it again and repeat the change."
        raise call.dialect.error("row_update_conflict", message)
