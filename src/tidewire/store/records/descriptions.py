"""The descriptions of databases, and of their tables, columns, indexes and relationships.

The tables that are described here are made by :mod:`tidewire.store.user_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, and_, exists, literal, or_, select, update

from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.schema import (
    databases,
    dropped_tables,
    relationships,
    user_columns,
    user_indexes,
    user_tables,
)

DATABASE_LIST: Final = resource_list(databases, "name")
TABLE_LIST: Final = resource_list(user_tables, "name", "enabled")
COLLECTION_LIST: Final = resource_list(
    user_tables,
    "name",
    "enabled",
    "documentSecurity",
    columns={"documentSecurity": user_tables.c.row_security},
)
COLUMN_LIST: Final = resource_list(
    user_columns, "key", "type", "status", "error", "size", "required", "array", id_name="key"
)
INDEX_LIST: Final = resource_list(
    user_indexes,
    "key",
    "type",
    "status",
    "error",
    "attributes",
    columns={"attributes": user_indexes.c.columns},
    id_name="key",
)


def _is_unfinished(table: Table) -> ColumnElement[bool]:
    """Whether something is still to be made, or to be taken away, in steps."""
    return or_(table.c.status == "processing", table.c.status == "deleting")


_ANY_UNFINISHED: Final = Prepared(
    select(literal(1)).where(
        or_(
            *(exists().where(_is_unfinished(each)) for each in (user_columns, user_indexes, relationships)),
            exists().select_from(dropped_tables),
        )
    )
)
_UNFINISHED: Final = {
    table: select(table).where(_is_unfinished(table), *conditions).limit(1)
    for table, conditions in (
        (user_columns, [user_columns.c.kind != RELATIONSHIP]),  # those change with the relationship
        (relationships, []),
        (user_indexes, []),
    )
} | {dropped_tables: select(dropped_tables).limit(1)}
_WITH_DATABASE: Final = select(
    user_tables, databases.c.type.label("database_type"), databases.c.id.label("database_id")
).join(databases, databases.c.sequence == user_tables.c.database_sequence)


def databases_of_types(types: Sequence[str]) -> list[ColumnElement[bool]]:
    """The condition of a list that databases have one of these types."""
    return [databases.c.type.in_(types)]


def find_described_table(connection: Connection, **holds: Any) -> Row[Any] | None:
    """The description of a table, with the type of its database (``database_type``) and ``database_id``."""
    found = _WITH_DATABASE.where(*(user_tables.c[name] == value for name, value in holds.items()))
    return connection.execute(found).one_or_none()


def any_unfinished(connection: Connection) -> bool:
    """Whether a table is still to be changed in steps."""
    return bool(_ANY_UNFINISHED.fetch(connection, {}))


def find_unfinished(connection: Connection, table: Table) -> Row[Any] | None:
    """A row that a step is to be done for: of a table of descriptions, or of ``dropped_tables``."""
    return connection.execute(_UNFINISHED[table]).first()


def relationship_columns(connection: Connection, relationship: Row[Any]) -> list[Row[Any]]:
    """The columns that show a relationship, the oldest first: one, or of a two-way relationship two."""
    columns = user_columns.c
    parent = and_(columns.table_sequence == relationship.parent_table, columns.key == relationship.parent_key)
    child = and_(columns.table_sequence == relationship.child_table, columns.key == relationship.child_key)
    either = or_(parent, child) if relationship.two_way else parent
    shown = select(user_columns).where(columns.kind == RELATIONSHIP, either).order_by(columns.sequence)
    return list(connection.execute(shown))


def resize_vectors(connection: Connection, table: int, size: int) -> bool:
    """Give the columns for vectors of a table another size; whether any had another one."""
    columns = user_columns.c
    others = (columns.table_sequence == table, columns.kind == "vector", columns.size != size)
    return (
        connection.execute(update(user_columns).where(*others).values(size=size, updated_at=now())).rowcount
        > 0
    )
