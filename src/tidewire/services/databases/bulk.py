"""Operations on many rows: for servers only, all or none of the rows, with an event for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from tidewire.core.checks.names import ResourceId
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id, unique_id
from tidewire.core.models import RowList
from tidewire.core.permissions import expand_permissions
from tidewire.services.databases.dialects import DialectCall, as_model
from tidewire.services.databases.events import ROW
from tidewire.services.databases.parameters import BulkQueries, ManyRows, RowData
from tidewire.services.databases.records import find_user_table
from tidewire.services.databases.related_reading import reach_of
from tidewire.services.databases.row_finding import require_seen
from tidewire.services.databases.row_operations import PATH, row_operation
from tidewire.services.databases.row_values import changed_values, given_permissions, new_values
from tidewire.services.databases.row_writing import change_row, prepare_row, remove_row, write_row
from tidewire.services.databases.rows import DELETIONS, declare_write, write_or_change
from tidewire.services.permissions import ITEM_ACTIONS
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.access import EVERYTHING
from tidewire.store.user_tables.listing import ListTooLargeError, StoredRow, list_rows
from tidewire.store.user_tables.queries import Page, read_page
from tidewire.store.user_tables.tables import UserTable

STEP_ROWS: Final = 500
"""Rows that are held in memory at a time while many are changed."""
ROWS_SHOWN: Final = 5_000
"""Rows that an answer shows of those that were changed."""


@declare_write("createRows", "POST", PATH, status=201, event=f"{ROW}.create", chosen_by="rows")
@row_operation("bulkCreate")
def create_rows(
    transaction: Transaction, call: DialectCall, database_id: ResourceId, table_id: ResourceId, rows: ManyRows
) -> RowList:
    """Create several rows."""
    _require_server(call)

    def write(table: UserTable, row: Mapping[str, Any]) -> Any:
        permissions = given_permissions(row.get("$permissions"))
        prepared = prepare_row(call, table, _id_of(row), new_values(call, table, row), permissions)
        return write_row(transaction, call, prepared)

    return _write_all(transaction, call, database_id, table_id, rows, write)


@declare_write("upsertRows", "PUT", PATH, event=f"{ROW}.upsert")
@row_operation("bulkUpsert")
def upsert_rows(
    transaction: Transaction, call: DialectCall, database_id: ResourceId, table_id: ResourceId, rows: ManyRows
) -> RowList:
    """Create several rows, or change those that there are."""
    _require_server(call)

    def write(table: UserTable, row: Mapping[str, Any]) -> Any:
        permissions = given_permissions(row.get("$permissions"))
        return write_or_change(transaction, call, table, _id_of(row), dict(row), permissions)

    return _write_all(transaction, call, database_id, table_id, rows, write)


@declare_write("updateRows", "PATCH", PATH, event=f"{ROW}.update")
@row_operation("bulkUpdate")
def update_rows(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    data: RowData = {},  # noqa: B006 - never changed
    queries: BulkQueries = (),
) -> RowList:
    """Change all rows that the queries find; without queries, all there are."""
    _require_server(call)
    if not data:
        raise call.dialect.error("row_missing_payload", "There is nothing to change: no data.")
    granted = expand_permissions(given_permissions(data.get("$permissions")), ITEM_ACTIONS)

    def change(table: UserTable) -> Callable[[StoredRow], Any]:
        changes = changed_values(call, table, data)
        changes.permissions = granted
        return lambda row: change_row(transaction, call, table, row, changes, "update")

    return _for_all(transaction, call, database_id, table_id, queries, change)


@declare_write("deleteRows", "DELETE", PATH, event=f"{ROW}.delete", limit=DELETIONS)
@row_operation("bulkDelete")
def delete_rows(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: BulkQueries = (),
) -> RowList:
    """Delete all rows that the queries find; without queries, all there are."""
    _require_server(call)

    def remove(table: UserTable) -> Callable[[StoredRow], Any]:
        return lambda row: remove_row(transaction, call, table, row)

    return _for_all(transaction, call, database_id, table_id, queries, remove)


def _write_all(
    transaction: Transaction,
    call: DialectCall,
    database_id: str,
    table_id: str,
    rows: Sequence[Mapping[str, Any]],
    write: Callable[[UserTable, Mapping[str, Any]], Any],
) -> RowList:
    if not rows:
        raise call.dialect.error("row_missing_data", "There is nothing to write.")
    table = find_user_table(transaction.connection, call, database_id, table_id)
    return _listed(call, len(rows), [write(table, row) for row in rows])


def _for_all(
    transaction: Transaction,
    call: DialectCall,
    database_id: str,
    table_id: str,
    queries: Sequence[str],
    work: Callable[[UserTable], Callable[[StoredRow], Any]],
) -> RowList:
    """Do something to each row that the queries find. The answer has the first of them."""
    table = find_user_table(transaction.connection, call, database_id, table_id)
    page = read_page(table, queries, reach_of(transaction.connection, call))
    do = work(table)
    shown: list[Any] = []
    count = size = 0
    settings = call.context.settings
    # The events are held in memory until the commit, and other requests wait for the writer.
    if page.limit is not None:
        page.limit = min(page.limit, settings.bulk_rows_max + 1)
    for row in _matching(transaction.connection, table, page, settings.bulk_bytes_max):
        if count == settings.bulk_rows_max:
            raise _too_many(f"{settings.bulk_rows_max} {call.dialect.word('rows')}")
        require_seen(call, row)
        done = do(row)
        count += 1
        size += len(done)
        if size > settings.bulk_bytes_max:
            raise _too_many(f"{settings.bulk_bytes_max} bytes")
        if count <= ROWS_SHOWN:
            shown.append(done)
    return _listed(call, count, shown)


def _too_many(limit: str) -> TidewireError:
    message = f"The queries find more than {limit}. Narrow them down, or do it in portions with a limit."
    return TidewireError("general_bad_request", message)


def _matching(connection: Connection, table: UserTable, page: Page, max_bytes: int) -> Iterator[StoredRow]:
    """The rows that the queries find, a step at a time; each as it was before any of its step was changed.

    Raises ``general_bad_request`` if those of a step have more than ``max_bytes``.
    """
    page.selected, page.related = None, {}
    found = partial(list_rows, connection, table, access=EVERYTHING, total=False, max_bytes=max_bytes)
    if page.limit is not None or page.cursor is not None or page.offset is not None or page.random:
        yield from _within(max_bytes, partial(found, page=page))
        return
    # In the order of creation, so that a change cannot move a row to where it is found again.
    step = msgspec.structs.replace(page, orders=[("$sequence", False)], limit=STEP_ROWS)
    while True:
        rows = _within(max_bytes, partial(found, page=step))
        yield from rows
        if len(rows) < STEP_ROWS:
            return
        filters = [*page.filters, ("greaterThan", "$sequence", 1)]
        step = msgspec.structs.replace(step, filters=filters, values=[*page.values, rows[-1][0]])


def _within(max_bytes: int, found: Callable[[], tuple[int, list[StoredRow]]]) -> list[StoredRow]:
    try:
        return found()[1]
    except ListTooLargeError:
        raise _too_many(f"{max_bytes} bytes") from None


def _require_server(call: DialectCall) -> None:
    if not call.context.caller.bypasses_permissions:
        raise TidewireError("general_unauthorized_scope", "Only servers may write many rows in one request.")


def _id_of(row: Mapping[str, Any]) -> str:
    row_id = row.get("$id", "unique()")
    if row_id == "unique()":
        return unique_id()
    if not isinstance(row_id, str) or not is_id(row_id):
        raise TidewireError("general_bad_request", "Invalid `$id`: it is no id.")
    return row_id


def _listed(call: DialectCall, count: int, rows: list[Any]) -> RowList:
    return as_model(call.dialect, RowList, {"total": count, "rows": rows})
