"""Rows: created, found, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from sqlalchemy.exc import NoResultFound

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.ids import unique_id
from tidewire.core.models import Row, RowList
from tidewire.core.permissions import expand_permissions
from tidewire.core.rate_limits import RateLimit
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import (
    COLLECTIONS,
    DOCUMENTS,
    EVERY,
    STRUCTURED,
    VECTORS,
    DialectCall,
    as_model,
)
from tidewire.services.databases.events import ROW
from tidewire.services.databases.list_cache import ROW_LISTS, list_key
from tidewire.services.databases.parameters import (
    LongQueries,
    LooseNumber,
    Queries,
    RowData,
    RowPermissions,
)
from tidewire.services.databases.records import find_user_table
from tidewire.services.databases.related_reading import access_to, add_related, reach_of
from tidewire.services.databases.row_finding import row_to_change, row_to_upsert
from tidewire.services.databases.row_memory import begin_counting, counting
from tidewire.services.databases.row_operations import row_operation
from tidewire.services.databases.row_values import (
    changed_values,
    new_values,
)
from tidewire.services.databases.row_views import Fields, may_with_row, row_not_found, shown_row, shown_rows
from tidewire.services.databases.row_writing import (
    NewRow,
    change_row,
    insert_silently,
    prepare_row,
    remove_row,
    write_row,
)
from tidewire.services.large_results import LARGE_RESULT
from tidewire.services.permissions import ITEM_ACTIONS, unauthorized
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.access import Access
from tidewire.store.user_tables.listing import list_rows as list_stored_rows
from tidewire.store.user_tables.queries import Page, read_page, read_selection
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.selections import select_all_related
from tidewire.store.user_tables.tables import UserTable

T = TypeVar("T")

WRITE: Final = ("rows.write", "documents.write")
READ: Final = ("rows.read", "documents.read")
PATH: Final = "/{databaseId}/tables/{tableId}/rows"
_ROW_PATH: Final = f"{PATH}/{{rowId}}"
_KEYS: Final = ("ip:{ip},method:{method},url:{url},userId:{userId}",)
WRITES: Final = RateLimit(120, 60, _KEYS)
DELETIONS: Final = RateLimit(60, 60, _KEYS)

Ttl = Annotated[int, Whole(0, 86_400)]


@declare(
    "createRow",
    "POST",
    PATH,
    scopes=WRITE,
    status=201,
    model=Row,
    event=f"{ROW}.create",
    limit=WRITES,
    missing="row_missing_data",
    dialects=EVERY,
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
    """Make the row ready before the writer is asked, which others wait for."""
    table = await _at_once(call, lambda connection: find_user_table(connection, call, database_id, table_id))
    new_id = unique_id() if row_id == "unique()" else row_id
    prepared = _new_row(call, table, new_id, data, permissions)

    def unit(transaction: Transaction) -> msgspec.Raw:
        found = find_user_table(transaction.connection, call, database_id, table_id)
        row = prepared if found is table else _new_row(call, found, new_id, data, permissions)
        return write_row(transaction, call, row)

    return await call.context.database.write(unit)


def _new_row(
    call: DialectCall, table: UserTable, row_id: str, data: dict[str, Any], permissions: Sequence[str] | None
) -> NewRow:
    new_id = unique_id() if row_id == "unique()" else row_id
    return prepare_row(call, table, new_id, new_values(call, table, data), permissions)


@declare(
    "listRows",
    "GET",
    PATH,
    scopes=READ,
    dialects=EVERY,
    varying=lambda dialect: {"queries": LongQueries} if dialect is VECTORS else {},
)
@declare(
    "createQuery",
    "POST",
    f"{PATH}/query",
    scopes=READ,
    dialects=(VECTORS,),
    varying=lambda _: {"queries": LongQueries},
)
@declare(
    "createQuery",
    "POST",
    f"{PATH}/query",
    scopes=READ,
    status=201,
    dialects=(DOCUMENTS, *STRUCTURED),
    varying=lambda _: {"ttl": LooseNumber},
)
@row_operation("list")
def list_rows(
    connection: Connection,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Queries = (),
    total: Boolean = True,
    ttl: Ttl = 0,  # noqa: ARG001 - nothing is kept for a transaction
) -> RowList:
    """List the rows that the caller may read.

    With a ``ttl``, what was listed less than so many seconds ago is shown again, unless it has changed since.
    """
    return _list(connection, call, (database_id, table_id), queries, total=total)[0]


@list_rows.alone
async def _list_alone(
    call: DialectCall,
    database_id: str,
    table_id: str,
    queries: Sequence[str] = (),
    total: bool = True,
    ttl: int = 0,
) -> RowList:
    """Look at what was listed before, if the caller lets it be shown for a while."""
    answer, hit = await call.read_large(
        lambda connection: _list(connection, call, (database_id, table_id), queries, total=total, ttl=ttl)
    )
    if ttl > 0:
        call.context.cache_hit = hit
    return answer


def _list(
    connection: Connection,
    call: DialectCall,
    ids: tuple[str, str],
    queries: Sequence[str],
    *,
    total: bool,
    ttl: int = 0,
) -> tuple[RowList, bool]:
    """The rows of a table, by the ids of its database and itself, and whether they were kept from before."""
    table = find_user_table(connection, call, *ids)
    access = _access(call, table)
    page = read_page(table, queries, reach_of(connection, call))
    _add_unasked(connection, call, table, page)
    key = list_key(connection, call, table, queries) if ttl > 0 else b""
    kept = ROW_LISTS.find(connection, table, key, ttl) if ttl > 0 else None
    if kept is not None and (kept.total is not None or not total):
        # A list of its own, for what is answered is used up by its encoding.
        return _listed(call, kept.total if total else 0, list(kept.rows)), True
    max_bytes = call.context.settings.list_bytes_max
    count = None
    if page.related or table.width * page.size > LARGE_RESULT:
        begin_counting(call, table, page)
        count = counting(call, table)
    number, found = list_stored_rows(
        connection, table, page, access, total=total, max_bytes=max_bytes, count=count
    )
    rows = shown_rows(call, table, found, page.columns(table), page.selected)
    if page.related:
        add_related(connection, call, table, found, rows, page.related)
    if ttl > 0:
        ROW_LISTS.keep(connection, key, rows, number if total else None)
    return _listed(call, number, rows), kept is not None


def _listed(call: DialectCall, number: int | None, rows: Sequence[Any]) -> RowList:
    return as_model(call.dialect, RowList, {"total": number, "rows": rows})


@declare("getRow", "GET", _ROW_PATH, scopes=READ, model=Row, dialects=EVERY)
@row_operation("get")
def get_row(
    connection: Connection,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    queries: Queries = (),
) -> Fields:
    """Get a row."""
    fields = _get(connection, call, (database_id, table_id, row_id), queries, snapshot=True)
    assert fields is not None
    return fields


@get_row.alone
async def _get_alone(
    call: DialectCall, database_id: str, table_id: str, row_id: str, queries: Sequence[str] = ()
) -> Fields:
    """Read at once, without a change of threads; related rows are read in a snapshot."""
    ids = (database_id, table_id, row_id)
    return await _at_once(
        call,
        lambda connection: _get(connection, call, ids, queries, snapshot=False),
        lambda connection: _get(connection, call, ids, queries, snapshot=True),
    )


def _get(
    connection: Connection,
    call: DialectCall,
    ids: tuple[str, str, str],
    queries: Sequence[str],
    *,
    snapshot: bool,
) -> Fields | None:
    """The row with the ids of its database, its table and itself; None if it needs a ``snapshot``."""
    database_id, table_id, row_id = ids
    table = find_user_table(connection, call, database_id, table_id)
    row = find_row(connection, table, row_id)
    if row is None or not may_with_row(call.context.caller, "read", table, row):
        raise row_not_found(call)
    page = read_selection(table, queries, reach_of(connection, call))
    _add_unasked(connection, call, table, page)
    if page.related and not snapshot:
        return None
    fields = shown_row(call, table, row, selected=page.selected)
    if page.related:
        begin_counting(call, table, page)
        add_related(connection, call, table, [row], [fields], page.related)
    return fields


@declare(
    "updateRow",
    "PATCH",
    _ROW_PATH,
    scopes=WRITE,
    model=Row,
    event=f"{ROW}.update",
    limit=WRITES,
    dialects=EVERY,
)
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


@declare(
    "upsertRow",
    "PUT",
    _ROW_PATH,
    scopes=WRITE,
    model=Row,
    event=f"{ROW}.upsert",
    limit=WRITES,
    dialects=EVERY,
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
    """Refuse what says nothing, which a transaction may stage."""
    if not data and permissions is None:
        raise call.dialect.error(
            "row_missing_payload", "There is nothing to write: neither data nor permissions."
        )
    return await call.context.database.write(
        lambda transaction: upsert_row.unit(
            transaction, call, database_id, table_id, row_id, data, permissions
        )
    )


@declare(
    "deleteRow",
    "DELETE",
    _ROW_PATH,
    scopes=WRITE,
    event=f"{ROW}.delete",
    limit=DELETIONS,
    dialects=EVERY,
)
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


def _add_unasked(connection: Connection, call: DialectCall, table: UserTable, page: Page) -> None:
    """Select everything related for programs that expect it where nothing, or all, is selected."""
    if not call.context.shows_related or call.dialect is not COLLECTIONS or not table.relations:
        return
    if page.selected is None or "*" in page.selected:
        select_all_related(table, page.related, reach_of(connection, call))


def write_or_change(
    transaction: Transaction,
    call: DialectCall,
    table: UserTable,
    row_id: str,
    data: dict[str, Any],
    permissions: Any,
) -> msgspec.Raw:
    """Write a row, or change the one with its id."""
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


def _access(call: DialectCall, table: UserTable) -> Access:
    """Which rows the caller may read; raises ``user_unauthorized`` if there cannot be any."""
    access = access_to(call.context.caller, table)
    if access is None:
        raise unauthorized("list", call.dialect.word("the rows of this table"))
    return access


async def _at_once(
    call: DialectCall,
    unit: Callable[[Connection], T | None],
    fully: Callable[[Connection], T | None] | None = None,
) -> T:
    """What a unit finds that reads only a few rows by their ids: at once, or if need be in a snapshot.

    ``fully`` is done there instead of it, if that takes more than can be done at once.
    """
    try:
        answer = call.context.database.find_at_once(unit)
        found = None if answer is None else answer.value
    except NoResultFound:
        # The table changed between two statements.
        found = None
    if found is None:
        found = await call.read_large(fully or unit)
    assert found is not None
    return found
