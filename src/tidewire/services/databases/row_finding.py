"""Rows that are to be changed or deleted: found, without telling of those that are hidden from the caller.

With what a caller may do nothing, that does not exist for them: whatever is asked of such a row, and whatever
else is wrong with the request, the answer is that of an id without a row.
"""

from __future__ import annotations

from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.row_views import may_with_row, row_not_found
from tidewire.services.permissions import may, unauthorized
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.tables import UserTable


def is_hidden(call: DialectCall, table: UserTable, row: StoredRow) -> bool:
    """Whether the caller may do nothing with the row, not even read it."""
    caller = call.context.caller
    return not any(may_with_row(caller, each, table, row) for each in ("read", "update", "delete"))


def row_to_change(connection: Connection, call: DialectCall, table: UserTable, row_id: str) -> StoredRow:
    """The row with this id, if it is not hidden. Whether the caller may do what they ask is told later.

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

    Raises ``user_unauthorized`` where there is none that the caller knows of and they may not create one, and
    ``row_not_found`` where the id is that of a hidden row; ``row_update_conflict``.
    """
    row = find_row(connection, table, row_id)
    hidden = row is not None and is_hidden(call, table, row)
    if (row is None or hidden) and not may(call.context.caller, "create", table.permissions):
        raise unauthorized("create", f"a {call.dialect.word('row')} here")
    if hidden:
        raise row_not_found(call)
    require_seen(call, row)
    return row


def require_seen(call: DialectCall, row: StoredRow | None) -> None:
    """Refuse to change a row that is newer than the request says: ``row_update_conflict``."""
    seen = call.context.requested_at
    if seen is not None and row is not None and row[3] > seen:
        word = call.dialect.word("row")
        message = f"The {word} was changed after X-Appwrite-Timestamp. Read it again and repeat the change."
        raise call.dialect.error("row_update_conflict", message)
