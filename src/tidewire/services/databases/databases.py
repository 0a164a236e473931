"""Databases: sets of tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Database, DatabaseList
from tidewire.services.answers import shown
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import EVERY, SCHEMALESS, DialectCall
from tidewire.services.databases.events import DATABASE, publish_definition
from tidewire.services.databases.records import find_database
from tidewire.services.databases.schema_changes import schema_change
from tidewire.services.databases.units import unit
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.descriptions import DATABASE_LIST, databases_of_types
from tidewire.store.records.rows import delete_row, find_row, insert_row, rows_of, update_row
from tidewire.store.schema import databases, user_tables
from tidewire.store.user_tables.changes import drop_table

Name = Annotated[str, Text(1, 128)]
Enabled = Annotated[bool, TrueOrFalse()]

_WRITE: Final = ("databases.write",)
_READ: Final = ("databases.read",)
_declare_update: Final = partial(
    declare, "update", "PUT", "/{databaseId}", scopes=_WRITE, event=f"{DATABASE}.update"
)


@declare("create", "POST", "", scopes=_WRITE, status=201, event=f"{DATABASE}.create", dialects=EVERY)
@unit
def create_database(
    transaction: Transaction, call: DialectCall, database_id: CustomId, name: Name, enabled: Enabled = True
) -> Database:
    """Create a database."""
    connection = transaction.connection
    new_id = unique_id() if database_id == "unique()" else database_id
    if find_row(connection, databases, id=new_id) is not None:
        raise TidewireError("database_already_exists", "A database with this id already exists.")
    kind = call.dialect.database_type
    row = insert_row(connection, databases, id=new_id, type=kind, name=name, enabled=enabled)
    return _publish(transaction, call, "create", row)


@declare("list", "GET", "", scopes=_READ, dialects=EVERY)
@unit
def list_databases(
    connection: Connection,
    call: DialectCall,
    queries: Annotated[Sequence[str], QueryList(tuple(DATABASE_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> DatabaseList:
    """List the databases."""
    where = databases_of_types(call.dialect.reaches)
    count, rows = list_rows(connection, DATABASE_LIST, queries, search, where, total)
    return DatabaseList(total=count, databases=[shown(Database, row) for row in rows])


@declare("get", "GET", "/{databaseId}", scopes=_READ, dialects=EVERY)
@unit
def get_database(connection: Connection, call: DialectCall, database_id: ResourceId) -> Database:
    """Get a database."""
    return shown(Database, find_database(connection, call, database_id))


@_declare_update()
@_declare_update(dialects=SCHEMALESS, required=("name",))
@unit
def update_database(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    name: Name | None = None,
    enabled: Enabled = True,
) -> Database:
    """Rename, enable or disable a database; a name that is not given stays."""
    row = find_database(transaction.connection, call, database_id)
    values = {"name": name or row.name, "enabled": enabled}
    row = update_row(transaction.connection, databases, row.sequence, **values)
    return _publish(transaction, call, "update", row)


@declare("delete", "DELETE", "/{databaseId}", scopes=_WRITE, event=f"{DATABASE}.delete", dialects=EVERY)
@schema_change
def delete_database(transaction: Transaction, call: DialectCall, database_id: ResourceId) -> None:
    """Delete a database with all its tables; there are no events for these."""
    connection = transaction.connection
    row = find_database(connection, call, database_id)
    for table in rows_of(connection, user_tables, database_sequence=row.sequence):
        drop_table(connection, table.sequence)
    _publish(transaction, call, "delete", row)
    delete_row(connection, databases, row.sequence)


def _publish(transaction: Transaction, call: DialectCall, action: str, row: Row[Any]) -> Database:
    database = shown(Database, row)
    parameters = {"databaseId": row.id}
    publish_definition(transaction, call, f"{DATABASE}.{action}", parameters, database, row.type)
    return database
