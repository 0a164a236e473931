"""Rows: created, found, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeVar

import msgspec
from sqlalchemy.exc import NoResultFound

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.ids import unique_id
from tidewire.core.models import Row, RowList
from tidewire.core.permissions import expand_permissions
from tidewire.core.rate_limits import RateLimit
from tidewire.services.databases.dialects import (
    COLLECTIONS,
    DOCUMENTS,
    EVERY,
    STRUCTURED,
    VECTORS,
    DialectCall,
    as_model,
    declare,
    offer,
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
from tidewire.services.databases.row_values import (
    changed_values,
    new_values,
)
from tidewire.services.databases.row_views import Fields, may_with_row, row_not_found, shown_row, shown_rows
from tidewire.services.databases.row_writing import (
    change_row,
    insert_silently,
    prepare_row,
    remove_row,
    write_row,
)
from tidewire.services.databases.transactions.participation import transactional
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
@transactional("create")
async def create_row(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: CustomId,
    data: RowData,
    permissions: RowPermissions | None = None,
) -> Any:
    """Create a row."""
    new_id = unique_id() if row_id == "unique()" else row_id
    table = await _present_table(call, database_id, table_id)
    prepared = prepare_row(call, table, new_id, new_values(call, table, data), permissions)

    def unit(transaction: Transaction) -> msgspec.Raw:
        found = find_user_table(transaction.connection, call, database_id, table_id)
        row = prepared
        if found is not table:
            row = prepare_row(call, found, new_id, new_values(call, found, data), permissions)
        return write_row(transaction, call, row)

    return await call.write(unit)


@transactional("list")
async def list_rows(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Queries = (),
    total: Boolean = True,
    ttl: Ttl = 0,
) -> RowList:
    """List the rows that the caller may read.

    With a ``ttl``, what was listed less than so many seconds ago is shown again, unless it has changed since.
    """
    keeps = ttl > 0 and call.within is None

    def unit(connection: Connection) -> tuple[RowList, bool]:
        table = find_user_table(connection, call, database_id, table_id)
        access = _access(call, table)
        page = read_page(table, queries, reach_of(connection, call))
        _add_unasked(connection, call, table, page)
        key = list_key(connection, call, table, queries) if keeps else b""
        kept = ROW_LISTS.find(connection, table, key, ttl) if keeps else None
        if kept is not None and (kept.total is not None or not total):
            return listed(kept.total if total else 0, kept.rows), True
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
        if keeps:
            ROW_LISTS.keep(connection, key, rows, number if total else None)
        return listed(number, rows), kept is not None

    def listed(number: int | None, rows: Sequence[Any]) -> RowList:
        return as_model(call.dialect, RowList, {"total": number, "rows": rows})

    answer, hit = await call.read_large(unit)
    if keeps:
        call.context.cache_hit = hit
    return answer


for _dialect in EVERY:
    _queries = LongQueries if _dialect is VECTORS else Queries
    offer(_dialect, "listRows", "GET", PATH, list_rows, {"queries": _queries}, scopes=READ, model=RowList)
offer(
    VECTORS,
    "createQuery",
    "POST",
    f"{PATH}/query",
    list_rows,
    {"queries": LongQueries},
    scopes=READ,
    model=RowList,
)
for _dialect in (DOCUMENTS, *STRUCTURED):
    offer(
        _dialect,
        "createQuery",
        "POST",
        f"{PATH}/query",
        list_rows,
        {"ttl": LooseNumber},
        scopes=READ,
        status=201,
        model=RowList,
    )


@declare("getRow", "GET", _ROW_PATH, scopes=READ, model=Row, dialects=EVERY)
@transactional("get")
async def get_row(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    queries: Queries = (),
) -> Any:
    """Get a row."""

    def unit(connection: Connection, *, snapshot: bool = False) -> Fields | None:
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

    return await _seen(call, unit, partial(unit, snapshot=True))


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
@transactional("update")
async def update_row_data(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    data: RowData = {},  # noqa: B006 - never changed
    permissions: RowPermissions | None = None,
) -> Any:
    """Change a row; what is not given stays."""
    if not data and permissions is None:
        raise call.dialect.error(
            "row_missing_payload", "There is nothing to change: neither data nor permissions."
        )
    granted = expand_permissions(permissions, ITEM_ACTIONS)

    def unit(transaction: Transaction) -> msgspec.Raw:
        table = find_user_table(transaction.connection, call, database_id, table_id)
        row = row_to_change(transaction.connection, call, table, row_id)
        changes = changed_values(call, table, data)
        changes.permissions = granted
        return change_row(transaction, call, table, row, changes, "update")

    return await call.write(unit)


@transactional("upsert")
async def upsert_row(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    data: RowData = {},  # noqa: B006 - never changed
    permissions: RowPermissions | None = None,
) -> Any:
    """Create a row, or change it if there is one with its id."""
    if call.within is None and not data and permissions is None:
        raise call.dialect.error(
            "row_missing_payload", "There is nothing to write: neither data nor permissions."
        )
    new_id = unique_id() if row_id == "unique()" else row_id

    def unit(transaction: Transaction) -> Any:
        table = find_user_table(transaction.connection, call, database_id, table_id)
        return write_or_change(transaction, call, table, new_id, data, permissions)

    return await call.write(unit)


for _dialect in EVERY:
    offer(
        _dialect,
        "upsertRow",
        "PUT",
        _ROW_PATH,
        upsert_row,
        {"row_id": CustomId if _dialect in {COLLECTIONS, VECTORS} else ResourceId},
        scopes=WRITE,
        model=Row,
        event=f"{ROW}.upsert",
        limit=WRITES,
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
@transactional("delete")
async def delete_row(
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
) -> None:
    """Delete a row."""

    def unit(transaction: Transaction) -> None:
        table = find_user_table(transaction.connection, call, database_id, table_id)
        row = row_to_change(transaction.connection, call, table, row_id)
        remove_row(transaction, call, table, row)

    await call.write(unit)


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
) -> Any:
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


async def _present_table(call: DialectCall, database_id: str, table_id: str) -> UserTable:
    """The table as it is now, to prepare a write with; whether it still is is asked again when writing."""
    return await _seen(call, lambda connection: find_user_table(connection, call, database_id, table_id))


async def _seen(
    call: DialectCall,
    unit: Callable[[Connection], T | None],
    fully: Callable[[Connection], T | None] | None = None,
) -> T:
    """What a unit finds that reads only a few rows by their ids: at once, or if need be in a snapshot.

    ``fully`` is done there instead of it, if that takes more than can be done at once.
    """
    if call.within is not None:
        found = (fully or unit)(call.within.connection)
        assert found is not None
        return found
    try:
        found = call.context.database.glance(unit)
    except NoResultFound:
        # The table changed between two statements.
        found = None
    if found is None:
        found = await call.read_large(fully or unit)
    assert found is not None
    return found
