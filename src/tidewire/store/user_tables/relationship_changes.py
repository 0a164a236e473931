"""Relationships made and taken away in SQL, in steps (``steps``) where it takes long."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Row, delete, or_, select, update

from tidewire.core.relationships import key_holder
from tidewire.store.engine import dialect
from tidewire.store.engine.connection import Connection
from tidewire.store.records.descriptions import relationship_columns
from tidewire.store.records.rows import delete_row, find_row, update_row
from tidewire.store.schema import relationships, user_columns, user_tables
from tidewire.store.user_tables import names, steps
from tidewire.store.user_tables.relations import pairs_table
from tidewire.store.user_tables.steps import is_small, new_version, reach
from tidewire.store.user_tables.tables import sql_table


def add_relationship(connection: Connection, row: Row[Any]) -> None:
    """Make the SQL column or table of a new relationship."""
    holder = holding_table(row)
    if holder is None:
        pairs_table(row.sequence).create(connection, checkfirst=False)
        return
    rows, name = names.rows_table(holder), names.key_column(row.sequence)
    dialect.add_column(connection, rows, Column(name, BigInteger))


def begin_removal(connection: Connection, row: Row[Any]) -> Row[Any]:
    """Take a relationship out of use; what is stored of it goes in steps of :func:`advance_relationship`."""
    removed = update_row(
        connection, relationships, row.sequence, status="deleting", progress=0, updated_at=row.updated_at
    )
    _set_status(connection, row, "deleting")
    return removed


def remove_relationships_of(connection: Connection, table: int) -> None:
    """Begin to remove all relationships that a table takes part in, which is about to be dropped."""
    involved = or_(relationships.c.parent_table == table, relationships.c.child_table == table)
    for row in connection.execute(select(relationships).where(involved)).all():
        begin_removal(connection, row)


def advance_relationship(connection: Connection, row: Row[Any]) -> bool:
    """Do the next step for a relationship that is ``processing`` or ``deleting``; True: it was the last."""
    if row.status == "deleting":
        return _advance_removal(connection, row)
    holder = holding_table(row)
    if holder is not None:
        key = dialect.Indexed(names.key_column(row.sequence))
        index, rows = names.key_index(holder, row.sequence), names.rows_table(holder)
        dialect.create_index(connection, index, rows, [key], unique=row.type == "oneToOne")
    available = {"status": "available", "updated_at": row.updated_at}
    update_row(connection, relationships, row.sequence, **available)
    _set_status(connection, row, "available")
    return True


def holding_table(row: Row[Any]) -> int | None:
    """The table whose rows have the key; None if pairs are kept apart."""
    side = key_holder(row.type)
    if side is None:
        return None
    holder: int = row.parent_table if side == "parent" else row.child_table
    return holder


def _advance_removal(connection: Connection, row: Row[Any]) -> bool:
    holder = holding_table(row)
    if holder is None:
        done = _erase_pairs(connection, row.sequence)
    else:
        gone = find_row(connection, user_tables, sequence=holder) is None
        done = gone or _erase_keys(connection, row, holder)
    if done:
        for column in relationship_columns(connection, row):
            delete_row(connection, user_columns, column.sequence)
        delete_row(connection, relationships, row.sequence)
        _new_versions(connection, row)
    return done


def _erase_pairs(connection: Connection, relationship: int) -> bool:
    pairs = pairs_table(relationship)
    some = select(pairs.c.parent, pairs.c.child).limit(steps.STEP_ROWS).subquery()
    found = connection.execute(select(some)).all()
    for pair in found:
        connection.execute(delete(pairs).where(pairs.c.parent == pair.parent, pairs.c.child == pair.child))
    if len(found) < steps.STEP_ROWS:
        dialect.drop_tables(connection, pairs.name)
        return True
    return False


def _erase_keys(connection: Connection, row: Row[Any], holder: int) -> bool:
    name = names.key_column(row.sequence)
    dialect.drop_index(connection, names.key_index(holder, row.sequence))
    if is_small(connection, holder):
        dialect.drop_column(connection, names.rows_table(holder), name)
        return True
    # SQLite would write the whole table anew to drop a column: of a large one only the values go.
    rows = sql_table(holder, (), (name,))
    reached = reach(connection, rows, row.progress)
    if reached is None:
        return True
    within = (rows.c.sequence > row.progress, rows.c.sequence <= reached, rows.c[name].is_not(None))
    connection.execute(update(rows).where(*within).values({name: None}))
    update_row(connection, relationships, row.sequence, progress=reached, updated_at=row.updated_at)
    return False


def _set_status(connection: Connection, row: Row[Any], status: str) -> None:
    for column in relationship_columns(connection, row):
        update_row(connection, user_columns, column.sequence, status=status)
    _new_versions(connection, row)


def _new_versions(connection: Connection, row: Row[Any]) -> None:
    for table in {row.parent_table, row.child_table}:
        new_version(connection, table)
