"""Rows of system tables: the statements that most records have in common.

Each table has the columns ``sequence``, ``created_at`` and ``updated_at``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    Delete,
    Insert,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection

SystemTable = Table
"""A table with the columns that the module names."""


def find_row(connection: Connection, table: Table, **values: Any) -> Row[Any] | None:
    """The one row whose columns have these values; None if there is none."""
    return connection.execute(_find(table, tuple(values)), values).one_or_none()


def rows_of(connection: Connection, table: Table, **values: Any) -> list[Row[Any]]:
    """The rows whose columns have these values, the oldest first."""
    return list(connection.execute(_find(table, tuple(values)).order_by(table.c.sequence), values))


def count_rows(connection: Connection, table: Table, **values: Any) -> int:
    """The number of the rows whose columns have these values."""
    counted = _find(table, tuple(values)).with_only_columns(func.count())
    return connection.scalar(counted, values) or 0


def insert_row(connection: Connection, table: Table, **values: Any) -> Row[Any]:
    """Add a row, which counts as created and changed now, and return it."""
    moment = now()
    return connection.execute(_insert(table), {"created_at": moment, "updated_at": moment, **values}).one()


def update_row(connection: Connection, table: Table, sequence: int, **values: Any) -> Row[Any]:
    """Change columns of the row with this sequence, which counts as changed now, and return the row."""
    return connection.execute(_update(table), {"of_row": sequence, "updated_at": now(), **values}).one()


def delete_row(connection: Connection, table: Table, sequence: int) -> None:
    """Delete the row with this sequence."""
    connection.execute(_delete(table), {"of_row": sequence})


# Statements are kept because building one takes longer than executing it.


@cache
def _find(table: Table, names: tuple[str, ...]) -> Select[Any]:
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@cache
def _insert(table: Table) -> Insert:
    return insert(table).returning(table)


@cache
def _update(table: Table) -> Update:
    return update(table).where(table.c.sequence == bindparam("of_row")).returning(table)


@cache
def _delete(table: Table) -> Delete:
    return delete(table).where(table.c.sequence == bindparam("of_row"))
