"""Filters on rows as SQL: first a shape and its values, then a condition for the shape.

Two filters of one shape differ only in their values, so that the statement can be kept. Filters mean what
those of other lists mean: what looks for a part of a text ignores the case of letters, all else compares text
exactly; a comparison with nothing is false, and so is its negation. An array can be asked what it contains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, bindparam, false, or_, true

from tidewire.core.queries import Query
from tidewire.store.lists.conditions import FEW, all_of, any_of
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables import member_filters, spatial_filters
from tidewire.store.user_tables.access import granted
from tidewire.store.user_tables.fields import field_of
from tidewire.store.user_tables.filter_methods import (
    MANY,
    METHODS,
    Bound,
    array_condition,
    many_condition,
    reading_of,
)
from tidewire.store.user_tables.members import Member, member_of
from tidewire.store.user_tables.reached import Reach, relation_in, require_level
from tidewire.store.user_tables.related_rows import owners_of
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.tables import UserTable

_encode = msgspec.json.Encoder().encode

Shape = tuple[Any, ...]
"""``(method, parts)`` for logical methods, ``(method, key, number of values)`` for others, and
``("many", key, method)`` where one parameter is a list of all values."""
FILTER_METHODS: Final = frozenset(
    {"and", "or", "isNull", "isNotNull", *METHODS, *spatial_filters.METHODS, *member_filters.METHODS}
)
_ON_IDS: Final[Mapping[str, str]] = {
    "equal": "equal",
    "notEqual": "notEqual",
    "contains": "equal",
    "containsAny": "equal",
}
"""Methods that apply to a relation itself, and which ones these are on the ids of the related rows."""


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
    read = reading_of(field, query)
    bound = read(field, query)
    if len(bound) > FEW and query.method in MANY and field.storage != "float":
        values.append(_encode(bound).decode())
        return ("many", field.key, query.method)
    values += bound
    return (query.method, field.key, len(bound))


def size_of(shape: Shape) -> int:
    """Return about how many comparisons a shape asks for."""
    method = shape[0]
    if method in {"and", "or"}:
        return sum(map(size_of, shape[1]))
    if method == "member":
        return member_filters.size_of(shape)
    if method in {"related", "unrelated"}:
        return (size_of(shape[3]) if shape[3] else 0) + (shape[4] or 0)
    return 1 if method == "many" else int(shape[2])


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
    if method == "many":
        return many_condition(field, shape[2], next(binds))
    if method == "isNull":
        return field.column.is_(None)
    if method == "isNotNull":
        return field.column.is_not(None)
    bound = [next(binds) for _ in range(shape[2])]
    if field.shape is not None:
        return spatial_filters.condition(table, field, method, bound)
    if field.array:
        return array_condition(field, method, bound)
    return METHODS[method].condition(field, bound)


def _members(table: UserTable) -> Callable[[str], Member]:
    """Return the member of documents that an attribute names; raises :class:`InvalidFilterError` if it names
    none."""

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


def numbered_binds() -> Iterator[Bound]:
    """The parameters of a statement: ``v0``, ``v1`` and so on."""
    number = 0
    while True:
        yield bindparam(f"v{number}")
        number += 1


def bound_values(values: Sequence[Any]) -> dict[str, Any]:
    """The values of the parameters of :func:`numbered_binds`."""
    return {f"v{number}": value for number, value in enumerate(values)}
