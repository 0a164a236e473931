"""New, changed and deleted relationships: whether they make sense, and their description in the store.

The description is one row for both tables. What the API shows of it stands in the columns that show it, one
or, of a two-way relationship, two; it is written anew whenever the description changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from tidewire.core.relationships import KIND, OnDelete, RelationType, Side, other_side
from tidewire.core.time import now
from tidewire.services.databases.column_definitions import require_new_key, require_room
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.schema_changes import relationship_step, tell_column
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.schema import relationships, user_columns, user_tables
from tidewire.store.user_tables.relationship_changes import (
    add_relationship,
    begin_removal,
    holding_table,
    shown_columns,
)
from tidewire.store.user_tables.steps import is_small, new_version


@dataclass(frozen=True)
class RelationshipDefinition:
    """A relationship as a client describes it."""

    type: RelationType
    key: str
    two_way: bool
    two_way_key: str
    on_delete: OnDelete


def define_relationship(
    transaction: Transaction,
    call: DialectCall,
    table: Row[Any],
    related: Row[Any],
    definition: RelationshipDefinition,
) -> Row[Any]:
    """Describe and make a new relationship; it is ready at once if there are few rows.

    Raises ``column_already_exists`` or ``column_limit_exceeded``.
    """
    connection, dialect = transaction.connection, call.dialect
    require_new_key(connection, dialect, table.sequence, definition.key)
    require_room(connection, dialect, table.sequence)
    if definition.two_way:
        require_new_key(connection, dialect, related.sequence, definition.two_way_key)
        require_room(connection, dialect, related.sequence)
        if table.sequence == related.sequence and definition.key == definition.two_way_key:
            message = "The two sides of a relationship of a table with itself need different keys."
            raise dialect.error("column_already_exists", message)
    moment = now()
    row = connection.execute(
        insert(relationships)
        .values(
            created_at=moment,
            updated_at=moment,
            parent_table=table.sequence,
            child_table=related.sequence,
            parent_key=definition.key,
            child_key=definition.two_way_key,
            type=definition.type,
            on_delete=definition.on_delete,
            two_way=definition.two_way,
            status="processing",
        )
        .returning(relationships)
    ).one()
    _show(connection, row, "parent")
    if definition.two_way:
        _show(connection, row, "child")
    add_relationship(connection, row)
    _tell(transaction, call, row, "create")
    return row


def complete_if_small(transaction: Transaction, call: DialectCall, row: Row[Any]) -> bool:
    """Bring a relationship to an end of its changes at once if that does not take long."""
    connection, holder = transaction.connection, holding_table(row)
    return (holder is None or is_small(connection, holder)) and relationship_step(
        transaction, call.context.project, row
    )


def find_relationship(connection: Connection, column: Row[Any]) -> tuple[Row[Any], Side]:
    """The relationship that a column shows, and the side that the column is of."""
    side: Side = column.options["side"]
    table, key = relationships.c[f"{side}_table"], relationships.c[f"{side}_key"]
    found = select(relationships).where(table == column.table_sequence, key == column.key)
    if side == "child":
        found = found.where(relationships.c.two_way)
    return connection.execute(found).one(), side


def redefine_relationship(
    transaction: Transaction,
    call: DialectCall,
    column: Row[Any],
    on_delete: OnDelete | None,
    new_key: str | None,
) -> None:
    """Change a relationship's description. Raises ``column_already_exists``."""
    connection = transaction.connection
    row, side = find_relationship(connection, column)
    values: dict[str, Any] = {"updated_at": now(), "on_delete": on_delete or row.on_delete}
    if new_key is not None and new_key != column.key:
        require_new_key(connection, call.dialect, column.table_sequence, new_key)
        values[f"{side}_key"] = new_key
    of_relationship = relationships.c.sequence == row.sequence
    shown = connection.execute(shown_columns(row)).all()
    connection.execute(update(relationships).where(of_relationship).values(values))
    changed = connection.execute(select(relationships).where(of_relationship)).one()
    for each in shown:
        of_column = user_columns.c.sequence == each.sequence
        described = _described(connection, changed, each.options["side"])
        connection.execute(update(user_columns).where(of_column).values(updated_at=now(), **described))
    for table in {row.parent_table, row.child_table}:
        new_version(connection, table)
    _tell(transaction, call, changed, "update")


def delete_relationship(transaction: Transaction, call: DialectCall, column: Row[Any]) -> None:
    """Delete a relationship with what is related by it, whichever side it is asked for from."""
    connection = transaction.connection
    row, _ = find_relationship(connection, column)
    begin_removal(connection, row)
    of_relationship = relationships.c.sequence == row.sequence
    row = connection.execute(select(relationships).where(of_relationship)).one()
    _tell(transaction, call, row, "update")
    complete_if_small(transaction, call, row)


def _show(connection: Connection, row: Row[Any], side: Side) -> None:
    """Describe the column that shows a relationship in the table of a side."""
    connection.execute(
        insert(user_columns).values(
            table_sequence=row.parent_table if side == "parent" else row.child_table,
            created_at=row.created_at,
            updated_at=row.created_at,
            kind=KIND,
            type=KIND,
            status=row.status,
            **_described(connection, row, side),
        )
    )


def _described(connection: Connection, row: Row[Any], side: Side) -> dict[str, Any]:
    """What the column of a side says of the relationship."""
    keys = {"parent": row.parent_key, "child": row.child_key}
    related = row.child_table if side == "parent" else row.parent_table
    options = {
        "related_table": connection.scalar(select(user_tables.c.id).where(user_tables.c.sequence == related)),
        "relation_type": row.type,
        "two_way": row.two_way,
        "two_way_key": keys[other_side(side)],
        "on_delete": row.on_delete,
        "side": side,
    }
    return {"key": keys[side], "options": options}


def _tell(transaction: Transaction, call: DialectCall, row: Row[Any], action: str) -> None:
    context = call.context
    for column in transaction.connection.execute(shown_columns(row)).all():
        tell_column(transaction, context.project, column, action, context.caller.user_id)
