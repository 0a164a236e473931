"""Loading of users' tables: the description of a table is read once for each version of it, and kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select

from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.records.rows import rows_of
from tidewire.store.schema import databases, user_columns, user_indexes, user_tables
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.user_tables.columns import column_of
from tidewire.store.user_tables.relations import relations_of
from tidewire.store.user_tables.tables import UserIndex, UserTable

TABLES_KEPT: Final = 1000
_FIND: Final = Prepared(
    select(databases.c.enabled, user_tables.c.version, user_tables.c.enabled)
    .join(user_tables, user_tables.c.database_sequence == databases.c.sequence)
    .where(databases.c.id == bindparam("database"), user_tables.c.id == bindparam("table"))
)
_LOAD: Final = (
    select(user_tables, databases.c.id.label("database_id"), databases.c.type.label("database_type"))
    .join(databases, user_tables.c.database_sequence == databases.c.sequence)
    .where(user_tables.c.version == bindparam("version"))
)
_FIND_RELATED: Final = Prepared(
    select(user_tables.c.version).where(user_tables.c.sequence == bindparam("table"))
)
_kept: dict[str, UserTable] = {}
"""Tables by their version, which no two tables share, in whatever database they are."""
_last_found: dict[tuple[str, str, str], UserTable] = {}
"""Tables by the ids of their project, their database and themselves."""


class TableChangedError(Exception):
    """Raised where a table changed while its description was read outside of a snapshot."""


def find_table(
    connection: Connection, encryption: Encryption, database_id: str, table_id: str, *, disabled: bool
) -> UserTable | None:
    """The table as it is now; None if there is none, or, unless ``disabled`` ones count, none enabled."""
    found = _FIND.fetch(connection, {"database": database_id, "table": table_id})
    if not found or not (disabled or (found[0][0] and found[0][2])):
        return None
    table = _table(connection, encryption, found[0][1])
    if len(_last_found) >= TABLES_KEPT:
        _last_found.clear()
    _last_found[connection.project_id, database_id, table_id] = table
    return table


def last_found(project_id: str, database_id: str, table_id: str) -> UserTable | None:
    """Return the table that this process found last by these ids, without asking the database.

    It may have changed, or be gone, since. So it serves to prepare work that is done over again where
    :func:`find_table` then finds another one, and for nothing else.
    """
    return _last_found.get((project_id, database_id, table_id))


def find_related_table(connection: Connection, encryption: Encryption, sequence: int) -> UserTable:
    """A table that a relation leads to, enabled or not."""
    return _table(connection, encryption, _FIND_RELATED.fetch(connection, {"table": sequence})[0][0])


def _table(connection: Connection, encryption: Encryption, version: str) -> UserTable:
    table = _kept.get(version)
    if table is None:
        table = _load(connection, encryption, version)
        if len(_kept) >= TABLES_KEPT:
            _kept.clear()
        _kept[version] = table
    return table


def _load(connection: Connection, encryption: Encryption, version: str) -> UserTable:
    """Read the description of a table. Raises :class:`TableChangedError`."""
    row = connection.execute(_LOAD, {"version": version}).one_or_none()
    if row is None:
        raise TableChangedError
    available = {"table_sequence": row.sequence, "status": "available"}
    columns = rows_of(connection, user_columns, **available)
    indexes = rows_of(connection, user_indexes, **available)
    return UserTable(
        row,
        [column_of(column) for column in columns if column.kind != RELATIONSHIP],
        [UserIndex(index.sequence, index.type, tuple(index.columns)) for index in indexes],
        encryption,
        relations_of(connection, row.sequence),
    )
