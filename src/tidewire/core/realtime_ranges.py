"""Ranges of values that the queries of a subscription admit, as a line of whole numbers.

Numbers and texts have a position on the line each, in their order: of two values the lesser one never stands
further right. Different values may share a position, and whether a value is a number or a text is not to be
seen from it: a range says which payloads *can* match, and the predicate says which of them do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidewire.core.queries import Query
from tidewire.core.realtime_comparisons import is_number

FRACTION_BITS: Final = 20
"""Numbers that differ by less than a millionth may share a position."""
TEXT_BYTES: Final = 24
"""Bytes of a text in UTF-8 that are looked at, enough for the milliseconds of a date. Their order is that of
the code points."""
FURTHEST: Final = 1 << 1900
"""The furthest position; numbers beyond it share it."""


@dataclass(frozen=True, slots=True)
class Range:
    """The range of positions, both ends included, that the value of an attribute must be in."""

    attribute: str
    low: int | None
    """The lower end; None if there is none."""
    high: int | None
    """The upper end; None if there is none."""


def position(value: object) -> int | None:
    """The position of a value on the line; None if it is neither a number nor a text."""
    if isinstance(value, str):
        encoded = value[:TEXT_BYTES].encode("utf-8", "surrogatepass")[:TEXT_BYTES]
        return int.from_bytes(encoded.ljust(TEXT_BYTES, b"\0"), "big")
    if not is_number(value):
        return None
    assert isinstance(value, (int, float))
    if isinstance(value, int):
        found = value << FRACTION_BITS
    elif math.isinf(value):
        found = FURTHEST if value > 0 else -FURTHEST
    elif value.is_integer():
        found = int(value) << FRACTION_BITS
    else:
        found = math.floor(value * (1 << FRACTION_BITS))
    return max(-FURTHEST, min(found, FURTHEST))


def range_of(queries: Sequence[Query]) -> Range | None:
    """The range of an attribute outside of which no payload is accepted; None if there is none to tell.

    Of several, one with two ends is taken. None too if nothing is within.
    """
    if any(query.method == "select" for query in queries):
        return None
    ranges: dict[str, Range] = {}
    for query in queries:
        bounds = _bounds(query)
        if bounds is not None:
            known = ranges.get(query.attribute, Range(query.attribute, None, None))
            low, high = bounds
            lows = [end for end in (known.low, low) if end is not None]
            highs = [end for end in (known.high, high) if end is not None]
            ranges[query.attribute] = Range(
                query.attribute, max(lows, default=None), min(highs, default=None)
            )
    return min(filter(_is_open, ranges.values()), key=_missing_ends, default=None)


def _is_open(each: Range) -> bool:
    return each.low is None or each.high is None or each.low <= each.high


def _missing_ends(each: Range) -> int:
    return (each.low is None) + (each.high is None)


def _bounds(query: Query) -> tuple[int | None, int | None] | None:
    """The positions that one query admits. What relates to one of several values relates to the furthest."""
    if query.method not in _RANGING:
        return None
    positions = [position(value) for value in query.values]
    texts = {isinstance(value, str) for value in query.values}
    known = [each for each in positions if each is not None]
    if len(known) < len(positions) or len(texts) != 1:
        return None
    if query.method == "between":
        return known[0], known[1]
    if query.method.startswith("less"):
        return None, max(known)
    return min(known), None


_RANGING: Final = frozenset({"lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual", "between"})
