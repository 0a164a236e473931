"""Lists of resources: REST list queries, search and count as SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, func, literal, or_, select

from tidewire.core.errors import TidewireError
from tidewire.core.queries import InvalidQueryError, Query, parse_query
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sizes import row_size
from tidewire.store.lists.conditions import all_of
from tidewire.store.lists.filters import (
    FILTER_METHODS,
    InvalidFilterError,
    filter_condition,
    orderable_column_of,
    text_search,
)

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 2**53
"""What a limit may say; what a page shows is bounded in bytes."""
MAX_TOTAL: Final = 5000
"""Counting stops here."""
FEW_ROWS: Final = 100
"""The most rows of a page that are not measured. Each of them is bounded by what a request may bring."""
MAX_QUERIES: Final = 100
"""Queries of one list, those inside others included."""

_ORDER_METHODS: Final = frozenset({"orderAsc", "orderDesc", "orderRandom"})
_PAGE_METHODS: Final = frozenset({"limit", "offset", "cursorAfter", "cursorBefore"})


@dataclass(frozen=True)
class ListDefinition:
    """What of a table can be listed, filtered and ordered."""

    table: Table
    id_column: Column[str]
    attributes: Mapping[str, Column[Any]]
    """Name on the wire to column. Columns called ``*_at`` hold times, which are ISO 8601 text on the wire."""
    searchable: tuple[Column[Any], ...] = ()
    """What ``search`` looks at; if empty, the id and the attribute ``name``."""

    @property
    def searched(self) -> tuple[Column[Any], ...]:
        """The columns that ``search`` looks at."""
        names = (self.attributes["name"],) if "name" in self.attributes else ()
        return self.searchable or (self.id_column, *names)


def resource_list(
    table: Table,
    *attributes: str,
    searchable: tuple[Column[Any], ...] = (),
    columns: Mapping[str, Column[Any]] | None = None,
    id_name: str = "id",
) -> ListDefinition:
    """The list of a table whose rows have an id, times and a sequence, which can always be asked for.

    ``attributes`` are names on the wire. The column of ``userId`` is ``user_id``; ``columns`` has those that
    are called otherwise. ``id_name`` is the name of the column that holds the id.
    """
    other = columns or {}
    known = {name: other[name] if name in other else table.c[_snake_case(name)] for name in attributes}
    system = {
        "$id": table.c[id_name],
        "$createdAt": table.c.created_at,
        "$updatedAt": table.c.updated_at,
        "$sequence": table.c.sequence,
    }
    return ListDefinition(table, table.c[id_name], {**known, **system}, searchable)


def _snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


@dataclass
class _Order:
    column: Column[Any]
    descending: bool


@dataclass
class _Page:
    """What the queries ask for. Of repeated limits, offsets and cursors the first counts."""

    filters: list[ColumnElement[bool]] = field(default_factory=list)
    orders: list[_Order] = field(default_factory=list)
    random: bool = False
    limit: int | None = None
    offset: int | None = None
    cursor: str | None = None
    backward: bool = False
    """The page ends before the cursor."""


def list_rows(
    connection: Connection,
    definition: ListDefinition,
    queries: Sequence[str],
    search: str,
    where: Sequence[ColumnElement[bool]],
    total: bool,
    **of: Any,
) -> tuple[int, list[Row[Any]]]:
    """The rows of one page, and how many there are on all pages (0 if ``total`` is false).

    ``where``, and ``of``, the values of columns, are conditions that the caller of the API has no say in.
    Raises :class:`TidewireError` ``general_argument_invalid`` for queries that are wrong, or find more than a
    list may show, and ``general_cursor_not_found``.
    """
    page = _read_queries(definition, queries)
    where = [*where, *(definition.table.c[name] == value for name, value in of.items())]
    matching = [*where]
    if page.filters:
        matching.append(all_of(page.filters))
    if search:
        matching.append(text_search(definition.searched, search))
    count = _count(connection, definition, matching) if total else 0
    _complete_orders(definition, page)
    if page.cursor is not None:
        matching.append(_beyond_cursor(connection, definition, page, where))
    statement = (
        select(definition.table)
        .where(*matching)
        .order_by(*([func.random()] if page.random else map(_ordering, page.orders)))
        .limit(DEFAULT_LIMIT if page.limit is None else page.limit)
        .offset(page.offset)
    )
    rows = fetch_page(connection, statement, page.limit or DEFAULT_LIMIT)
    return count, rows[::-1] if page.backward else rows


def fetch_page(connection: Connection, statement: Select[Any], limit: int) -> list[Row[Any]]:
    """The rows of a page of at most ``limit``.

    Raises ``general_argument_invalid`` if they have more bytes than a list may show.
    """
    result = connection.execute(statement)
    if limit <= FEW_ROWS:
        return list(result)
    rows: list[Row[Any]] = []
    left = most = connection.list_bytes
    for row in result:
        left -= row_size(row)
        if left < 0:
            result.close()
            raise invalid_queries(f"the list would show more than {most} bytes. Ask for fewer with a limit.")
        rows.append(row)
    return rows


def invalid_queries(problem: str) -> TidewireError:
    """The error for the queries of a list of anything but rows."""
    return TidewireError("general_argument_invalid", f"Invalid `queries` param: Invalid query: {problem}")


def _read_queries(definition: ListDefinition, texts: Sequence[str]) -> _Page:
    page = _Page()
    left = MAX_QUERIES
    for text in texts:
        try:
            query = parse_query(text)
            left -= sum(1 for _ in query.tree())
            if left < 0:
                raise InvalidFilterError(f"At most {MAX_QUERIES} queries are allowed, nested ones included.")
            _apply(definition, page, query)
        except (InvalidQueryError, InvalidFilterError) as error:
            raise invalid_queries(str(error)) from None
    return page


def _apply(definition: ListDefinition, page: _Page, query: Query) -> None:
    if query.method in FILTER_METHODS:
        page.filters.append(filter_condition(query, definition.attributes))
    elif query.method in _ORDER_METHODS:
        _apply_order(definition, page, query)
    elif query.method in _PAGE_METHODS:
        _apply_page(page, query)
    else:
        raise InvalidFilterError(f"The query {query.method} cannot be used on this list.")


def _apply_order(definition: ListDefinition, page: _Page, query: Query) -> None:
    if query.method == "orderRandom":
        page.random = True
        return
    # Without an attribute the order is that of creation.
    column = _sequence(definition)
    if query.attribute:
        column = orderable_column_of(query, definition.attributes)
    if all(order.column is not column for order in page.orders):
        page.orders.append(_Order(column, descending=query.method == "orderDesc"))


def _apply_page(page: _Page, query: Query) -> None:
    if query.method == "limit":
        number = whole_number(query, 1, MAX_LIMIT)
        page.limit = number if page.limit is None else page.limit
    elif query.method == "offset":
        number = whole_number(query, 0, 2**53)
        page.offset = number if page.offset is None else page.offset
    else:
        cursor = cursor_id(query, "item")
        if page.cursor is None:
            page.cursor, page.backward = cursor, query.method == "cursorBefore"


def whole_number(query: Query, minimum: int, maximum: int) -> int:
    """The one integer that a query gives. Raises :class:`InvalidFilterError`."""
    value = query.values[0] if len(query.values) == 1 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise InvalidFilterError(f"The {query.method} must be one integer from {minimum} to {maximum}.")
    return value


def cursor_id(query: Query, subject: str) -> str:
    """The id that a cursor gives; ``subject`` is what it is the id of. Raises :class:`InvalidFilterError`."""
    value = query.values[0] if len(query.values) == 1 else None
    if not isinstance(value, str) or not 1 <= len(value) <= 36 or not value.isascii():
        raise InvalidFilterError(f"The query {query.method} needs the id of one {subject}.")
    return value


def _complete_orders(definition: ListDefinition, page: _Page) -> None:
    """Make the order total, so that pages do not overlap, and turn it round to go backward."""
    sequence = _sequence(definition)
    if page.random:
        if page.cursor is not None:
            raise invalid_queries("a random order has no cursor.")
        return
    if all(order.column is not sequence for order in page.orders):
        page.orders.append(_Order(sequence, descending=False))
    if page.backward:
        page.orders = [_Order(order.column, not order.descending) for order in page.orders]


def _beyond_cursor(
    connection: Connection, definition: ListDefinition, page: _Page, where: Sequence[ColumnElement[bool]]
) -> ColumnElement[bool]:
    """The condition that a row comes after the cursor's in the order of the page."""
    # Items hidden from the caller must not work as cursors: it would tell that they exist.
    query = select(definition.table).where(*where, definition.id_column == page.cursor)
    row = connection.execute(query).first()
    if row is None:
        message = f"There is no item {page.cursor!r} in this list for the cursor to point to."
        raise TidewireError("general_cursor_not_found", message)
    alternatives: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for order in page.orders:
        value = row._mapping[order.column]  # noqa: SLF001 - the public way to a row's columns
        if value is None:
            # Those without a value come first, or last.
            if not order.descending:
                alternatives.append(and_(*same, order.column.is_not(None)))
            same.append(order.column.is_(None))
            continue
        # SQLAlchemy orders nothing by a plain True or False.
        bound = literal(value, order.column.type)
        alternatives.append(and_(*same, _further(order, bound)))
        same.append(order.column == bound)
    return or_(*alternatives)


def _further(order: _Order, value: ColumnElement[Any]) -> ColumnElement[bool]:
    if not order.descending:
        return order.column > value
    further = order.column < value
    return or_(further, order.column.is_(None)) if order.column.nullable else further


def _ordering(order: _Order) -> ColumnElement[Any]:
    if order.descending:
        return order.column.desc().nulls_last() if order.column.nullable else order.column.desc()
    return order.column.asc().nulls_first() if order.column.nullable else order.column.asc()


def _count(
    connection: Connection, definition: ListDefinition, matching: Sequence[ColumnElement[bool]]
) -> int:
    some = select(_sequence(definition)).where(*matching).limit(MAX_TOTAL).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _sequence(definition: ListDefinition) -> Column[Any]:
    return definition.table.c.sequence
