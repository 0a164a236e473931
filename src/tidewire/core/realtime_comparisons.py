"""Comparisons of realtime queries that every Appwrite server knows.

Each query is compiled once into a closure. These never raise, whatever the payload, and their cost follows
the number of conditions, not the number of values. Numbers compare by value, text by code points, and
ordering exists within numbers and within text only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from tidewire.core.queries import Query
from tidewire.core.realtime_payload import ABSENT, Attributes, value_key

Predicate = Callable[[Attributes], bool]
"""A function that says whether a payload is accepted."""


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; truth values are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def keys_of(values: Iterable[Any]) -> frozenset[Hashable]:
    """Stand-ins for values: a value is identical to one of them if its own is among these."""
    return frozenset(key for value in values if (key := value_key(value)) is not None)


def _compile_nested_select(query: Query) -> Predicate:  # noqa: ARG001 - has the shape of all compilers
    """The compiled form of ``select *`` within another query, which accepts nothing."""
    return lambda payload: False  # noqa: ARG005


def _compile_null(query: Query) -> Predicate:
    attribute = query.attribute
    return lambda payload: payload.get(attribute, ABSENT) is None


def _compile_not_null(query: Query) -> Predicate:
    attribute = query.attribute
    return lambda payload: payload.get(attribute) is not None


def _compile_equal(query: Query) -> Predicate:
    attribute, keys = query.attribute, keys_of(query.values)
    return lambda payload: attribute in payload and payload.key(attribute) in keys


def _compile_not_equal(query: Query) -> Predicate:
    attribute, keys = query.attribute, keys_of(query.values)
    return lambda payload: attribute in payload and payload.key(attribute) not in keys


def _compile_order(
    furthest: Callable[..., Any], relation: Callable[[Any, Any], bool]
) -> Callable[[Query], Predicate]:
    """The compiler of a method that orders.

    A value that is less than any of a query's values is less than the greatest of them, so that only the
    ``furthest`` is compared with; the same holds for the other relations.
    """

    def compile_(query: Query) -> Predicate:
        number, text = _bounds(query.values, furthest)
        return _ordering(query.attribute, number, text, relation)

    return compile_


def _bounds(values: Sequence[Any], furthest: Callable[..., Any]) -> tuple[int | float | None, str | None]:
    numbers = [value for value in values if is_number(value)]
    texts = [value for value in values if isinstance(value, str)]
    return furthest(numbers, default=None), furthest(texts, default=None)


def _ordering(
    attribute: str,
    number: int | float | None,
    text: str | None,
    relation: Callable[[Any, Any], bool],
) -> Predicate:
    """Compare with the bound of the value's own type; there is no order across types."""

    def ordered(payload: Attributes) -> bool:
        value = payload.get(attribute)
        if isinstance(value, str):
            return text is not None and relation(value, text)
        if is_number(value):
            return number is not None and relation(value, number)
        return False

    return ordered


COMPARISONS: Final[Mapping[str, Callable[[Query], Predicate]]] = {
    "equal": _compile_equal,
    "notEqual": _compile_not_equal,
    "lessThan": _compile_order(max, operator.lt),
    "lessThanEqual": _compile_order(max, operator.le),
    "greaterThan": _compile_order(min, operator.gt),
    "greaterThanEqual": _compile_order(min, operator.ge),
    "isNull": _compile_null,
    "isNotNull": _compile_not_null,
    "select": _compile_nested_select,
}
"""The compiler of each method."""
