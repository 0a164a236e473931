"""Indexes: made and dropped while the table is in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row, update

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.models import ColumnIndex, ColumnIndexList
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import EVERY, DialectCall, as_model
from tidewire.services.databases.events import INDEX, publish_definition, table_parameters
from tidewire.services.databases.index_definitions import (
    TYPES,
    IndexDefinition,
    define_index,
    find_index,
    make_if_small,
)
from tidewire.services.databases.parameters import ColumnKey, IndexedKey, Length, Order
from tidewire.services.databases.records import find_table_row, index_model
from tidewire.services.databases.schema_changes import begin_changes
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import ListDefinition, list_rows
from tidewire.store.schema import user_indexes
from tidewire.store.user_tables.changes import drop_index
from tidewire.store.user_tables.steps import new_version

_WRITE: Final = ("tables.write", "collections.write", "indexes.write")
_READ: Final = ("tables.read", "collections.read", "indexes.read")
_PATH: Final = "/{databaseId}/tables/{tableId}/indexes"


_LIST: Final = ListDefinition(
    user_indexes,
    user_indexes.c.key,
    {
        "key": user_indexes.c.key,
        "type": user_indexes.c.type,
        "status": user_indexes.c.status,
        "error": user_indexes.c.error,
        "attributes": user_indexes.c.columns,
        "$id": user_indexes.c.key,
        "$createdAt": user_indexes.c.created_at,
        "$updatedAt": user_indexes.c.updated_at,
        "$sequence": user_indexes.c.sequence,
    },
)


@declare(
    "createIndex",
    "POST",
    _PATH,
    scopes=_WRITE,
    status=202,
    event=f"{INDEX}.create",
    dialects=EVERY,
    varying=lambda dialect: {"type": Annotated[str, AnyCaseChoice(TYPES[dialect])]},
)
async def create_index(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    key: ColumnKey,
    type: str,  # noqa: A002 - the name on the wire
    columns: Annotated[Sequence[str], Items(IndexedKey(36))],
    orders: Annotated[Sequence[str], Items(Order())] = (),
    lengths: Annotated[Sequence[int], Items(Length())] = (),
) -> ColumnIndex:
    """Create an index."""
    definition = IndexDefinition(key, type, columns, orders, lengths)

    def unit(transaction: Transaction) -> tuple[ColumnIndex, bool]:
        connection = transaction.connection
        table = find_table_row(connection, call, database_id, table_id)
        row = define_index(transaction, call, table.sequence, definition)
        _publish(transaction, call, "create", database_id, table, row)
        complete = make_if_small(transaction, call, row)
        # As it was before it was made, which clients wait for.
        return index_model(call.dialect, row), complete

    index, complete = await call.context.database.write(unit)
    if not complete:
        begin_changes(call)
    return index


@declare("listIndexes", "GET", _PATH, scopes=_READ, dialects=EVERY)
async def list_indexes(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> ColumnIndexList:
    """List the indexes of a table."""

    def unit(connection: Connection) -> ColumnIndexList:
        table = find_table_row(connection, call, database_id, table_id)
        where = [user_indexes.c.table_sequence == table.sequence]
        count, rows = list_rows(connection, _LIST, queries, "", where, total)
        indexes = [index_model(call.dialect, row) for row in rows]
        return as_model(call.dialect, ColumnIndexList, {"total": count, "indexes": indexes})

    return await call.context.database.read(unit)


@declare("getIndex", "GET", f"{_PATH}/{{key}}", scopes=_READ, dialects=EVERY)
async def get_index(
    call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> ColumnIndex:
    """Get an index."""

    def unit(connection: Connection) -> ColumnIndex:
        table = find_table_row(connection, call, database_id, table_id)
        return index_model(call.dialect, find_index(connection, call.dialect, table.sequence, key))

    return await call.context.database.read(unit)


@declare("deleteIndex", "DELETE", f"{_PATH}/{{key}}", scopes=_WRITE, event=f"{INDEX}.update", dialects=EVERY)
async def delete_index(
    call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> None:
    """Delete an index."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        table = find_table_row(connection, call, database_id, table_id)
        row = find_index(connection, call.dialect, table.sequence, key)
        changed = update(user_indexes).where(user_indexes.c.sequence == row.sequence)
        connection.execute(changed.values(status="deleting"))
        row = find_index(connection, call.dialect, table.sequence, key)
        _publish(transaction, call, "update", database_id, table, row)
        drop_index(connection, row)
        _publish(transaction, call, "delete", database_id, table, row)
        new_version(connection, table.sequence)

    await call.context.database.write(unit)


def _publish(
    transaction: Transaction, call: DialectCall, action: str, database_id: str, table: Row[Any], row: Row[Any]
) -> None:
    publish_definition(
        transaction,
        call,
        f"{INDEX}.{action}",
        table_parameters(database_id, table.id) | {"indexId": row.key},
        index_model(call.dialect, row),
        table.database_type,
    )
