"""Databases: sets of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import delete, insert, select, update

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse
from tidewire.core.checks.texts import Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Database, DatabaseList
from tidewire.core.time import now
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import EVERY, SCHEMALESS, DialectCall
from tidewire.services.databases.events import DATABASE, publish_definition
from tidewire.services.databases.records import database_of, find_database
from tidewire.services.databases.schema_changes import begin_changes
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import databases, user_tables
from tidewire.store.user_tables.changes import drop_table

Name = Annotated[str, Text(1, 128)]
Enabled = Annotated[bool, TrueOrFalse()]

_WRITE: Final = ("databases.write",)
_READ: Final = ("databases.read",)
_LIST: Final = resource_list(databases, "name")


@declare("create", "POST", "", scopes=_WRITE, status=201, event=f"{DATABASE}.create", dialects=EVERY)
async def create_database(
    call: DialectCall, database_id: CustomId, name: Name, enabled: Enabled = True
) -> Database:
    """Create a database."""
    new_id = unique_id() if database_id == "unique()" else database_id

    def unit(transaction: Transaction) -> Database:
        connection = transaction.connection
        if connection.execute(select(databases.c.sequence).where(databases.c.id == new_id)).first():
            raise TidewireError("database_already_exists", "A database with this id already exists.")
        moment = now()
        values = {"created_at": moment, "updated_at": moment, "name": name, "enabled": enabled}
        connection.execute(insert(databases).values(id=new_id, type=call.dialect.database_type, **values))
        return _publish(transaction, call, "create", new_id)

    return await call.context.database.write(unit)


@declare("list", "GET", "", scopes=_READ, dialects=EVERY)
async def list_databases(
    call: DialectCall,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> DatabaseList:
    """List the databases."""
    where = [databases.c.type.in_(call.dialect.reaches)]
    count, rows = await call.context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, search, where, total)
    )
    return DatabaseList(total=count, databases=[database_of(row) for row in rows])


@declare("get", "GET", "/{databaseId}", scopes=_READ, dialects=EVERY)
async def get_database(call: DialectCall, database_id: ResourceId) -> Database:
    """Get a database."""
    return await call.context.database.read(
        lambda connection: database_of(find_database(connection, call, database_id))
    )


@declare("update", "PUT", "/{databaseId}", scopes=_WRITE, event=f"{DATABASE}.update")
async def update_database(
    call: DialectCall, database_id: ResourceId, name: Name | None = None, enabled: Enabled = True
) -> Database:
    """Rename, enable or disable a database; a name that is not given stays."""

    def unit(transaction: Transaction) -> Database:
        connection = transaction.connection
        row = find_database(connection, call, database_id)
        changed = update(databases).where(databases.c.sequence == row.sequence)
        values = {"name": name or row.name, "enabled": enabled, "updated_at": now()}
        connection.execute(changed.values(values))
        return _publish(transaction, call, "update", database_id)

    return await call.context.database.write(unit)


@declare("update", "PUT", "/{databaseId}", scopes=_WRITE, event=f"{DATABASE}.update", dialects=SCHEMALESS)
async def update_named_database(
    call: DialectCall, database_id: ResourceId, name: Name, enabled: Enabled = True
) -> Database:
    """Rename, enable or disable a database."""
    return await update_database(call, database_id, name, enabled)


@declare("delete", "DELETE", "/{databaseId}", scopes=_WRITE, event=f"{DATABASE}.delete", dialects=EVERY)
async def delete_database(call: DialectCall, database_id: ResourceId) -> None:
    """Delete a database with all its tables; no event tells of these."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_database(connection, call, database_id)
        of_database = user_tables.c.database_sequence == row.sequence
        for table in connection.scalars(select(user_tables.c.sequence).where(of_database)).all():
            drop_table(connection, table)
        _publish(transaction, call, "delete", database_id)
        connection.execute(delete(databases).where(databases.c.sequence == row.sequence))

    await call.context.database.write(unit)
    begin_changes(call)


def _publish(transaction: Transaction, call: DialectCall, action: str, database_id: str) -> Database:
    row: Any = transaction.connection.execute(select(databases).where(databases.c.id == database_id)).one()
    database = database_of(row)
    publish_definition(
        transaction,
        call,
        f"{DATABASE}.{action}",
        {"databaseId": database_id},
        database,
        row.type,
    )
    return database
