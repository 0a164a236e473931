"""Filters on members of documents as SQL.

A value is compared with values of its own kind only: numbers with numbers, text with text, true and false
with these. A comparison with a missing member or with null is false, and so is its negation; a value of
another kind is not equal, and not between. An array can be asked what it contains, a text too. An object is
equal to one that a query gives if it has all of its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import and_, case, exists, false, not_, null, select

from tidewire.core.queries import MAX_VALUES, Query
from tidewire.store.engine.dialect import elements_of
from tidewire.store.lists.conditions import all_of, any_of
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables.member_conditions import ARRAY, CONDITIONS, OBJECT, Bound, Condition
from tidewire.store.user_tables.member_values import read_values
from tidewire.store.user_tables.members import Member, element_member

Place = Callable[[str], Member]
"""A function that finds the member that an attribute means, in documents or in the elements of an array."""
Shape = tuple[Any, ...]
"""``("member", method, attribute, kinds of the values or shapes)``."""

MAX_LEVELS: Final = 4
"""The deepest nesting of ``elemMatch``. Each level multiplies the work, and SQLite takes only some."""
_LOGICAL: Final = frozenset({"and", "or"})


def read_filter(place: Place, query: Query, values: list[Any]) -> Shape:
    """The shape of a filter; its values are added to ``values``. Raises :class:`InvalidFilterError`."""
    method, attribute = query.method, query.attribute
    if method in _LOGICAL:
        if not query.values:
            raise InvalidFilterError(f"The query {method} needs at least one query in its values.")
        return ("member", method, "", tuple(read_filter(place, part, values) for part in query.values))
    if method in {"exists", "notExists"}:
        return read_existence(place, query)
    member = place(attribute)
    if method in {"isNull", "isNotNull"}:
        return ("member", method, attribute, ())
    if method == "elemMatch":
        if not query.values:
            raise InvalidFilterError("The query elemMatch needs at least one query in its values.")
        if _levels(query) > MAX_LEVELS:
            raise InvalidFilterError(f"The query elemMatch can be nested {MAX_LEVELS} levels deep.")
        parts = tuple(read_filter(_unplaced, part, values) for part in query.values)
        return ("member", method, attribute, parts)
    if method not in CONDITIONS:
        raise InvalidFilterError(f"The query {method} cannot be used on {attribute[:64]}.")
    bound, kinds = read_values(member, query)
    values += bound
    return ("member", method, attribute, kinds, len(bound))


def read_existence(place: Place, query: Query) -> Shape:
    """The shape of ``exists`` or ``notExists``, whose values are attributes."""
    attributes = query.values
    if not 1 <= len(attributes) <= MAX_VALUES or not all(isinstance(each, str) for each in attributes):
        raise InvalidFilterError(f"The query {query.method} needs the names of attributes.")
    for attribute in attributes:
        place(attribute)
    return ("member", query.method, "", attributes)


def size_of(shape: Shape) -> int:
    """Return about how many comparisons a shape asks for."""
    _, method, _, parts = shape[:4]
    if method in _LOGICAL or method == "elemMatch":
        return sum(map(size_of, parts))
    return sum(len(part) if isinstance(part, tuple) else 1 for part in parts)


def condition(place: Place, shape: Shape, binds: Iterator[Bound]) -> Condition:
    """The condition of a shape; takes as many of ``binds`` as the shape has values, in the same order."""
    _, method, attribute, parts = shape[:4]
    if method in _LOGICAL:
        joined = [condition(place, part, binds) for part in parts]
        return all_of(joined) if method == "and" else any_of(joined)
    if method == "exists":
        return all_of([place(each).type.is_not(None) for each in parts])
    if method == "notExists":
        return all_of([place(each).type.is_(None) for each in parts])
    member = place(attribute)
    if method == "isNull":
        return member.value.is_(None)
    if method == "isNotNull":
        return member.value.is_not(None)
    if method == "elemMatch":
        return _element_matches(member, parts, binds)
    bound = [next(binds) for _ in range(shape[4])]
    found = CONDITIONS[method](member, parts, bound)
    return and_(member.value.is_not(None), not_(found)) if method in _NEGATIVE else found


def _levels(query: Query) -> int:
    """Return how deep queries of elements are nested."""
    if query.method not in {*_LOGICAL, "elemMatch"}:
        return 0
    return (query.method == "elemMatch") + max(map(_levels, query.values), default=0)


def _unplaced(attribute: str) -> Member:
    """A member of elements that are not there yet."""
    return element_member(null(), attribute)


def _element_matches(member: Member, parts: Sequence[Shape], binds: Iterator[Bound]) -> Condition:
    """Whether one element of an array, an object, fits all of the filters."""
    element = elements_of(member.source, member.path)
    # An element that is no object comes as a plain value, which SQLite could not read as JSON.
    source = case((element.c.type == OBJECT, element.c.value), else_="{}")
    conditions = [
        condition(lambda attribute: element_member(source, attribute), part, binds) for part in parts
    ]
    found = exists(select(1).select_from(element).where(element.c.type == OBJECT, *conditions))
    return case((member.type == ARRAY, found), else_=false())


_NEGATIVE: Final = frozenset(method for method in CONDITIONS if method.startswith("not"))

METHODS: Final = frozenset({*CONDITIONS, "exists", "notExists", "elemMatch"})
