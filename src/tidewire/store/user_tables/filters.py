"""Filters on rows as SQL (API conventions, 4): first a shape and its values, then a condition for the shape.

Two filters of one shape differ only in their values, so that the statement can be kept. Filters mean what
those of other lists mean: text is compared exactly, only ``search`` ignores the case of letters; a comparison
with nothing is false, and so is its negation. An array can be asked what it contains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, bindparam, exists, false, func, or_, select, true

from tidewire.core.queries import Query
from tidewire.store.conditions import all_of, any_of
from tidewire.store.list_filters import MAX_VALUES, InvalidFilterError
from tidewire.store.user_tables import member_filters, spatial_filters
from tidewire.store.user_tables.access import granted
from tidewire.store.user_tables.fields import Field, field_of, text_of, value_of, wrong_value
from tidewire.store.user_tables.functions import compiled_pattern
from tidewire.store.user_tables.members import Member, member_of
from tidewire.store.user_tables.prefixes import following
from tidewire.store.user_tables.reached import Reach, relation_in, require_level
from tidewire.store.user_tables.related_rows import owners_of
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.tables import UserTable
from tidewire.store.user_tables.words import has_word, match_expression

Bound = ColumnElement[Any]
Shape = tuple[Any, ...]
"""``(method, parts)`` for logical methods, ``(method, key, number of values)`` for others."""
Applies = Literal["text", "order", "any"]


@dataclass(frozen=True)
class Method:
    """A filter method on fields that are no arrays."""

    applies: Applies
    """``order``: all but truth values."""
    count: int
    """Values that a query has; 0: one to :data:`MAX_VALUES`."""
    condition: Callable[[Field, Sequence[Bound]], ColumnElement[bool]]
    read: Callable[[Field, Query], list[Any]] | None = None
    """The values to bind, if they are not simply those of the query."""


def read_filter(
    table: UserTable, query: Query, values: list[Any], reach: Reach | None = None, level: int = 0
) -> Shape:
    """The shape of a filter; its values are added to ``values``. Raises :class:`InvalidFilterError`."""
    if query.method in {"and", "or"}:
        if not query.values:
            raise InvalidFilterError(f"The query {query.method} needs at least one query in its values.")
        parts = (read_filter(table, child, values, reach, level) for child in query.values)
        return (query.method, tuple(parts))
    if table.relations and reach is not None and query.attribute not in table.columns:
        found = relation_in(table, query.attribute)
        if found is not None:
            require_level(level)
            return _read_related(query, values, reach, level, *found)
    if query.method in {"exists", "notExists"}:
        return member_filters.read_existence(_members(table), query)
    if member_of(table, query.attribute) is not None:
        return member_filters.read_filter(_members(table), query, values)
    field = field_of(table, query.attribute, query.method)
    if query.method in {"isNull", "isNotNull"}:
        return (query.method, field.key, 0)
    if field.encrypted:
        raise InvalidFilterError(f"The attribute {field.key} is encrypted: it cannot be compared.")
    read = _read_of(field, query)
    bound = read(field, query)
    values += bound
    return (query.method, field.key, len(bound))


def filter_condition(table: UserTable, shape: Shape, binds: Iterator[Bound]) -> ColumnElement[bool]:
    """The condition of a shape; takes as many of ``binds`` as the shape has values, in the same order."""
    method = shape[0]
    if method in {"and", "or"}:
        parts = [filter_condition(table, part, binds) for part in shape[1]]
        return all_of(parts) if method == "and" else any_of(parts)
    if method == "member":
        return member_filters.condition(_members(table), shape, binds)
    if method in {"related", "unrelated"}:
        return _related_condition(table, shape, binds)
    field = field_of(table, shape[1], method)
    if method == "isNull":
        return field.column.is_(None)
    if method == "isNotNull":
        return field.column.is_not(None)
    bound = [next(binds) for _ in range(shape[2])]
    if field.shape is not None:
        return spatial_filters.condition(table, field, method, bound)
    if field.array:
        return _array_condition(field, method, bound)
    return METHODS[method].condition(field, bound)


def _members(table: UserTable) -> Callable[[str], Member]:
    """What attributes are members of documents; raises :class:`InvalidFilterError` for others."""

    def member(attribute: str) -> Member:
        found = member_of(table, attribute)
        if found is None:
            raise InvalidFilterError(f"{attribute[:64] or '(nothing)'} is no attribute of documents.")
        return found

    return member


def _read_related(
    query: Query, values: list[Any], reach: Reach, level: int, relation: Relation, rest: str
) -> Shape:
    """The shape of a filter on related rows: one of them that the caller may read fits."""
    reached = reach(relation)
    positive, inner = "related", None
    if not rest:
        if query.method in {"isNull", "isNotNull"}:
            positive = "unrelated" if query.method == "isNull" else "related"
        elif query.method in _ON_IDS:
            rest, query = "$id", Query(_ON_IDS[query.method], "$id", query.values)
        else:
            raise InvalidFilterError(
                f"The query {query.method} does not apply to the relationship {relation.key}: "
                f"name something of the related rows, such as {relation.key}.$id."
            )
    if rest:
        nested = Query(query.method, rest, query.values)
        inner = read_filter(reached.table, nested, values, reach, level + 1)
    roles = reached.access.roles if reached.access else []
    values += roles
    return (positive, relation, reached.table, inner, len(roles) if reached.access else None)


def _related_condition(table: UserTable, shape: Shape, binds: Iterator[Bound]) -> ColumnElement[bool]:
    method, relation, related, inner, roles = shape
    conditions = [filter_condition(related, inner, binds)] if inner else []
    if roles is None:
        return true() if method == "unrelated" else false()
    if roles:
        conditions.append(granted(related, [next(binds) for _ in range(roles)]))
    owner, owners = owners_of(table, relation, related, conditions)
    if method == "related":
        return owner.in_(owners)
    return or_(owner.is_(None), owner.not_in(owners))


_ON_IDS: Final[Mapping[str, str]] = {
    "equal": "equal",
    "notEqual": "notEqual",
    "contains": "equal",
    "containsAny": "equal",
}
"""Methods that apply to a relation itself, and which ones these are on the ids of the related rows."""


def numbered_binds() -> Iterator[Bound]:
    """The parameters of a statement: ``v0``, ``v1`` and so on."""
    number = 0
    while True:
        yield bindparam(f"v{number}")
        number += 1


def bound_values(values: Sequence[Any]) -> dict[str, Any]:
    """The values of the parameters of :func:`numbered_binds`."""
    return {f"v{number}": value for number, value in enumerate(values)}


def _read_of(field: Field, query: Query) -> Callable[[Field, Query], list[Any]]:
    """How the values of a query on the field are read; raises :class:`InvalidFilterError`."""
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


def _read_values(field: Field, query: Query) -> list[Any]:
    method = METHODS.get(query.method)
    return [value_of(field, value) for value in given_values(query, method.count if method else 0)]


def given_values(query: Query, count: int) -> Sequence[Any]:
    """The values of a query: ``count`` of them, or at least one if it is 0."""
    given = len(query.values)
    if count and given != count:
        needed = "one value" if count == 1 else f"{count} values"
        raise InvalidFilterError(f"The query {query.method} needs exactly {needed}, not {given}.")
    if not 1 <= given <= MAX_VALUES:
        raise InvalidFilterError(f"The query {query.method} needs 1 to {MAX_VALUES} values, not {given}.")
    return query.values


def _read_prefix(field: Field, query: Query) -> list[Any]:
    """A prefix and the first text after all that begin with it: a range, which an index answers."""
    prefix = text_of(field, given_values(query, 1)[0])
    end = following(prefix)
    return [prefix] if end is None else [prefix, end]


def _read_suffix(field: Field, query: Query) -> list[Any]:
    suffix = text_of(field, given_values(query, 1)[0])
    return [suffix, len(suffix)]


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
    if len(bound) == 1:
        return field.column >= bound[0]
    return and_(field.column >= bound[0], field.column < bound[1])


def _ends_with(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    length = func.length(field.column)
    return and_(length >= bound[1], func.substr(field.column, length - bound[1] + 1) == bound[0])


def _contains(field: Field, bound: Bound) -> ColumnElement[bool]:
    # Exact about case, and without wildcards.
    return func.instr(field.column, bound) > 0


def _any_contained(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return any_of([_contains(field, each) for each in bound])


def _all_contained(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return all_of([_contains(field, each) for each in bound])


def _equal(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column == bound[0] if len(bound) == 1 else field.column.in_(bound)


def _not_equal(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column != bound[0] if len(bound) == 1 else field.column.not_in(bound)


def _between(field: Field, bound: Sequence[Bound]) -> ColumnElement[bool]:
    return field.column.between(bound[0], bound[1])


def _array_condition(field: Field, method: str, bound: Sequence[Bound]) -> ColumnElement[bool]:
    """The condition on a column that holds a JSON array."""

    def holds(*values: Bound) -> ColumnElement[bool]:
        element = func.json_each(field.column).table_valued("value").alias("element")
        return exists(select(1).select_from(element).where(element.c.value.in_(values)))

    if method == "containsAll":
        return all_of([holds(each) for each in bound])
    if method == "notContains":
        return and_(field.column.is_not(None), ~holds(*bound))
    return holds(*bound)


METHODS: Final[Mapping[str, Method]] = {
    "equal": Method("any", 0, _equal),
    "notEqual": Method("any", 0, _not_equal),
    "lessThan": Method("order", 1, lambda field, bound: field.column < bound[0]),
    "lessThanEqual": Method("order", 1, lambda field, bound: field.column <= bound[0]),
    "greaterThan": Method("order", 1, lambda field, bound: field.column > bound[0]),
    "greaterThanEqual": Method("order", 1, lambda field, bound: field.column >= bound[0]),
    "between": Method("order", 2, _between),
    "notBetween": Method("order", 2, lambda field, bound: ~_between(field, bound)),
    "contains": Method("text", 0, _any_contained),
    "containsAny": Method("text", 0, _any_contained),
    "containsAll": Method("text", 0, _all_contained),
    "notContains": Method("text", 0, lambda field, bound: ~_any_contained(field, bound)),
    "startsWith": Method("text", 1, _starts_with, _read_prefix),
    "notStartsWith": Method("text", 1, lambda field, bound: ~_starts_with(field, bound), _read_prefix),
    "endsWith": Method("text", 1, _ends_with, _read_suffix),
    "notEndsWith": Method("text", 1, lambda field, bound: ~_ends_with(field, bound), _read_suffix),
    "search": Method("text", 1, lambda field, bound: has_word(field, bound[0]), _read_search),
    "notSearch": Method(
        "text",
        1,
        lambda field, bound: and_(field.column.is_not(None), ~has_word(field, bound[0])),
        _read_search,
    ),
    "regex": Method(
        "text", 1, lambda field, bound: func.tidewire_matches(field.column, bound[0]) == 1, _read_pattern
    ),
}
"""By name; those on shapes are in :mod:`tidewire.store.user_tables.spatial_filters`."""

ARRAY_METHODS: Final = frozenset({"contains", "containsAny", "containsAll", "notContains"})

FILTER_METHODS: Final = frozenset(
    {"and", "or", "isNull", "isNotNull", *METHODS, *spatial_filters.METHODS, *member_filters.METHODS}
)
