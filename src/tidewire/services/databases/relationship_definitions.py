"""New, changed and deleted relationships: the checks of what clients ask for, and the descriptions.

A description is one row for both tables. The API shows a relationship as one column, or as two if it is
two-way; the descriptions of these columns are rewritten whenever that of the relationship changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidewire.core.relationships import KIND, OnDelete, RelationType, Side, other_side
from tidewire.services.databases.column_definitions import require_new_key, require_room
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.events import COLUMN_EVENTS
from tidewire.services.databases.schema_changes import relationship_step
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.descriptions import relationship_columns
from tidewire.store.records.rows import find_row, insert_row, update_row
from tidewire.store.schema import relationships, user_columns, user_tables
from tidewire.store.user_tables.relationship_changes import add_relationship, begin_removal, holding_table
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
    row = insert_row(
        connection,
        relationships,
        parent_table=table.sequence,
        child_table=related.sequence,
        parent_key=definition.key,
        child_key=definition.two_way_key,
        type=definition.type,
        on_delete=definition.on_delete,
        two_way=definition.two_way,
        status="processing",
    )
    _show(connection, row, "parent")
    if definition.two_way:
        _show(connection, row, "child")
    add_relationship(connection, row)
    _tell(transaction, call, row, "create")
    return row


def complete_if_small(transaction: Transaction, call: DialectCall, row: Row[Any]) -> None:
    """Do a step for a relationship at once if that does not take long."""
    holder = holding_table(row)
    if holder is None or is_small(transaction.connection, holder):
        relationship_step(transaction, call.context.project, row)


def find_relationship(connection: Connection, column: Row[Any]) -> tuple[Row[Any], Side]:
    """The relationship that a column shows, and the side that the column stands on."""
    side: Side = column.options["side"]
    named = {f"{side}_table": column.table_sequence, f"{side}_key": column.key}
    if side == "child":
        named["two_way"] = True
    row = find_row(connection, relationships, **named)
    assert row is not None
    return row, side


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
    values: dict[str, Any] = {"on_delete": on_delete or row.on_delete}
    if new_key is not None and new_key != column.key:
        require_new_key(connection, call.dialect, column.table_sequence, new_key)
        values[f"{side}_key"] = new_key
    shown = relationship_columns(connection, row)
    changed = update_row(connection, relationships, row.sequence, **values)
    for each in shown:
        described = _described(connection, changed, each.options["side"])
        update_row(connection, user_columns, each.sequence, **described)
    for table in {row.parent_table, row.child_table}:
        new_version(connection, table)
    _tell(transaction, call, changed, "update")


def delete_relationship(transaction: Transaction, call: DialectCall, column: Row[Any]) -> None:
    """Delete a relationship with all links between rows; ``column`` may be that of either side."""
    connection = transaction.connection
    row, _ = find_relationship(connection, column)
    row = begin_removal(connection, row)
    _tell(transaction, call, row, "update")
    complete_if_small(transaction, call, row)


def _show(connection: Connection, row: Row[Any], side: Side) -> None:
    """Add the column that shows a relationship in the table of a side."""
    insert_row(
        connection,
        user_columns,
        table_sequence=row.parent_table if side == "parent" else row.child_table,
        created_at=row.created_at,
        updated_at=row.created_at,
        kind=KIND,
        type=KIND,
        status=row.status,
        **_described(connection, row, side),
    )


def _described(connection: Connection, row: Row[Any], side: Side) -> dict[str, Any]:
    """The key and the options of the column that shows a relationship on a side."""
    keys = {"parent": row.parent_key, "child": row.child_key}
    sequence = row.child_table if side == "parent" else row.parent_table
    related = find_row(connection, user_tables, sequence=sequence)
    assert related is not None
    options = {
        "related_table": related.id,
        "relation_type": row.type,
        "two_way": row.two_way,
        "two_way_key": keys[other_side(side)],
        "on_delete": row.on_delete,
        "side": side,
    }
    return {"key": keys[side], "options": options}


def _tell(transaction: Transaction, call: DialectCall, row: Row[Any], action: str) -> None:
    project, actor_id = call.context.project, call.context.caller.user_id
    for column in relationship_columns(transaction.connection, row):
        COLUMN_EVENTS.publish_outcome(transaction, project, column, action, actor_id)
