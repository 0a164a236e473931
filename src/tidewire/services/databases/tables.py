"""Tables: created, listed, changed and deleted, with their columns, indexes and permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import Items, JsonOrText, PermissionList, QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Search, Text
from tidewire.core.columns import DOCUMENT_KINDS
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Table, TableList
from tidewire.core.permissions import expand_permissions
from tidewire.services.databases.column_definitions import (
    ColumnDefinition,
    complete_if_small,
    define_column,
    read_column,
)
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import (
    DOCUMENTS,
    EVERY,
    STRUCTURED,
    TABLES,
    Dialect,
    DialectCall,
    as_model,
)
from tidewire.services.databases.events import TABLE, publish_definition, table_parameters
from tidewire.services.databases.index_definitions import (
    IndexDefinition,
    define_index,
    make_if_small,
    read_index,
)
from tidewire.services.databases.list_cache import purge_lists
from tidewire.services.databases.records import find_database, find_table_row, table_of
from tidewire.services.databases.schema_changes import schema_change
from tidewire.services.databases.units import unit
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import ListDefinition, list_rows
from tidewire.store.records.descriptions import COLLECTION_LIST, TABLE_LIST
from tidewire.store.records.rows import find_row, insert_row, update_row
from tidewire.store.schema import user_tables
from tidewire.store.user_tables.changes import create_table as create_sql_table
from tidewire.store.user_tables.changes import drop_table
from tidewire.store.user_tables.tables import DOCUMENT

Name = Annotated[str, Text(1, 128)]
Enabled = Annotated[bool, TrueOrFalse()]
Permissions = Annotated[Sequence[str], PermissionList((*PARENT_ACTIONS, "write"))]
Definitions = Annotated[Sequence[dict[str, Any]], Items(JsonOrText())]

WRITE: Final = ("tables.write", "collections.write")
_READ: Final = ("tables.read", "collections.read")
PATH: Final = "/{databaseId}/tables"
ID_PATH: Final = f"{PATH}/{{tableId}}"

_MEMBERS: Final = ColumnDefinition(DOCUMENT, DOCUMENT_KINDS["document"])
"""The only column of a collection of documents, which holds each of them as a whole."""
_declare_update: Final = partial(
    declare, "updateTable", "PUT", ID_PATH, scopes=WRITE, event=f"{TABLE}.update"
)


def _list_of(dialect: Dialect) -> ListDefinition:
    """The list of tables; only the older dialects can query the security of documents."""
    return TABLE_LIST if dialect is TABLES else COLLECTION_LIST


def _queries(dialect: Dialect) -> Any:
    return Annotated[Sequence[str], QueryList(tuple(_list_of(dialect).attributes))]


@declare(
    "createTable",
    "POST",
    PATH,
    scopes=WRITE,
    status=201,
    event=f"{TABLE}.create",
    dialects=(*STRUCTURED, DOCUMENTS),
)
@unit
def create_table(
    transaction: Transaction,
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
    if columns and call.dialect is DOCUMENTS:
        message = "Invalid `attributes` param: documents have the attributes that they are written with."
        raise TidewireError("general_argument_invalid", message)
    values = new_table(table_id, name, permissions, row_security, enabled)
    described = [read_column(call.dialect, column) for column in columns]
    new_columns = [_MEMBERS] if call.dialect is DOCUMENTS else described
    new_indexes = [read_index(call.dialect, index) for index in indexes]
    return write_table(transaction, call, database_id, values, new_columns, new_indexes)


def new_table(
    table_id: str, name: str, permissions: Sequence[str] | None, security: bool, enabled: bool
) -> dict[str, Any]:
    """The description of a new table."""
    return {
        "id": unique_id() if table_id == "unique()" else table_id,
        "permissions": expand_permissions(permissions, PARENT_ACTIONS) or [],
        "name": name,
        "enabled": enabled,
        "row_security": security,
    }


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
    if find_row(connection, user_tables, database_sequence=database.sequence, id=values["id"]) is not None:
        word = call.dialect.word("table")
        raise call.dialect.error("table_already_exists", f"A {word} with this id already exists.")
    described = {"database_sequence": database.sequence, "version": unique_id(), **values}
    sequence: int = insert_row(connection, user_tables, **described).sequence
    create_sql_table(connection, sequence)
    for column in columns:
        complete_if_small(transaction, call, define_column(transaction, call, sequence, column))
    for index in indexes:
        make_if_small(transaction, call, define_index(transaction, call, sequence, index))
    return publish_table(transaction, call, "create", database_id, values["id"])


@declare(
    "listTables",
    "GET",
    PATH,
    scopes=_READ,
    dialects=EVERY,
    varying=lambda dialect: {"queries": _queries(dialect)},
)
@unit
def list_tables(
    connection: Connection,
    call: DialectCall,
    database_id: ResourceId,
    queries: Sequence[str] = (),
    search: Search = "",
    total: Boolean = True,
) -> TableList:
    """List the tables of a database."""
    of_database = {"database_sequence": find_database(connection, call, database_id).sequence}
    listed = _list_of(call.dialect)
    count, rows = list_rows(connection, listed, queries, search, (), total, **of_database)
    tables = [table_of(connection, call.dialect, row, database_id) for row in rows]
    return as_model(call.dialect, TableList, {"total": count, "tables": tables})


@declare("getTable", "GET", ID_PATH, scopes=_READ, dialects=EVERY)
@unit
def get_table(
    connection: Connection, call: DialectCall, database_id: ResourceId, table_id: ResourceId
) -> Table:
    """Get a table."""
    row = find_table_row(connection, call, database_id, table_id)
    return table_of(connection, call.dialect, row, database_id)


@_declare_update()
@_declare_update(dialects=(DOCUMENTS,), required=("name",))
@unit
def update_table(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    name: Name | None = None,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
    purge: Boolean = False,
) -> Table:
    """Change a table; a name or permissions that are not given stay. ``purge``: drop its kept lists."""
    granted = expand_permissions(permissions, PARENT_ACTIONS)
    row = find_table_row(transaction.connection, call, database_id, table_id)
    if purge:
        purge_lists(transaction.connection, row.sequence)
    values = {"name": name or row.name, "row_security": row_security, "enabled": enabled}
    return change_table(transaction, call, row, values, granted)


def change_table(
    transaction: Transaction,
    call: DialectCall,
    row: Row[Any],
    values: Mapping[str, Any],
    granted: list[str] | None,
) -> Table:
    """Change the description of a table; ``granted`` None: its permissions stay."""
    permissions = row.permissions if granted is None else granted
    described = {**values, "permissions": permissions, "version": unique_id()}
    update_row(transaction.connection, user_tables, row.sequence, **described)
    return publish_table(transaction, call, "update", row.database_id, row.id)


@declare("deleteTable", "DELETE", ID_PATH, scopes=WRITE, event=f"{TABLE}.delete", dialects=EVERY)
@schema_change
def delete_table(
    transaction: Transaction, call: DialectCall, database_id: ResourceId, table_id: ResourceId
) -> None:
    """Delete a table with all its rows; there are no events for these."""
    row = find_table_row(transaction.connection, call, database_id, table_id)
    publish_table(transaction, call, "delete", database_id, table_id)
    drop_table(transaction.connection, row.sequence)


def publish_table(
    transaction: Transaction, call: DialectCall, action: str, database_id: str, table_id: str
) -> Table:
    """Write the event of a table, and return it as the API shows it."""
    row = find_table_row(transaction.connection, call, database_id, table_id)
    shown = table_of(transaction.connection, call.dialect, row, database_id)
    parameters = table_parameters(database_id, table_id)
    publish_definition(transaction, call, f"{TABLE}.{action}", parameters, shown, row.database_type)
    return shown
