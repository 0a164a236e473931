"""Queries of realtime subscriptions: which are allowed, and which payloads they accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tidewire.core.queries import LOGICAL_METHODS, MAX_CONDITIONS, InvalidQueryError, Query, parse_query
from tidewire.core.realtime_comparisons import COMPARISONS, Predicate
from tidewire.core.realtime_extension import EXTENSION, extension_problem, texts_to_find
from tidewire.core.realtime_payload import MAX_ELEMENTS, Attributes, value_key

__all__ = [
    "FINDING",
    "MAX_QUERIES",
    "Attributes",
    "InvalidRealtimeQueryError",
    "Predicate",
    "compile_queries",
    "compiled_bytes",
    "equality_key",
    "json_size",
    "normal_form",
    "parse_realtime_queries",
    "value_key",
    "work",
]

MAX_QUERIES: Final = 100
"""Queries of one subscription."""

FINDING: Final = 100
"""What it costs to look for a text within another, where comparing two values costs 1."""
_CONDITION_BYTES: Final = 700
"""Bytes of memory that a compiled condition takes, roughly, without its texts and values."""
_VALUE_BYTES: Final = 150
"""Bytes of memory that one value of a condition takes besides its text."""

_LARGEST_EXACT: Final = 2**53
"""The bound below which every JSON library writes a float without a fraction as the same integer."""


class InvalidRealtimeQueryError(ValueError):
    """Queries that a subscription cannot have; the message says why."""


def parse_realtime_queries(texts: object, *, extended: bool = True) -> list[Query]:
    """Read and check the ``queries`` of a subscription, a list of JSON texts.

    Without ``extended`` only the methods that every Appwrite server knows are allowed. Raises
    :class:`InvalidRealtimeQueryError` for whatever is wrong.
    """
    if not isinstance(texts, list):
        raise InvalidRealtimeQueryError("Queries must be an array of JSON strings.")
    if len(texts) > MAX_QUERIES:
        raise InvalidRealtimeQueryError(f"At most {MAX_QUERIES} queries are allowed.")
    queries = [_parse(text, extended) for text in texts]
    if sum(1 for query in queries for _ in query.tree()) > MAX_CONDITIONS:
        raise InvalidRealtimeQueryError(f"A subscription may have at most {MAX_CONDITIONS} conditions.")
    return queries


def normal_form(query: Query) -> str:
    """The text of a query in responses: fixed order of keys, ``values`` always a list."""
    return msgspec.json.encode(_normal(query)).decode()


def work(queries: Iterable[Query]) -> int:
    """What it costs at most to ask a payload, in comparisons of two values."""
    conditions = [part for query in queries for part in query.tree()]
    looked_for = sum(texts_to_find(part) for part in conditions)
    return sum(_comparisons(part) for part in conditions) + FINDING * looked_for


def _comparisons(query: Query) -> int:
    """The comparisons of one query: one, however many values it has, since they are hashed; only queries that
    name several attributes cost one for each of them."""
    return len(query.values) if query.method in {"exists", "notExists"} else 1


def compiled_bytes(queries: Iterable[Query]) -> int:
    """Memory that queries take compiled, roughly."""
    conditions = [part for query in queries for part in query.tree()]
    leaves = [part for part in conditions if part.method not in LOGICAL_METHODS]
    return _CONDITION_BYTES * len(conditions) + sum(
        len(part.attribute) + sum(map(_value_bytes, part.values)) for part in leaves
    )


def _value_bytes(value: object) -> int:
    inner: Iterable[object] = ()
    if isinstance(value, list):
        inner = value
    elif isinstance(value, dict):
        inner = (*value, *value.values())
    return _VALUE_BYTES + (len(value) if isinstance(value, str) else sum(map(_value_bytes, inner)))


def json_size(text: str) -> int:
    """Bytes of a text in a list of JSON, where nothing but ASCII characters is written as it is."""
    return len(json.dumps(text)) + len(",")


def compile_queries(queries: Sequence[Query]) -> Predicate | None:
    """One predicate for all ``queries``, which must all hold; None if everything matches.

    Everything matches without queries and with a top-level ``select *``.
    """
    if not queries or any(query.method == "select" for query in queries):
        return None
    return _all([_compile(query) for query in queries])


def equality_key(queries: Sequence[Query]) -> tuple[str, tuple[Hashable, ...]] | None:
    """An attribute and the keys of the only values that it may have, for an index of subscriptions.

    They come from one of the top-level ``equal`` queries. A payload can only match if :func:`value_key` of
    its attribute is among the keys; whether it does is then for the predicate to say. None if there is no
    such query.
    """
    if any(query.method == "select" for query in queries):
        return None
    candidates = []
    for query in queries:
        if query.method == "equal":
            keys = [value_key(value) for value in query.values]
            if None not in keys:
                candidates.append((query.attribute, tuple(dict.fromkeys(keys))))
    return min(candidates, key=lambda candidate: len(candidate[1]), default=None)


def _parse(text: object, extended: bool) -> Query:
    if not isinstance(text, str):
        raise InvalidRealtimeQueryError("A query must be a string of JSON.")
    try:
        query = parse_query(text)
    except InvalidQueryError as error:
        raise InvalidRealtimeQueryError(str(error)) from None
    for part in query.tree():
        problem = _problem(part, extended)
        if problem:
            raise InvalidRealtimeQueryError(problem)
    return query


def _problem(query: Query, extended: bool) -> str:
    """What is wrong with a query, those within it aside; empty if nothing is."""
    if query.method not in LOGICAL_METHODS and any(value_key(value) is None for value in query.values):
        return f"Arrays and objects in the values of a query may hold at most {MAX_ELEMENTS} values each."
    if query.method in EXTENSION and extended:
        return extension_problem(query)
    if query.method in EXTENSION or query.method not in _COMPILERS:
        return f"The query method {query.method} is not supported in Realtime queries."
    if query.method == "select" and query.values != ("*",):
        return 'In Realtime queries select takes exactly the values ["*"].'
    return ""


def _normal(query: Query) -> dict[str, Any]:
    normal: dict[str, Any] = {"method": query.method}
    if query.attribute:
        normal["attribute"] = query.attribute
    if query.method not in {"and", "or"}:
        normal["values"] = [_normal_value(value) for value in query.values]
    elif query.values:
        normal["values"] = [_normal(child) for child in query.values]
    return normal


def _normal_value(value: Any) -> Any:
    """The value with whole floats as integers."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    if isinstance(value, list):
        return [_normal_value(element) for element in value]
    if isinstance(value, dict):
        return {key: _normal_value(element) for key, element in value.items()}
    return value


def _compile(query: Query) -> Predicate:
    return _COMPILERS[query.method](query)


def _all(predicates: Sequence[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return lambda payload: all(predicate(payload) for predicate in predicates)


def _compile_and(query: Query) -> Predicate:
    return _all([_compile(child) for child in query.values])


def _compile_or(query: Query) -> Predicate:
    predicates = [_compile(child) for child in query.values]
    return lambda payload: any(predicate(payload) for predicate in predicates)


_COMPILERS: Final[Mapping[str, Callable[[Query], Predicate]]] = {
    "and": _compile_and,
    "or": _compile_or,
    **COMPARISONS,
    **EXTENSION,
}
"""All methods that subscriptions can have, with their compilers."""
