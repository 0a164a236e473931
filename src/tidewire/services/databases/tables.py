"""Tables: what their rows are like, and who may do what with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row, insert, select, update

from tidewire.core.checks.lists import Items, JsonOrText, PermissionList, QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Search, Text
from tidewire.core.ids import unique_id
from tidewire.core.models import Table, TableList
from tidewire.core.permissions import expand_permissions
from tidewire.core.time import now
from tidewire.services.databases.column_definitions import (
    ColumnDefinition,
    complete_if_small,
    define_column,
    read_column,
)
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import EVERY, TABLES, Dialect, DialectCall, as_model
from tidewire.services.databases.events import TABLE, publish_definition, table_parameters
from tidewire.services.databases.index_definitions import (
    IndexDefinition,
    define_index,
    make_if_small,
    read_index,
)
from tidewire.services.databases.list_cache import purge_lists
from tidewire.services.databases.records import find_database, find_table_row, table_of
from tidewire.services.databases.schema_changes import begin_changes
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import ListDefinition, list_rows
from tidewire.store.schema import user_tables
from tidewire.store.user_tables.changes import create_table as create_sql_table
from tidewire.store.user_tables.changes import drop_table

Name = Annotated[str, Text(1, 128)]
Enabled = Annotated[bool, TrueOrFalse()]
Permissions = Annotated[Sequence[str], PermissionList((*PARENT_ACTIONS, "write"))]
Definitions = Annotated[Sequence[dict[str, Any]], Items(JsonOrText())]

WRITE: Final = ("tables.write", "collections.write")
_READ: Final = ("tables.read", "collections.read")


def _list_definition(dialect: Dialect) -> ListDefinition:
    """All but the dialect of tables can also ask for the security of documents."""
    columns = user_tables.c
    security = {} if dialect is TABLES else {"documentSecurity": columns.row_security}
    return ListDefinition(
        user_tables,
        columns.id,
        {
            "name": columns.name,
            "enabled": columns.enabled,
            **security,
            "$id": columns.id,
            "$createdAt": columns.created_at,
            "$updatedAt": columns.updated_at,
            "$sequence": columns.sequence,
        },
    )


_LISTS: Final = {dialect: _list_definition(dialect) for dialect in EVERY}


def _queries(dialect: Dialect) -> Any:
    return Annotated[Sequence[str], QueryList(tuple(_LISTS[dialect].attributes))]


@declare("createTable", "POST", "/{databaseId}/tables", scopes=WRITE, status=201, event=f"{TABLE}.create")
async def create_table(
    call: DialectCall,
    database_id: ResourceId,
    table_id: CustomId,
    name: Name,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
    columns: Definitions = (),
    indexes: Definitions = (),
) -> Table:
    """Create a table, maybe with its first columns and indexes."""
    new_id = unique_id() if table_id == "unique()" else table_id
    granted = expand_permissions(permissions, PARENT_ACTIONS) or []
    new_columns = [read_column(call.dialect, column) for column in columns]
    new_indexes = [read_index(call.dialect, index) for index in indexes]

    def unit(transaction: Transaction) -> Table:
        values: dict[str, Any] = {"id": new_id, "permissions": granted, "name": name}
        values |= {"enabled": enabled, "row_security": row_security}
        return write_table(transaction, call, database_id, values, new_columns, new_indexes)

    return await call.context.database.write(unit)


def write_table(
    transaction: Transaction,
    call: DialectCall,
    database_id: str,
    values: Mapping[str, Any],
    columns: Sequence[ColumnDefinition],
    indexes: Sequence[IndexDefinition],
) -> Table:
    """Make a table with its first columns and indexes; ``values`` describe it.

    Raises ``database_not_found``, ``table_already_exists``, and what a column or an index may be refused for.
    """
    connection = transaction.connection
    database = find_database(connection, call, database_id)
    of_id = (user_tables.c.database_sequence == database.sequence, user_tables.c.id == values["id"])
    if connection.execute(select(user_tables.c.sequence).where(*of_id)).first():
        word = call.dialect.word("table")
        raise call.dialect.error("table_already_exists", f"A {word} with this id already exists.")
    moment = now()
    described = {"created_at": moment, "updated_at": moment, "version": unique_id(), **values}
    sequence: int = connection.execute(
        insert(user_tables)
        .values(database_sequence=database.sequence, **described)
        .returning(user_tables.c.sequence)
    ).scalar_one()
    create_sql_table(connection, sequence)
    for column in columns:
        complete_if_small(transaction, call, define_column(transaction, call, sequence, column))
    for index in indexes:
        make_if_small(transaction, call, define_index(transaction, call, sequence, index))
    return publish_table(transaction, call, "create", database_id, values["id"])


@declare(
    "listTables",
    "GET",
    "/{databaseId}/tables",
    scopes=_READ,
    dialects=EVERY,
    varying=lambda dialect: {"queries": _queries(dialect)},
)
async def list_tables(
    call: DialectCall,
    database_id: ResourceId,
    queries: Sequence[str] = (),
    search: Search = "",
    total: Boolean = True,
) -> TableList:
    """List the tables of a database."""
    definition = _LISTS[call.dialect]

    def unit(connection: Connection) -> TableList:
        database = find_database(connection, call, database_id)
        where = [user_tables.c.database_sequence == database.sequence]
        count, rows = list_rows(connection, definition, queries, search, where, total)
        tables = [table_of(connection, call.dialect, row, database_id) for row in rows]
        return as_model(call.dialect, TableList, {"total": count, "tables": tables})

    return await call.context.database.read(unit)


@declare("getTable", "GET", "/{databaseId}/tables/{tableId}", scopes=_READ, dialects=EVERY)
async def get_table(call: DialectCall, database_id: ResourceId, table_id: ResourceId) -> Table:
    """Get a table."""

    def unit(connection: Connection) -> Table:
        row = find_table_row(connection, call, database_id, table_id)
        return table_of(connection, call.dialect, row, database_id)

    return await call.context.database.read(unit)


@declare("updateTable", "PUT", "/{databaseId}/tables/{tableId}", scopes=WRITE, event=f"{TABLE}.update")
async def update_table(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    name: Name | None = None,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
    purge: Boolean = False,
) -> Table:
    """Change a table; a name or permissions that are not given stay. ``purge``: its lists are made anew."""
    granted = expand_permissions(permissions, PARENT_ACTIONS)

    def unit(transaction: Transaction) -> Table:
        row = find_table_row(transaction.connection, call, database_id, table_id)
        if purge:
            purge_lists(transaction.connection, row.sequence)
        values = {"name": name or row.name, "row_security": row_security, "enabled": enabled}
        return change_table(transaction, call, row, values, granted)

    return await call.context.database.write(unit)


def change_table(
    transaction: Transaction,
    call: DialectCall,
    row: Row[Any],
    values: Mapping[str, Any],
    granted: list[str] | None,
) -> Table:
    """Change the description of a table; ``granted`` None: its permissions stay."""
    permissions = row.permissions if granted is None else granted
    described = {**values, "permissions": permissions, "updated_at": now(), "version": unique_id()}
    changed = update(user_tables).where(user_tables.c.sequence == row.sequence)
    transaction.connection.execute(changed.values(described))
    return publish_table(transaction, call, "update", row.database_id, row.id)


@declare(
    "deleteTable",
    "DELETE",
    "/{databaseId}/tables/{tableId}",
    scopes=WRITE,
    event=f"{TABLE}.delete",
    dialects=EVERY,
)
async def delete_table(call: DialectCall, database_id: ResourceId, table_id: ResourceId) -> None:
    """Delete a table with all its rows; no event tells of these."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_table_row(connection, call, database_id, table_id)
        publish_table(transaction, call, "delete", database_id, table_id)
        drop_table(connection, row.sequence)

    await call.context.database.write(unit)
    begin_changes(call)


def publish_table(
    transaction: Transaction, call: DialectCall, action: str, database_id: str, table_id: str
) -> Table:
    """Write the event of a table, and return it as the API shows it."""
    row = find_table_row(transaction.connection, call, database_id, table_id)
    shown = table_of(transaction.connection, call.dialect, row, database_id)
    publish_definition(
        transaction,
        call,
        f"{TABLE}.{action}",
        table_parameters(database_id, table_id),
        shown,
        row.database_type,
    )
    return shown
