"""Changes of rows in the event log: whether any of a table may have been written since an event."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, func, or_, select

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import path_to, value_at
from tidewire.store.engine.event_log import last_offset, trimmed_offset
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.schema import event_log
from tidewire.store.user_tables.tables import UserTable

_EVENTS_LOOKED_AT: Final = 500
"""The most events that are looked at; more count as if there were one of the table's rows among them."""

_since = (
    select(event_log.c.pattern, event_log.c.parameters)
    .where(event_log.c.offset > bindparam("offset"))
    .order_by(event_log.c.offset)
    .limit(_EVENTS_LOOKED_AT)
    .subquery()
)
_of_rows: Final = or_(_since.c.pattern.contains(".rows."), _since.c.pattern.contains(".documents."))
_database: Final = value_at(_since.c.parameters, path_to(["databaseId"])) == bindparam("database")
_table: Final = value_at(_since.c.parameters, path_to(["tableId"])) == bindparam("table")
_OF_TABLE: Final = Prepared(select(func.count()).select_from(_since).where(_of_rows, _database, _table))
_OF_ANY_TABLE: Final = Prepared(select(func.count()).select_from(_since).where(_of_rows))


def may_have_changed(connection: Connection, table: UserTable, offset: int) -> bool:
    """Whether a list of the table's rows may differ from one made when ``offset`` was the newest event."""
    newest = last_offset(connection)
    if newest == offset:
        return False
    if newest - offset > _EVENTS_LOOKED_AT or trimmed_offset(connection) > offset:
        return True
    if table.all_relations:
        return bool(_OF_ANY_TABLE.fetch(connection, {"offset": offset})[0][0])
    of_table = {"offset": offset, "database": table.database_id, "table": table.id}
    return bool(_OF_TABLE.fetch(connection, of_table)[0][0])
