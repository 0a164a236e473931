"""Filter methods on the columns of tables: the values each takes, and its condition as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, exists, select

from tidewire.core.folding import fold
from tidewire.core.queries import Query
from tidewire.store.engine.dialect import (
    array_contains,
    contains,
    contains_of,
    elements_of,
    ends_with,
    listed,
    match_expression,
    matches,
    starts_with,
    words_found,
)
from tidewire.store.engine.patterns import compiled_pattern
from tidewire.store.lists.conditions import all_of, any_of
from tidewire.store.lists.filters import InvalidFilterError, given_values
from tidewire.store.user_tables import spatial_filters
from tidewire.store.user_tables.fields import Field, text_of, value_of, wrong_value
from tidewire.store.user_tables.prefixes import ranges_of, within_ranges

Bound = ColumnElement[Any]
_Applies = Literal["text", "order", "any"]


@dataclass(frozen=True)
class Method:
    """A filter method on fields that are no arrays."""

    applies: _Applies
    """The fields that it applies to; ``order``: all but truth values."""
    count: int
    """The number of values that a query has; 0: as many as :func:`tidewire.store.lists.filters.given_values`
    allows."""
    condition: Callable[[Field, Sequence[Bound]], ColumnElement[bool]]
    read: Callable[[Field, Query], list[Any]] | None = None
    """A function that finds the values to bind; None: they are those of the query."""


def reading_of(field: Field, query: Query) -> Callable[[Field, Query], list[Any]]:
    """Return the function that reads the values of a query on the field; raises
    :class:`InvalidFilterError`."""
    if field.shape is not None:
        return spatial_filters.read_values
    if field.storage == "vector":
        raise InvalidFilterError(
            f"The attribute {field.key} is a vector: it goes with vectorDot, vectorCosine, vectorEuclidean."
        )
    if query.method in spatial_filters.METHODS:
        raise InvalidFilterError(f"The query {query.method} needs a shape, {field.key} is none.")
    if field.array:
        if query.method not in ARRAY_METHODS:
            raise InvalidFilterError(
                f"The attribute {field.key} is an array: ask for what it contains, not with {query.method}."
            )
        return _read_values
    method = METHODS.get(query.method)
    if method is None:
        raise InvalidFilterError(f"The query {query.method} cannot be used here.")
    if method.applies == "text" and field.storage != "text":
        raise InvalidFilterError(f"The query {query.method} needs a text attribute, {field.key} is none.")
    if method.applies == "order" and field.storage == "boolean":
        raise InvalidFilterError(f"The attribute {field.key} is true or false and has no order.")
    return method.read or _read_values


def array_condition(field: Field, method: str, bound: Sequence[Bound]) -> ColumnElement[bool]:
    """The condition on a column that holds a JSON array."""

    def holds(*values: Bound) -> ColumnElement[bool]:
        element = elements_of(field.column)
        return exists(select(1).select_from(element).where(element.c.value.in_(values)))

    if method == "containsAll":
        return all_of([holds(each) for each in bound])
    if method == "notContains":
        return and_(field.column.is_not(None), ~holds(*bound))
    return holds(*bound)


def many_condition(field: Field, method: str, values: Bound) -> ColumnElement[bool]:
    """The condition of a method of :data:`MANY`; ``values`` is a JSON array."""
    if field.array:
        return array_contains(field.column, method, values)
    if method == "equal":
        return field.column.in_(listed(values))
    if method == "notEqual":
        return field.column.not_in(listed(values))
    found = contains_of(field.column, values, every=method == "containsAll")
    return ~found if method == "notContains" else found


def _read_values(field: Field, query: Query) -> list[Any]:
    method = METHODS.get(query.method)
    return [value_of(field, value) for value in given_values(query, method.count if method else 0)]


def _read_folded(field: Field, query: Query) -> list[Any]:
    method = METHODS[query.method]
    return [fold(text_of(field, value)) for value in given_values(query, method.count)]


def _read_prefix(field: Field, query: Query) -> list[Any]:
    prefix = fold(text_of(field, given_values(query, 1)[0]))
    return [prefix, *ranges_of(prefix)]


def _read_search(field: Field, query: Query) -> list[Any]:
    if not field.words:
        raise InvalidFilterError(f"Searching in {field.key} needs an index of type fulltext on it.")
    text = text_of(field, given_values(query, 1)[0])
    return [match_expression(text, field.words_column)]


def _read_pattern(field: Field, query: Query) -> list[Any]:
    pattern = text_of(field, given_values(query, 1)[0])
    try:
        compiled_pattern(pattern)
    except ValueError as error:
        raise wrong_value(field, f"it must be a regular expression ({error}).") from None
    return [pattern]


def _starts_with(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return and_(*within_ranges(field.column, bound[1:]), starts_with(field.column, bound[0]))


def _any_contained(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return any_of([contains(field.column, each) for each in bound])


def _all_contained(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return all_of([contains(field.column, each) for each in bound])


def _has_word(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return words_found(field.rows, field.words, bound[0])


def _equal(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column == bound[0] if len(bound) == 1 else field.column.in_(bound)


def _not_equal(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column != bound[0] if len(bound) == 1 else field.column.not_in(bound)


def _between(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column.between(bound[0], bound[1])


METHODS: Final[Mapping[str, Method]] = {
    "equal": Method("any", 0, _equal),
    "notEqual": Method("any", 0, _not_equal),
    "lessThan": Method("order", 1, lambda field, bound: field.column < bound[0]),
    "lessThanEqual": Method("order", 1, lambda field, bound: field.column <= bound[0]),
    "greaterThan": Method("order", 1, lambda field, bound: field.column > bound[0]),
    "greaterThanEqual": Method("order", 1, lambda field, bound: field.column >= bound[0]),
    "between": Method("order", 2, _between),
    "notBetween": Method("order", 2, lambda field, bound: ~_between(field, bound)),
    "contains": Method("text", 0, _any_contained, _read_folded),
    "containsAny": Method("text", 0, _any_contained, _read_folded),
    "containsAll": Method("text", 0, _all_contained, _read_folded),
    "notContains": Method("text", 0, lambda field, bound: ~_any_contained(field, bound), _read_folded),
    "startsWith": Method("text", 1, _starts_with, _read_prefix),
    "notStartsWith": Method(
        "text", 1, lambda field, bound: ~starts_with(field.column, bound[0]), _read_folded
    ),
    "endsWith": Method("text", 1, lambda field, bound: ends_with(field.column, bound[0]), _read_folded),
    "notEndsWith": Method("text", 1, lambda field, bound: ~ends_with(field.column, bound[0]), _read_folded),
    "search": Method("text", 1, lambda field, bound: _has_word(field, bound), _read_search),
    "notSearch": Method(
        "text",
        1,
        lambda field, bound: and_(field.column.is_not(None), ~_has_word(field, bound)),
        _read_search,
    ),
    "regex": Method("text", 1, lambda field, bound: matches(field.column, bound[0]), _read_pattern),
}
"""Methods by name. Those on shapes are in :mod:`tidewire.store.user_tables.spatial_filters`."""

MANY: Final = frozenset({"equal", "notEqual", "contains", "containsAny", "containsAll", "notContains"})
"""Methods that more values can be given to as one list: the statement is the same however many there are."""

ARRAY_METHODS: Final = frozenset({"contains", "containsAny", "containsAll", "notContains"})
