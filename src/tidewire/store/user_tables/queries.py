"""The queries of a list of rows, read: what they ask for, and what of it a statement depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.queries import InvalidQueryError, Query, parse_query
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.lists.resource_lists import DEFAULT_LIMIT, MAX_LIMIT, MAX_QUERIES, cursor_id, whole_number
from tidewire.store.user_tables.filters import FILTER_METHODS, Shape, read_filter, size_of
from tidewire.store.user_tables.nearest import METHODS as NEAREST_METHODS
from tidewire.store.user_tables.nearest import Nearest, read_nearest
from tidewire.store.user_tables.orders import attribute_field
from tidewire.store.user_tables.reached import Reach
from tidewire.store.user_tables.selections import Selection, select_keys
from tidewire.store.user_tables.tables import UserTable

MAX_COMPARISONS: Final = 2_500
"""The most comparisons of one list. Each may be a condition of its own, and many take time to put together. A
long list of values of one query is compared at once, except for numbers, and for objects in documents."""
_ORDERS: Final = frozenset({"orderAsc", "orderDesc"})


class Page(msgspec.Struct):
    """A page of rows, as the queries ask for it. Of repeated limits, offsets and cursors the first counts."""

    filters: list[Shape] = msgspec.field(default_factory=list)
    values: list[Any] = msgspec.field(default_factory=list)
    """The values of the filters, in the order in which their shapes take them."""
    orders: list[tuple[str, bool]] = msgspec.field(default_factory=list)
    """Keys, and whether the order is descending. The last is ``$sequence``: the order is total."""
    random: bool = False
    limit: int | None = None
    offset: int | None = None
    cursor: str | None = None
    backward: bool = False
    """Whether the page ends before the cursor."""
    selected: frozenset[str] | None = None
    """The keys that are selected; None for all."""
    nearest: Nearest | None = None
    """The vector that the rows are to be near to, which is the first of the orders; None: there is none."""
    related: dict[str, Selection] = msgspec.field(default_factory=dict)
    """The parts of related rows that are selected, by the key of the relation."""

    @property
    def size(self) -> int:
        """The most rows of the page."""
        return DEFAULT_LIMIT if self.limit is None else self.limit

    def columns(self, table: UserTable) -> tuple[str, ...]:
        """The keys of the columns to read."""
        if self.selected is None:
            return tuple(table.columns)
        return table.columns_of(self.selected)


def read_page(table: UserTable, queries: Sequence[str], reach: Reach | None = None) -> Page:
    """Read the queries of a list. Raises :class:`TidewireError` ``general_query_invalid``.

    Without ``reach`` nothing of related rows can be asked for.
    """
    page = Page()
    count = 0
    try:
        for text in queries:
            query = parse_query(text)
            count += sum(1 for _ in query.tree())
            if count > MAX_QUERIES:
                raise InvalidQueryError(f"A list takes at most {MAX_QUERIES} queries.")
            _apply(table, page, query, reach)
            if sum(map(size_of, page.filters)) > MAX_COMPARISONS:
                raise InvalidQueryError(f"The queries of a list ask for over {MAX_COMPARISONS} comparisons.")
        if page.random and (page.cursor is not None or page.nearest is not None):
            raise InvalidFilterError("a random order has no cursor and is near to nothing.")
    except (InvalidQueryError, InvalidFilterError) as error:
        raise TidewireError("general_query_invalid", f"Invalid query: {error}") from None
    _complete_orders(page)
    return page


def read_selection(table: UserTable, queries: Sequence[str], reach: Reach | None = None) -> Page:
    """Return what the queries on a single row select of it. Raises ``general_query_invalid``."""
    if not queries:
        return Page()
    page = read_page(table, queries, reach)
    if page != Page(orders=page.orders, selected=page.selected, related=page.related):
        raise TidewireError("general_query_invalid", "Invalid query: a single row can only be selected from.")
    return page


def _apply(table: UserTable, page: Page, query: Query, reach: Reach | None) -> None:
    method = query.method
    if method in FILTER_METHODS:
        page.filters.append(read_filter(table, query, page.values, reach))
    elif method in NEAREST_METHODS:
        _apply_nearest(table, page, query)
    elif method in _ORDERS:
        _apply_order(table, page, query)
    elif method == "orderRandom":
        page.random = True
    elif method == "select":
        _apply_selection(table, page, query, reach)
    else:
        _apply_bounds(page, query)


def _apply_order(table: UserTable, page: Page, query: Query) -> None:
    # Without an attribute the order is that of creation.
    ordered = attribute_field(table, query.attribute or "$sequence")
    if ordered.array or ordered.encrypted or ordered.shape or ordered.storage == "vector":
        raise InvalidFilterError(f"The attribute {ordered.key} has no order.")
    if all(key != ordered.key for key, _ in page.orders):
        page.orders.append((ordered.key, query.method == "orderDesc"))


def _apply_nearest(table: UserTable, page: Page, query: Query) -> None:
    if page.nearest is not None:
        raise InvalidFilterError("A list can be near to one vector only.")
    page.nearest = read_nearest(table, query)
    page.orders.insert(0, (page.nearest.order, False))


def _apply_bounds(page: Page, query: Query) -> None:
    """Apply a limit, an offset or a cursor. Of each kind of query the first counts."""
    if query.method == "limit":
        number = whole_number(query, 1, MAX_LIMIT)
        page.limit = number if page.limit is None else page.limit
    elif query.method == "offset":
        number = whole_number(query, 0, 2**53)
        page.offset = number if page.offset is None else page.offset
    elif query.method in {"cursorAfter", "cursorBefore"}:
        cursor = cursor_id(query, "row")
        if page.cursor is None:
            page.cursor, page.backward = cursor, query.method == "cursorBefore"
    else:
        raise InvalidFilterError(f"The query {query.method} cannot be used on rows.")


def _apply_selection(table: UserTable, page: Page, query: Query, reach: Reach | None) -> None:
    if not query.values:
        raise InvalidFilterError("The query select needs the names of attributes.")
    page.selected = page.selected or frozenset()
    for key in query.values:
        if not isinstance(key, str):
            raise InvalidFilterError(f"The query select names {str(key)[:64]}, which this table lacks.")
        page.selected |= select_keys(table, key, page.related, reach)


def _complete_orders(page: Page) -> None:
    """Make the order total, so that pages do not overlap, and turn it round to go backward."""
    keys = [key for key, _ in page.orders]
    if "$sequence" in keys:
        del page.orders[keys.index("$sequence") + 1 :]
    else:
        # In the direction of the last order: so an index on it gives the whole order.
        page.orders.append(("$sequence", page.orders[-1][1] if page.orders else False))
    if page.backward:
        page.orders = [(key, not descending) for key, descending in page.orders]
