"""Queries as clients write them: one JSON text each, ``{"method", "attribute"?, "values"?}``.

Lists of resources and realtime subscriptions share this form and its reading rules; each then allows its
own methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOGICAL_METHODS: Final = frozenset({"and", "or", "elemMatch"})
"""Methods whose values are queries themselves."""

METHODS: Final = LOGICAL_METHODS | _words(
    """
    equal notEqual lessThan lessThanEqual greaterThan greaterThanEqual between notBetween isNull isNotNull
    contains containsAny containsAll notContains search notSearch regex
    startsWith endsWith notStartsWith notEndsWith exists notExists
    select orderAsc orderDesc orderRandom limit offset cursorAfter cursorBefore
    distanceEqual distanceNotEqual distanceGreaterThan distanceLessThan
    intersects notIntersects crosses notCrosses overlaps notOverlaps touches notTouches
    vectorDot vectorCosine vectorEuclidean
    """
)
"""All methods that a query can have anywhere."""

MAX_NESTING: Final = 16
"""Levels of queries within queries, and of arrays and objects within a value."""
MAX_VALUES: Final = 500
"""Values of one filter, of a list or of a subscription."""
MAX_CONDITIONS: Final = 256
"""Queries within one query, itself included."""


class InvalidQueryError(ValueError):
    """A text that is not a query; the message says why."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query."""

    method: str
    attribute: str
    """The attribute that is compared; empty if the method has none."""
    values: tuple[Any, ...]
    """JSON values; for ``and``, ``or`` and ``elemMatch`` queries."""

    def tree(self) -> Iterator[Query]:
        """This query and all queries within it."""
        yield self
        if self.method in LOGICAL_METHODS:
            for child in self.values:
                yield from child.tree()


def parse_query(text: str) -> Query:
    """Read one query.

    ``method`` is required; ``attribute`` and ``values`` may be missing or null; other keys are ignored.
    Raises :class:`InvalidQueryError`, also for queries that nest or branch beyond the limits of this module.
    """
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise InvalidQueryError("A query must be valid JSON.") from None
    query = _query(data, MAX_NESTING)
    if sum(1 for _ in query.tree()) > MAX_CONDITIONS:
        raise InvalidQueryError(f"A query may hold at most {MAX_CONDITIONS} queries.")
    return query


def _query(data: object, levels: int) -> Query:
    """Read a decoded query that may have ``levels`` levels."""
    if not isinstance(data, dict):
        raise InvalidQueryError(
            'A query must be a JSON object such as {"method":"equal","attribute":"name","values":["Ada"]}.'
        )
    if levels == 0:
        raise InvalidQueryError(f"Queries may be nested {MAX_NESTING} levels deep.")
    method = data.get("method", "")
    if not isinstance(method, str):
        raise InvalidQueryError("The method of a query must be a string.")
    if method not in METHODS:
        raise InvalidQueryError(f"Unknown query method: {method[:64] or '(none)'}.")
    return Query(
        method, _attribute(method, data.get("attribute")), _values(method, data.get("values"), levels)
    )


def _attribute(method: str, attribute: object) -> str:
    if attribute is None:
        return ""
    if not isinstance(attribute, str):
        raise InvalidQueryError(f"The attribute of the query {method} must be a string.")
    return attribute


def _values(method: str, values: object, levels: int) -> tuple[Any, ...]:
    if values is None:
        return ()
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list):
        raise InvalidQueryError(f"The values of the query {method} must be an array.")
    if method in LOGICAL_METHODS:
        return tuple(_query(value, levels - 1) for value in values)
    if _nests_beyond(values, MAX_NESTING):
        raise InvalidQueryError(f"Values of the query {method} may be nested {MAX_NESTING} levels deep.")
    return tuple(values)


def _nests_beyond(value: object, levels: int) -> bool:
    """Whether arrays and objects are nested more than ``levels`` deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_nests_beyond(element, levels - 1) for element in value)
