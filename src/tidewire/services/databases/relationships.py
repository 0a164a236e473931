"""Columns that show the rows of another table: made and changed while the tables are in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from tidewire.core.checks.names import KeyName, ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Choice
from tidewire.core.models import Column, ColumnRelationship
from tidewire.core.relationships import KIND, ON_DELETE, TYPES, OnDelete, RelationType
from tidewire.services.databases.columns import PATH, WRITE
from tidewire.services.databases.declarations import F, declare
from tidewire.services.databases.dialects import COLLECTIONS, TABLES, Dialect, DialectCall
from tidewire.services.databases.events import COLUMN
from tidewire.services.databases.parameters import ColumnKey
from tidewire.services.databases.records import column_model, find_column, find_table_row
from tidewire.services.databases.relationship_definitions import (
    RelationshipDefinition,
    complete_if_small,
    define_relationship,
    redefine_relationship,
)
from tidewire.services.databases.schema_changes import schema_change
from tidewire.services.databases.units import unit
from tidewire.store.engine.database import Transaction

_Flag = Annotated[bool, TrueOrFalse()]
_OnDelete = Annotated[OnDelete, Choice(ON_DELETE)]
_NewKey = Annotated[str, KeyName(36)]
_BY_KIND: Final = f"{PATH}/relationship/{{key}}"
_BY_KEY: Final = f"{PATH}/{{key}}/relationship"


def _declare_change(dialect: Dialect, path: str, alias: str) -> Callable[[F], F]:
    """Declare a change in a dialect; which of the two paths is the alias differs between dialects."""
    return declare(
        "updateRelationshipColumn",
        "PATCH",
        path,
        scopes=WRITE,
        model=ColumnRelationship,
        aliases=(alias,),
        event=f"{COLUMN}.update",
        dialects=(dialect,),
    )


@declare(
    "createRelationshipColumn",
    "POST",
    f"{PATH}/relationship",
    scopes=WRITE,
    status=202,
    model=ColumnRelationship,
    event=f"{COLUMN}.create",
)
@schema_change
def create_relationship_column(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    related_table_id: ResourceId,
    type: Annotated[RelationType, Choice(TYPES)],  # noqa: A002 - the name on the wire
    two_way: _Flag = False,
    key: _NewKey | None = None,
    two_way_key: _NewKey | None = None,
    on_delete: _OnDelete = "restrict",
) -> Column:
    """Create a column for related rows of another table, or of this one."""
    definition = RelationshipDefinition(
        type, key or related_table_id, two_way, two_way_key or table_id, on_delete
    )
    connection = transaction.connection
    table = find_table_row(connection, call, database_id, table_id)
    related = find_table_row(connection, call, database_id, related_table_id)
    row = define_relationship(transaction, call, table, related, definition)
    # The answer has the status before the column is ready, which clients wait for.
    _, column = find_column(connection, call, database_id, table_id, definition.key)
    complete_if_small(transaction, call, row)
    return column_model(call.dialect, column)


@_declare_change(TABLES, _BY_KEY, _BY_KIND)
@_declare_change(COLLECTIONS, _BY_KIND, _BY_KEY)
@unit
def update_relationship_column(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    key: ColumnKey,
    on_delete: _OnDelete | None = None,
    new_key: _NewKey | None = None,
) -> Column:
    """Change what happens to related rows when a row is deleted, or the key of the column."""
    connection, dialect = transaction.connection, call.dialect
    _, row = find_column(connection, call, database_id, table_id, key)
    if row.kind != KIND:
        raise dialect.error("column_type_invalid", dialect.word("The column is no relationship."))
    if row.status != "available":
        raise dialect.error("column_not_available", dialect.word("The column is not ready."))
    redefine_relationship(transaction, call, row, on_delete, new_key)
    _, row = find_column(connection, call, database_id, table_id, new_key or key)
    return column_model(dialect, row)
