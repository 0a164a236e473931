"""Pages of lists that are not in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tidewire.core.queries import InvalidQueryError, parse_query
from tidewire.store.lists.resource_lists import DEFAULT_LIMIT, MAX_LIMIT, invalid_queries

T = TypeVar("T")


def page_of(items: Sequence[T], queries: Sequence[str], default: int = DEFAULT_LIMIT) -> list[T]:
    """The items that the queries ``limit`` and ``offset`` ask for; without them the first ``default``.

    Raises ``general_argument_invalid``.
    """
    limit, offset = limit_and_offset(queries, default)
    return list(items[offset : offset + limit])


def limit_and_offset(queries: Sequence[str], default: int = DEFAULT_LIMIT) -> tuple[int, int]:
    """The values of the queries ``limit`` and ``offset``; no others are allowed.

    Raises ``general_argument_invalid``.
    """
    limit, offset = default, 0
    for text in queries:
        try:
            query = parse_query(text)
        except InvalidQueryError as error:
            raise invalid_queries(str(error)) from None
        value = query.values[0] if len(query.values) == 1 else None
        lowest = {"limit": 1, "offset": 0}.get(query.method)
        if lowest is None:
            raise invalid_queries("only limit and offset are known here.")
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= MAX_LIMIT:
            raise invalid_queries(f"the {query.method} must be one integer from {lowest} to {MAX_LIMIT}.")
        if query.method == "limit":
            limit = value
        else:
            offset = value
    return limit, offset
