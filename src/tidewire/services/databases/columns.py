"""Columns: created, changed and deleted while the table is in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from sqlalchemy import select, update

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.models import AnyAttribute, AnyColumn, Column, ColumnList
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.core.time import now
from tidewire.services.databases.column_definitions import (
    ColumnDefinition,
    complete_if_small,
    define_column,
    find_column,
    publish_column,
    redefine_column,
)
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import DialectCall, as_model
from tidewire.services.databases.events import COLUMN
from tidewire.services.databases.parameters import ColumnKey
from tidewire.services.databases.records import column_model, find_table_row
from tidewire.services.databases.relationship_definitions import delete_relationship
from tidewire.services.databases.schema_changes import begin_changes
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import ListDefinition, list_rows
from tidewire.store.schema import user_columns, user_indexes
from tidewire.store.user_tables.changes import drop_index
from tidewire.store.user_tables.steps import new_version

WRITE: Final = ("tables.write", "collections.write", "columns.write", "attributes.write")
_READ: Final = ("tables.read", "collections.read", "columns.read", "attributes.read")
PATH: Final = "/{databaseId}/tables/{tableId}/columns"

_LIST: Final = ListDefinition(
    user_columns,
    user_columns.c.key,
    {
        "key": user_columns.c.key,
        "type": user_columns.c.type,
        "status": user_columns.c.status,
        "error": user_columns.c.error,
        "size": user_columns.c.size,
        "required": user_columns.c.required,
        "array": user_columns.c.array,
        "$id": user_columns.c.key,
        "$createdAt": user_columns.c.created_at,
        "$updatedAt": user_columns.c.updated_at,
        "$sequence": user_columns.c.sequence,
    },
)


@declare("listColumns", "GET", PATH, scopes=_READ)
async def list_columns(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> ColumnList:
    """List the columns of a table."""

    def unit(connection: Connection) -> ColumnList:
        table = find_table_row(connection, call, database_id, table_id)
        where = [user_columns.c.table_sequence == table.sequence]
        count, rows = list_rows(connection, _LIST, queries, "", where, total)
        columns = [column_model(call.dialect, row) for row in rows]
        return as_model(call.dialect, ColumnList, {"total": count, "columns": columns})

    return await call.context.database.read(unit)


@declare("getColumn", "GET", f"{PATH}/{{key}}", scopes=_READ, model=AnyColumn, older_model=AnyAttribute)
async def get_column(
    call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> Column:
    """Get a column."""

    def unit(connection: Connection) -> Column:
        table = find_table_row(connection, call, database_id, table_id)
        return column_model(call.dialect, find_column(connection, call.dialect, table.sequence, key))

    return await call.context.database.read(unit)


@declare("deleteColumn", "DELETE", f"{PATH}/{{key}}", scopes=WRITE, event=f"{COLUMN}.update")
async def delete_column(
    call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> None:
    """Delete a column with its values, and the indexes that it is in."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        table = find_table_row(connection, call, database_id, table_id)
        row = find_column(connection, call.dialect, table.sequence, key)
        if row.status == "deleting":
            return
        if row.kind == RELATIONSHIP:
            delete_relationship(transaction, call, row)
            return
        indexes = select(user_indexes).where(user_indexes.c.table_sequence == table.sequence)
        for index in connection.execute(indexes).all():
            if key in index.columns:
                drop_index(connection, index)
        changed = update(user_columns).where(user_columns.c.sequence == row.sequence)
        changed = changed.values(status="deleting", progress=0, updated_at=now())
        connection.execute(changed)
        new_version(connection, table.sequence)
        row = find_column(connection, call.dialect, table.sequence, key)
        publish_column(transaction, call, "update", database_id, table, row)
        complete_if_small(transaction, call, row)

    await call.context.database.write(unit)
    begin_changes(call)


async def create_column(
    call: DialectCall, database_id: str, table_id: str, definition: ColumnDefinition
) -> Column:
    """Create a column."""
    checked = definition.checked(call.dialect)

    def unit(transaction: Transaction) -> tuple[Column, bool]:
        connection = transaction.connection
        table = find_table_row(connection, call, database_id, table_id)
        row = define_column(transaction, call, table.sequence, checked)
        publish_column(transaction, call, "create", database_id, table, row)
        complete = complete_if_small(transaction, call, row)
        # As it was before it was made, which clients wait for.
        return column_model(call.dialect, row), complete

    column, complete = await call.context.database.write(unit)
    if not complete:
        begin_changes(call)
    return column


async def update_column(
    call: DialectCall, database_id: str, table_id: str, definition: ColumnDefinition, new_key: str | None
) -> Column:
    """Change a column; ``definition`` has its present key, and no size if that stays."""

    def unit(transaction: Transaction) -> Column:
        connection, dialect = transaction.connection, call.dialect
        table = find_table_row(connection, call, database_id, table_id)
        row = find_column(connection, dialect, table.sequence, definition.key)
        if row.status != "available":
            raise dialect.error("column_not_available", dialect.word("The column is not ready."))
        if row.kind != definition.kind.name:
            word = dialect.word("column")
            raise dialect.error("column_type_invalid", f"The {word} is not of this type.")
        options = {**definition.options}
        if "encrypt" in row.options:
            options["encrypt"] = row.options["encrypt"]
        changed = ColumnDefinition(
            new_key or row.key,
            definition.kind,
            definition.required,
            definition.default,
            row.array,
            definition.size or (row.size if definition.kind.resizable else 0),
            options,
        ).checked(dialect)
        redefine_column(connection, call, row, changed)
        row = find_column(connection, dialect, table.sequence, changed.key)
        publish_column(transaction, call, "update", database_id, table, row)
        return column_model(dialect, row)

    return await call.context.database.write(unit)
