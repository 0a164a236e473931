"""Lists of rows: a statement for each shape of page, compiled once, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, or_, select

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import prepare_vectors
from tidewire.store.engine.prepared_statements import TooLargeError
from tidewire.store.engine.sizes import row_size
from tidewire.store.lists.conditions import all_of
from tidewire.store.lists.resource_lists import MAX_TOTAL
from tidewire.store.user_tables.access import Access
from tidewire.store.user_tables.fields import Field
from tidewire.store.user_tables.filters import bound_values, filter_condition, numbered_binds
from tidewire.store.user_tables.nearest import nearest_values
from tidewire.store.user_tables.orders import order_field
from tidewire.store.user_tables.queries import Page
from tidewire.store.user_tables.tables import SYSTEM_COLUMNS, UserTable

Part = Literal["all", "values", "nulls"]
"""The part of the rows beyond a cursor: all, those with a value in the first column of the order, or those
without."""
Empty = tuple[bool, ...]
"""Whether the cursor's row has no value, for each column of the order; empty without a cursor."""

StoredRow = tuple[Any, ...]
"""The values of :data:`SYSTEM_COLUMNS`, then those of the columns asked for, as the driver gives them."""


def list_rows(
    connection: Connection,
    table: UserTable,
    page: Page,
    access: Access,
    *,
    total: bool,
    max_bytes: float = math.inf,
    count: Callable[[int], None] | None = None,
) -> tuple[int, list[StoredRow]]:
    """The rows of a page, and how many there are on all pages (0 if ``total`` is false).

    ``count`` is told of the bytes of each row as it is read.

    Raises :class:`TidewireError` ``general_cursor_not_found``, and ``general_query_invalid`` if the rows have
    more than ``max_bytes``.
    """
    readable = None
    if access.roles:
        readable = access.weigh(connection, table, exactly=total and not page.filters)
    if page.nearest is not None:
        prepare_vectors(connection)
    values = {**access.values, **bound_values(page.values), **nearest_values(page.nearest)}
    rows = _rows_of(connection, table, page, access, values, max_bytes, count)
    if not total:
        return 0, rows
    found = _known_count(page, rows, readable)
    if found is None:
        counted = ("count", tuple(page.filters), access.shape)
        statement = table.prepared(counted, lambda: _count_statement(table, page, access))
        found = statement.fetch(connection, values)[0][0]
    return found, rows


def _rows_of(
    connection: Connection,
    table: UserTable,
    page: Page,
    access: Access,
    values: dict[str, Any],
    max_bytes: float,
    count: Callable[[int], None] | None,
) -> list[StoredRow]:
    empty: Empty = ()
    if page.cursor is not None:
        found = _cursor_values(connection, table, page, access)
        empty = tuple(value is None for value in found.values())
        values = values | found
    shape = (
        "list",
        tuple(page.filters),
        None if page.random else tuple(page.orders),
        empty,
        page.offset is not None,
        page.columns(table),
        access.shape,
    )
    rows: list[StoredRow] = []
    for part in _parts(table, page, empty):
        statement = table.prepared((*shape, part), partial(list_statement, table, page, access, part, empty))
        rest = {**values, "limit": page.size - len(rows), "offset": page.offset or 0}
        if count is None and table.width * page.size <= max_bytes:
            rows += statement.fetch(connection, rest)
        else:
            try:
                left = max_bytes - sum(map(row_size, rows))
                rows += statement.fetch_within(connection, rest, left, count)
            except TooLargeError:
                raise too_large(max_bytes) from None
        if len(rows) == page.size:
            break
    return rows[::-1] if page.backward else rows


def _parts(table: UserTable, page: Page, empty: Empty) -> tuple[Part, ...]:
    """The parts in which the rows of a page are found. Each is a range of an index, if there is one."""
    if page.cursor is None or page.offset is not None:
        return ("all",)
    key, descending = page.orders[0]
    if empty[0]:
        return ("nulls",) if descending else ("nulls", "values")
    return ("values", "nulls") if descending and order_field(table, key).nullable else ("all",)


class ListTooLargeError(TidewireError):
    """Raised where the rows of a list have more bytes than may be read: ``general_query_invalid`` unless it
    is caught."""


def too_large(max_bytes: float) -> ListTooLargeError:
    """The error for a list whose rows have more than ``max_bytes``."""
    message = (
        f"Invalid query: the list would show more than {max_bytes} bytes. Ask for fewer rows with a limit, "
        "or for less of them with a selection."
    )
    return ListTooLargeError("general_query_invalid", message)


