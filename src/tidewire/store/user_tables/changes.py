"""Users' tables made, changed and dropped in SQL.

What takes long is done in steps, each a unit of work of its own, between which others read and write. A step
notes how far it got in the description of what it works on: whoever does the next step, in this process or
in one that was started later, goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, delete, exists, func, select, update

from tidewire.store.engine import dialect
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import Indexed, SideIndex
from tidewire.store.records.rows import delete_row, rows_of, update_row
from tidewire.store.schema import dropped_tables, user_columns, user_indexes, user_tables
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.user_tables import names
from tidewire.store.user_tables.columns import UserColumn, column_of, sql_column
from tidewire.store.user_tables.relationship_changes import remove_relationships_of
from tidewire.store.user_tables.steps import is_small, new_version, reach
from tidewire.store.user_tables.tables import readers_table, sql_table

DESCRIPTIVE_TYPES: Final = ("hnsw_euclidean", "hnsw_dot", "hnsw_cosine", "object")


def create_table(connection: Connection, sequence: int) -> None:
    """Make the tables of a new user table, without columns of its own yet."""
    sql_table(sequence, ()).create(connection, checkfirst=False)
    readers_table(sequence).create(connection, checkfirst=False)


def drop_table(connection: Connection, sequence: int) -> None:
    """Take a table away: its description at once, its rows in steps of :func:`advance_dropped_table`."""
    for index in rows_of(connection, user_indexes, table_sequence=sequence):
        drop_index(connection, index)
    remove_relationships_of(connection, sequence)
    connection.execute(dropped_tables.insert().values(table_sequence=sequence))
    delete_row(connection, user_tables, sequence)


def add_column(connection: Connection, table: int, column: UserColumn) -> None:
    """Make the SQL column of a new column; rows that there are have nothing in it yet."""
    rows = names.rows_table(table)
    dialect.add_column(connection, rows, sql_column(column))
    if column.rules.kind.storage == "vector":
        dialect.keep_vectors(connection, names.vectors_table(table), rows, column.name)


def is_empty(connection: Connection, table: int) -> bool:
    """Whether a table has no rows."""
    return connection.scalar(select(_rows(table).c.sequence).limit(1)) is None


def fits(connection: Connection, row: Row[Any], size: int) -> bool:
    """Whether all values of a column have at most ``size`` characters; sealed values count as longer."""
    column = column_of(row)
    rows = sql_table(row.table_sequence, [column])
    stored = rows.c[column.name]
    too_long: ColumnElement[bool] = func.length(stored) > size
    if column.rules.encrypted:
        too_long = stored.is_not(None)
    elif column.as_json:
        element = dialect.elements_of(stored)
        too_long = exists(select(1).select_from(element).where(func.length(element.c.value) > size))
    return connection.scalar(select(rows.c.sequence).where(too_long).limit(1)) is None


def advance_column(connection: Connection, row: Row[Any], encryption: Encryption) -> bool:
    """Do the next step for a column that is ``processing`` or ``deleting``; True: it was the last."""
    column = column_of(row)
    erased = row.status == "deleting"
    if erased and is_small(connection, row.table_sequence):
        dialect.drop_column(connection, names.rows_table(row.table_sequence), column.name)
        return _finished(connection, row, erased)
    value = None if erased else column.rules.default
    if value is not None or erased:
        # SQLite would write the whole table anew to drop a column: of a large one only the values go.
        stored = column.stored(None if erased else column.rules.accept(value), encryption)
        rows = sql_table(row.table_sequence, [column])
        reached = reach(connection, rows, row.progress)
        if reached is not None:
            within = (rows.c.sequence > row.progress, rows.c.sequence <= reached)
            connection.execute(update(rows).where(*within).values({column.name: stored}))
            update_row(connection, user_columns, row.sequence, progress=reached, updated_at=row.updated_at)
            return False
    return _finished(connection, row, erased)


def _finished(connection: Connection, row: Row[Any], erased: bool) -> bool:
    if erased:
        delete_row(connection, user_columns, row.sequence)
    else:
        finished = {"status": "available", "progress": 0, "updated_at": row.updated_at}
        update_row(connection, user_columns, row.sequence, **finished)
    new_version(connection, row.table_sequence)
    return True


def advance_index(connection: Connection, row: Row[Any], columns: Sequence[Indexed]) -> bool:
    """Do the next step for an index that is ``processing``; True: it was the last, whatever its outcome.

    SQLite makes indexes of types ``key`` and ``unique`` in one statement, others are filled in steps.
    Those on vectors and on whole objects are descriptions only: what they would speed up is found without.
    """
    if row.type in DESCRIPTIVE_TYPES:
        return _index_finished(connection, row, "")
    if row.type in {"key", "unique"}:
        error = _create_index(connection, row, columns)
        return _index_finished(connection, row, error)
    index = _side_index(row, columns)
    if row.progress == 0:
        index.create(connection)
    reached = reach(connection, _rows(row.table_sequence), row.progress)
    if reached is None:
        index.complete(connection)
        return _index_finished(connection, row, "")
    index.fill(connection, row.progress, reached)
    update_row(connection, user_indexes, row.sequence, progress=reached, updated_at=row.updated_at)
    return False


def drop_index(connection: Connection, row: Row[Any]) -> None:
    """Take an index away, as far as it was made, and its description."""
    if row.type in {"key", "unique", *DESCRIPTIVE_TYPES}:
        dialect.drop_index(connection, names.index_name(row.table_sequence, row.sequence))
    else:
        _side_index(row).drop(connection)
    delete_row(connection, user_indexes, row.sequence)


def advance_dropped_table(connection: Connection, table: int) -> bool:
    """Do the next step of dropping a table; True: it was the last."""
    rows, readers = _rows(table), readers_table(table)
    reached = None if is_small(connection, table) else reach(connection, rows, 0)
    if reached is not None:
        connection.execute(delete(readers).where(readers.c.row <= reached))
        connection.execute(delete(rows).where(rows.c.sequence <= reached))
        return False
    dialect.drop_tables(connection, names.vectors_table(table), readers.name, rows.name)
    connection.execute(delete(dropped_tables).where(dropped_tables.c.table_sequence == table))
    return True


def _create_index(connection: Connection, row: Row[Any], columns: Sequence[Indexed]) -> str:
    """Make an index; return what went wrong, empty if nothing did."""
    descending = [order == "desc" for order in row.orders][: len(columns)]
    name, rows = names.index_name(row.table_sequence, row.sequence), names.rows_table(row.table_sequence)
    unique = row.type == "unique"
    if dialect.create_index(connection, name, rows, columns, descending, unique=unique):
        return ""
    return "Rows that there are have equal values: they cannot be unique."


def _side_index(row: Row[Any], columns: Sequence[Indexed] = ()) -> SideIndex:
    name, rows = names.index_name(row.table_sequence, row.sequence), names.rows_table(row.table_sequence)
    return SideIndex(rows, name, row.sequence, row.type, columns)


def _index_finished(connection: Connection, row: Row[Any], error: str) -> bool:
    status = "failed" if error else "available"
    update_row(connection, user_indexes, row.sequence, status=status, error=error)
    new_version(connection, row.table_sequence)
    return True


def _rows(table: int) -> Table:
    return sql_table(table, ())
