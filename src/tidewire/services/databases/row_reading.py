"""Operations that read rows: one by its id, or a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.models import Row, RowList
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import (
    COLLECTIONS,
    DOCUMENTS,
    EVERY,
    STRUCTURED,
    VECTORS,
    Dialect,
    DialectCall,
    as_model,
)
from tidewire.services.databases.list_cache import ROW_LISTS, list_key
from tidewire.services.databases.parameters import LongQueries, LooseNumber, Queries
from tidewire.services.databases.records import find_user_table
from tidewire.services.databases.related_reading import access_to, add_related, reach_of
from tidewire.services.databases.row_memory import begin_counting, counting
from tidewire.services.databases.row_operations import PATH, ROW_PATH, row_operation
from tidewire.services.databases.row_views import Fields, may_with_row, row_not_found, shown_row, shown_rows
from tidewire.services.large_results import LARGE_RESULT
from tidewire.services.permissions import unauthorized
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.access import Access
from tidewire.store.user_tables.listing import list_rows as list_stored_rows
from tidewire.store.user_tables.loading import TableChangedError
from tidewire.store.user_tables.queries import Page, read_page, read_selection
from tidewire.store.user_tables.rows import find_row
from tidewire.store.user_tables.selections import select_all_related
from tidewire.store.user_tables.tables import UserTable

T = TypeVar("T")

Ttl = Annotated[int, Whole(0, 86_400)]

_declare: Final = partial(declare, scopes=("rows.read", "documents.read"))
_QUERY_PATH: Final = f"{PATH}/query"


def _long_queries(dialect: Dialect) -> dict[str, Any]:
    return {"queries": LongQueries} if dialect is VECTORS else {}


@_declare("listRows", "GET", PATH, dialects=EVERY, varying=_long_queries)
@_declare("createQuery", "POST", _QUERY_PATH, dialects=(VECTORS,), varying=_long_queries)
@_declare(
    "createQuery",
    "POST",
    _QUERY_PATH,
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

    With a ``ttl``, a list made less than so many seconds ago is shown again, unless a row has changed since.
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
    """Read a list, or show a kept one if the caller allows that for a while (``ttl``)."""
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
    """The rows of a table, by the ids of its database and itself, and whether there was a kept list."""
    table = find_user_table(connection, call, *ids)
    access = _access(call, table)
    page = read_page(table, queries, reach_of(connection, call))
    _add_unasked(connection, call, table, page)
    key = list_key(connection, call, table, queries) if ttl > 0 else b""
    kept = ROW_LISTS.find(connection, table, key, ttl) if ttl > 0 else None
    if kept is not None and (kept.total is not None or not total):
        # The list is copied, because the encoding of the answer uses it up.
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


@_declare("getRow", "GET", ROW_PATH, model=Row, dialects=EVERY)
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
    return await at_once(
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
    """The row, by the ids of its database, its table and itself; None if reading it needs a ``snapshot``."""
    database_id, table_id, row_id = ids
    table = find_user_table(connection, call, database_id, table_id)
    row = find_row(connection, table, row_id)
    if row is None or not may_with_row(call.context.caller, "read", table, row):
        raise row_not_found(call)
    if not queries and not call.context.shows_related:
        return shown_row(call, table, row)
    page = read_selection(table, queries, reach_of(connection, call))
    _add_unasked(connection, call, table, page)
    if page.related and not snapshot:
        return None
    fields = shown_row(call, table, row, selected=page.selected)
    if page.related:
        begin_counting(call, table, page)
        add_related(connection, call, table, [row], [fields], page.related)
    return fields


def _add_unasked(connection: Connection, call: DialectCall, table: UserTable, page: Page) -> None:
    """Select all related rows for older programs, which expect them if nothing, or ``*``, is selected."""
    if not call.context.shows_related or call.dialect is not COLLECTIONS or not table.relations:
        return
    if page.selected is None or "*" in page.selected:
        select_all_related(table, page.related, reach_of(connection, call))


def _access(call: DialectCall, table: UserTable) -> Access:
    """Return which rows the caller may read; raises ``user_unauthorized`` if none at all."""
    access = access_to(call.context.caller, table)
    if access is None:
        raise unauthorized("list", call.dialect.word("the rows of this table"))
    return access


async def at_once(
    call: DialectCall,
    unit: Callable[[Connection], T | None],
    fully: Callable[[Connection], T | None] | None = None,
) -> T:
    """The result of a unit that reads a few rows by their ids: at once, or if that fails in a snapshot.

    In the snapshot ``fully``, if it is given, is done instead of ``unit``.
    """
    database = call.context.database
    if not database.is_awake:  # then this saves the way into another thread, after the one that opens it
        await database.wake()
    try:
        answer = database.find_at_once(unit)
        found = None if answer is None else answer.value
    except TableChangedError:
        # The table changed between two statements.
        found = None
    if found is None:
        found = await call.read_large(fully or unit)
    assert found is not None
    return found
