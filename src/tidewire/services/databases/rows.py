"""Operations that write one row: create, change, upsert, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Row
from tidewire.core.permissions import expand_permissions
from tidewire.core.rate_limits import RateLimit
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import COLLECTIONS, EVERY, VECTORS, DialectCall
from tidewire.services.databases.events import ROW
from tidewire.services.databases.parameters import RowData, RowPermissions
from tidewire.services.databases.records import find_user_table
from tidewire.services.databases.row_finding import row_to_change, row_to_upsert
from tidewire.services.databases.row_operations import PATH, ROW_PATH, row_operation
from tidewire.services.databases.row_reading import at_once
from tidewire.services.databases.row_values import changed_values, new_values
from tidewire.services.databases.row_writing import (
    NewRow,
    change_row,
    insert_silently,
    prepare_row,
    remove_row,
    write_row,
)
from tidewire.services.permissions import ITEM_ACTIONS
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.loading import last_found
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.tables import UserTable

_KEYS: Final = ("ip:{ip},method:{method},url:{url},userId:{userId}",)
DELETIONS: Final = RateLimit(60, 60, _KEYS)

declare_write: Final = partial(
    declare, scopes=("rows.write", "documents.write"), limit=RateLimit(120, 60, _KEYS), dialects=EVERY
)
"""Declare an operation that writes rows, as :func:`declare` does."""


@declare_write(
    "createRow", "POST", PATH, status=201, model=Row, event=f"{ROW}.create", missing="row_missing_data"
)
@row_operation("create")
def create_row(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: CustomId,
    data: RowData,
    permissions: RowPermissions | None = None,
) -> msgspec.Raw:
    """Create a row."""
    table = find_user_table(transaction.connection, call, database_id, table_id)
    return write_row(transaction, call, _new_row(call, table, row_id, data, permissions))


@create_row.alone
async def _create_alone(
    call: DialectCall,
    database_id: str,
    table_id: str,
    row_id: str,
    data: dict[str, Any],
    permissions: Sequence[str] | None = None,
) -> msgspec.Raw:
    """Prepare the row before waiting for the writer, so that the writer is held for less time.

    It is prepared for the table that was found last, and the writer looks whether that is still the present
    one: so a request looks its table up once. What the table found last refuses, the present one may allow.
    """
    table = last_found(call.context.database.project_id, database_id, table_id)
    prepared = None
    if table is not None and table.database_type in call.dialect.reaches:
        with suppress(TidewireError):
            prepared = _new_row(call, table, row_id, data, permissions)
    if prepared is None:
        table = await at_once(
            call, lambda connection: find_user_table(connection, call, database_id, table_id)
        )
        prepared = _new_row(call, table, row_id, data, permissions)

    def unit(transaction: Transaction) -> msgspec.Raw:
        found = find_user_table(transaction.connection, call, database_id, table_id)
        # The table may have changed meanwhile.
        row = prepared if found is table else _new_row(call, found, row_id, data, permissions)
        return write_row(transaction, call, row)

    return await call.context.database.write(unit)


def _new_row(
    call: DialectCall, table: UserTable, row_id: str, data: dict[str, Any], permissions: Sequence[str] | None
) -> NewRow:
    new_id = unique_id() if row_id == "unique()" else row_id
    return prepare_row(call, table, new_id, new_values(call, table, data), permissions)


@declare_write("updateRow", "PATCH", ROW_PATH, model=Row, event=f"{ROW}.update")
@row_operation("update")
def update_row_data(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    data: RowData = {},  # noqa: B006 - never changed
    permissions: RowPermissions | None = None,
) -> msgspec.Raw:
    """Change a row; what is not given stays."""
    if not data and permissions is None:
        raise call.dialect.error(
            "row_missing_payload", "There is nothing to change: neither data nor permissions."
        )
    granted = expand_permissions(permissions, ITEM_ACTIONS)
    table = find_user_table(transaction.connection, call, database_id, table_id)
    row = row_to_change(transaction.connection, call, table, row_id)
    changes = changed_values(call, table, data)
    changes.permissions = granted
    return change_row(transaction, call, table, row, changes, "update")


@declare_write(
    "upsertRow",
    "PUT",
    ROW_PATH,
    model=Row,
    event=f"{ROW}.upsert",
    varying=lambda dialect: {"row_id": CustomId if dialect in {COLLECTIONS, VECTORS} else ResourceId},
)
@row_operation("upsert")
def upsert_row(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    data: RowData = {},  # noqa: B006 - never changed
    permissions: RowPermissions | None = None,
) -> msgspec.Raw:
    """Create a row, or change it if there is one with its id."""
    new_id = unique_id() if row_id == "unique()" else row_id
    table = find_user_table(transaction.connection, call, database_id, table_id)
    return write_or_change(transaction, call, table, new_id, data, permissions)


@upsert_row.alone
async def _upsert_alone(
    call: DialectCall,
    database_id: str,
    table_id: str,
    row_id: str,
    data: dict[str, Any] = {},  # noqa: B006 - never changed
    permissions: Sequence[str] | None = None,
) -> msgspec.Raw:
    """Refuse an empty request; within a transaction it may be staged."""
    if not data and permissions is None:
        raise call.dialect.error(
            "row_missing_payload", "There is nothing to write: neither data nor permissions."
        )
    return await upsert_row.do_unit(call, database_id, table_id, row_id, data, permissions)


@declare_write("deleteRow", "DELETE", ROW_PATH, event=f"{ROW}.delete", limit=DELETIONS)
@row_operation("delete")
def delete_row(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
) -> None:
    """Delete a row."""
    table = find_user_table(transaction.connection, call, database_id, table_id)
    row = row_to_change(transaction.connection, call, table, row_id)
    remove_row(transaction, call, table, row)


def write_or_change(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    row_id: str,
    data: dict[str, Any],
    permissions: Any,
) -> msgspec.Raw:
    """Create a row, or change the one with its id."""
    row = row_to_upsert(transaction.connection, call, table, row_id)
    changes = changed_values(call, table, data)
    if row is not None:
        changes.permissions = expand_permissions(permissions, ITEM_ACTIONS)
        return change_row(transaction, call, table, row, changes, "upsert")
    plain = {key: value for key, value in data.items() if key not in changes.operators}
    prepared = prepare_row(call, table, row_id, new_values(call, table, plain), permissions, "upsert")
    if not changes.operators:
        return write_row(transaction, call, prepared)
    insert_silently(transaction, call, prepared)
    row = find_row(transaction.connection, table, row_id)
    assert row is not None
    return change_row(transaction, call, table, row, changes, "upsert")
