"""Queries of lists: pages of what is in no table, and fields that are selected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def selections(queries: Sequence[str], fields: Collection[str]) -> tuple[list[str], frozenset[str] | None]:
    """The queries that choose resources, and the ``fields`` of these to show; None: all of them.

    Raises ``general_argument_invalid``, also for a field that no resource of the list has.
    """
    kept: list[str] = []
    selected: set[str] = set()
    for text in queries:
        try:
            query = parse_query(text)
        except InvalidQueryError as error:
            raise invalid_queries(str(error)) from None
        if query.method != "select":
            kept.append(text)
            continue
        for name in map(str, query.values):
            if name != "*" and name not in fields:
                raise invalid_queries(f"Attribute not found in schema: {name}")
            selected.add(name)
    return kept, None if "*" in selected or not selected else frozenset(selected)


def require_queries(queries: Sequence[str], attributes: Collection[str]) -> None:
    """Refuse queries that cannot be asked of resources with these attributes.

    Raises ``general_argument_invalid``. For lists in which there is never anything.
    """
    for text in queries:
        try:
            query = parse_query(text)
        except InvalidQueryError as error:
            raise invalid_queries(str(error)) from None
        if query.attribute and query.attribute not in attributes:
            raise invalid_queries(f"Attribute not found in schema: {query.attribute}")
