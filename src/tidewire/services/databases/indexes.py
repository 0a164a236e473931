"""Indexes: made and dropped while the table is in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.models import ColumnIndex, ColumnIndexList
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import EVERY, DialectCall, as_model
from tidewire.services.databases.events import INDEX, INDEX_EVENTS
from tidewire.services.databases.index_definitions import TYPES, IndexDefinition, define_index, make_if_small
from tidewire.services.databases.parameters import ColumnKey, IndexedKey, Length, Order
from tidewire.services.databases.records import find_index, find_table_row, index_model
from tidewire.services.databases.schema_changes import schema_change
from tidewire.services.databases.units import unit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.descriptions import INDEX_LIST
from tidewire.store.records.rows import update_row
from tidewire.store.schema import user_indexes
from tidewire.store.user_tables.changes import drop_index
from tidewire.store.user_tables.steps import new_version

_WRITE: Final = ("tables.write", "collections.write", "indexes.write")
_READ: Final = ("tables.read", "collections.read", "indexes.read")
_PATH: Final = "/{databaseId}/tables/{tableId}/indexes"


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
@schema_change
def create_index(
    transaction: Transaction,
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
    table = find_table_row(transaction.connection, call, database_id, table_id)
    row = define_index(transaction, call, table.sequence, definition)
    INDEX_EVENTS.publish(transaction, call, table, row, "create")
    make_if_small(transaction, call, row)
    # The answer has the status before the index is ready, which clients wait for.
    return index_model(call.dialect, row)


@declare("listIndexes", "GET", _PATH, scopes=_READ, dialects=EVERY)
@unit
def list_indexes(
    connection: Connection,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(INDEX_LIST.attributes))] = (),
    total: Boolean = True,
) -> ColumnIndexList:
    """List the indexes of a table."""
    table = find_table_row(connection, call, database_id, table_id)
    count, rows = list_rows(connection, INDEX_LIST, queries, "", (), total, table_sequence=table.sequence)
    indexes = [index_model(call.dialect, row) for row in rows]
    return as_model(call.dialect, ColumnIndexList, {"total": count, "indexes": indexes})


@declare("getIndex", "GET", f"{_PATH}/{{key}}", scopes=_READ, dialects=EVERY)
@unit
def get_index(
    connection: Connection, call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> ColumnIndex:
    """Get an index."""
    return index_model(call.dialect, find_index(connection, call, database_id, table_id, key)[1])


@declare("deleteIndex", "DELETE", f"{_PATH}/{{key}}", scopes=_WRITE, event=f"{INDEX}.update", dialects=EVERY)
@unit
def delete_index(
    transaction: Transaction, call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> None:
    """Delete an index."""
    connection = transaction.connection
    table, row = find_index(connection, call, database_id, table_id, key)
    row = update_row(connection, user_indexes, row.sequence, status="deleting", updated_at=row.updated_at)
    INDEX_EVENTS.publish(transaction, call, table, row, "update")
    drop_index(connection, row)
    INDEX_EVENTS.publish(transaction, call, table, row, "delete")
    new_version(connection, table.sequence)