def _known_count(page: Page, rows: list[StoredRow], readable: int | None) -> int | None:
    """Return how many rows there are on all pages, if that is known without counting them; else None."""
    offset = page.offset or 0
    if page.cursor is None and len(rows) < page.size and (rows or not offset):
        return min(offset + len(rows), MAX_TOTAL)
    return min(readable, MAX_TOTAL) if readable is not None and not page.filters else None


def list_statement(
    table: UserTable, page: Page, access: Access, part: Part = "all", empty: Empty = ()
) -> Select[Any]:
    """The statement that finds the rows of a page, or a part of them."""
    rows = table.rows.c
    read = [rows[name] for name in SYSTEM_COLUMNS]
    read += [rows[table.columns[key].name] for key in page.columns(table)]
    statement = select(*read).where(*_conditions(table, page, access))
    if page.cursor is not None:
        empty = empty or (False,) * len(page.orders)
        statement = statement.where(_beyond_cursor(table, page, part, empty))
    order = [func.random()] if page.random else [_ordering(table, *order) for order in page.orders]
    statement = _cut(statement.order_by(*order), page)
    if page.nearest is None:
        return statement
    # The values of those that are shown are read, not those of all that are compared.
    found = statement.with_only_columns(rows.sequence).correlate(None)
    return select(*read).where(rows.sequence.in_(found)).order_by(*order)


def _cut(statement: Select[Any], page: Page) -> Select[Any]:
    statement = statement.limit(bindparam("limit"))
    return statement if page.offset is None else statement.offset(bindparam("offset"))


def _count_statement(table: UserTable, page: Page, access: Access) -> Select[Any]:
    matching: Select[Any] = (
        select(literal_column("1")).select_from(table.rows).where(*_conditions(table, page, access))
    )
    return select(func.count()).select_from(matching.limit(MAX_TOTAL).subquery())


def _conditions(table: UserTable, page: Page, access: Access) -> list[ColumnElement[bool]]:
    binds = numbered_binds()
    filters = [filter_condition(table, shape, binds) for shape in page.filters]
    return [*([all_of(filters)] if filters else []), *access.conditions(table)]


def _cursor_values(connection: Connection, table: UserTable, page: Page, access: Access) -> dict[str, Any]:
    """The values of the cursor's row that the page begins or ends at."""
    shape = ("cursor", tuple(page.orders), access.shape)
    statement = table.prepared(shape, lambda: _cursor_statement(table, page, access))
    # Rows hidden from the caller must not work as cursors: it would tell that they exist.
    values = {**access.values, **nearest_values(page.nearest), "cursor": page.cursor}
    found = statement.fetch(connection, values)
    if not found:
        message = f"There is no row {page.cursor!r} in this list for the cursor to point to."
        raise TidewireError("general_cursor_not_found", message)
    return {f"k{number}": value for number, value in enumerate(found[0])}


def _cursor_statement(table: UserTable, page: Page, access: Access) -> Select[Any]:
    read = [order_field(table, key).column for key, _ in page.orders]
    return select(*read).where(table.rows.c.id == bindparam("cursor"), *access.conditions(table))


def _beyond_cursor(table: UserTable, page: Page, part: Part, empty: Empty) -> ColumnElement[bool]:
    """The condition that a row comes after the cursor's in the order of the page."""
    first_key, first_descending = page.orders[0]
    first = order_field(table, first_key)
    if part == "nulls" and not empty[0]:
        return first.column.is_(None)
    if part == "values" and empty[0]:
        return first.column.is_not(None)
    alternatives: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for number, (key, descending) in enumerate(page.orders):
        ordered = order_field(table, key)
        if empty[number]:
            # Those without a value come first, or last.
            if not descending and (number or part != "nulls"):
                alternatives.append(and_(*same, ordered.column.is_not(None)))
            same.append(ordered.column.is_(None))
            continue
        bound: ColumnElement[Any] = bindparam(f"k{number}")
        alternatives.append(and_(*same, _further(ordered, bound, descending)))
        same.append(ordered.column == bound)
    beyond = or_(*alternatives)
    if part == "nulls":
        return and_(first.column.is_(None), beyond)
    if empty[0] or (part == "all" and first_descending and first.nullable):
        return beyond
    # This condition follows from the others, but it is a range, which an index answers.
    edge: ColumnElement[Any] = bindparam("k0")
    return and_(first.column <= edge if first_descending else first.column >= edge, beyond)


def _further(field: Field, value: ColumnElement[Any], descending: bool) -> ColumnElement[bool]:
    if not descending:
        return field.column > value
    return or_(field.column < value, field.column.is_(None)) if field.nullable else field.column < value


def _ordering(table: UserTable, key: str, descending: bool) -> ColumnElement[Any]:
    field = order_field(table, key)
    column = field.column
    if descending:
        return column.desc().nulls_last() if field.nullable else column.desc()
    return column.asc().nulls_first() if field.nullable else column.asc()
