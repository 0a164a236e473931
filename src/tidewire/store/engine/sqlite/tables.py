"""Tables, columns and indexes made and dropped: what SQLite does of that in one statement.

All names are made from sequences, none is a user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.savepoints import undone_if_raised
from tidewire.store.engine.sqlite.indexed import Indexed


def upsert(target: Table) -> sqlite.Insert:
    """An INSERT that can say what to do where the row is there already (``on_conflict_do_update``)."""
    return sqlite.insert(target)


def add_column(connection: Connection, rows: str, added: Column[Any]) -> None:
    """Add a column that is NULL in all rows. Takes the same time however many there are."""
    sql_type = added.type.compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {rows} ADD COLUMN {added.name} {sql_type}")


def drop_column(connection: Connection, rows: str, name: str) -> None:
    """Take a column away. Writes all rows anew."""
    connection.exec_driver_sql(f"ALTER TABLE {rows} DROP COLUMN {name}")


def create_index(
    connection: Connection,
    name: str,
    rows: str,
    columns: Sequence[Indexed],
    descending: Sequence[bool] = (),
    *,
    unique: bool = False,
) -> bool:
    """Make an index over all rows; False: rows that there are have equal values, and it was to be unique.

    ``descending``: of the first columns, whether their values descend.
    """
    falls = [*descending, *[False] * (len(columns) - len(descending))]
    # SQLite puts the row's number at the end of an index, always ascending, and reads an index in either
    # direction. So the last column ascends too: then rows with equal values have the order that lists want.
    indexed = [
        f"{each.value()} DESC" if fall != falls[-1] else each.value()
        for each, fall in zip(columns, falls, strict=True)
    ]
    if unique:
        indexed += [each.kind() for each in columns if each.path is not None]
    definition = f"CREATE {'UNIQUE ' if unique else ''}INDEX {name} ON {rows} ({', '.join(indexed)})"
    try:
        with undone_if_raised(connection):
            connection.exec_driver_sql(definition)
    except IntegrityError:
        return False
    return True


def drop_index(connection: Connection, name: str) -> None:
    """Take an index away, if there is one."""
    connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")


def drop_tables(connection: Connection, *names: str) -> None:
    """Take tables away, those that there are."""
    for name in names:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
