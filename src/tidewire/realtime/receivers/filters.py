"""Filters: the queries of a subscription, compiled and shared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Final
from weakref import WeakValueDictionary

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import (
    Attributes,
    compile_queries,
    compiled_bytes,
    equality_key,
    json_size,
    normal_form,
    work,
)
from tidewire.core.realtime_ranges import Range, range_of


class Filter:
    """The queries of a subscription, compiled: they tell which payloads the subscription wants.

    Equal queries are compiled once: all subscriptions that have them hold the same filter.
    """

    __slots__ = (
        "__weakref__", "attribute", "exact", "held", "keys", "memory", "predicate", "queries", "range",
        "size", "work",
    )  # fmt: skip

    def __init__(self, queries: Sequence[Query], size: int) -> None:
        predicate = compile_queries(queries)
        assert predicate is not None, "without conditions there is no filter"
        self.predicate = predicate
        self.queries = tuple(queries)
        self.size = size
        """Bytes of the queries as strings of JSON: what they take in a frame."""
        self.memory = compiled_bytes(queries)
        """Bytes that the filter takes, roughly."""
        attribute, keys = equality_key(queries) or ("", ())
        self.attribute: str | None = attribute if keys else None
        """An attribute whose value must have one of ``keys``; None if there is no such condition."""
        self.keys: tuple[Hashable, ...] = keys
        self.exact = bool(keys) and len(queries) == 1
        """Whether this equality is the only condition."""
        self.range: Range | None = range_of(queries) if self.attribute is None else None
        """The range that the value of an attribute must be in; None without such a condition, or if there is
        an equality, which the index prefers."""
        self.work = 0 if self.exact else work(queries)
        """The most that checking a payload costs which the index has led to, in comparisons of two values."""
        self.held = 0
        """How many subscriptions hold the filter."""

    @staticmethod
    def of(queries: Sequence[Query], texts: Sequence[str] = ()) -> Filter | None:
        """The filter of some queries; None if they want every payload.

        ``texts``: the normal forms of the queries, where the caller knows them already.
        """
        if not queries or any(query.method == "select" for query in queries):
            return None
        texts = texts or [normal_form(query) for query in queries]
        key = blake2b("\0".join(texts).encode(), digest_size=16).digest()
        known = _FILTERS.get(key)
        if known is None:
            known = _FILTERS[key] = Filter(queries, sum(map(json_size, texts)))
        return known

    def accepts(self, payload: Attributes) -> bool:
        """Whether a payload is wanted; a filter that several subscriptions hold is asked once per payload."""
        if self.held < 2:
            return self.predicate(payload)
        answer = payload.answers.get(self)
        if answer is None:
            answer = payload.answers[self] = self.predicate(payload)
        return answer


_FILTERS: Final[WeakValueDictionary[bytes, Filter]] = WeakValueDictionary()
"""All filters that a subscription holds, by a digest of their queries."""
