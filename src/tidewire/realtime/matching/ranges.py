"""Ranges: subscriptions by the range that a value must be in, so that those around a value are found at once.

Ranges with one end are sorted by it. A range with two ends stands in one or two cells of a grid that is as
coarse as the range is long. So a value is looked up once in each grid, and the ranges in its cells are near
the value, and mostly around it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from tidewire.core.realtime_ranges import Range
from tidewire.realtime.receivers.receiver import Subscription

Subscriptions = dict[Subscription, None]
"""A set that keeps its order and is fast to copy."""
OneOrMore = Subscription | Subscriptions
"""Subscriptions under one key: mostly a single one, for which no set is made."""
_K = TypeVar("_K", bound=Hashable)


def put(shelf: dict[_K, OneOrMore], key: _K, subscription: Subscription) -> None:
    """Add a subscription to those under a key; it is not among them."""
    held = shelf.setdefault(key, subscription)
    if held is not subscription:
        shelf[key] = _with(held, subscription)


def take(shelf: dict[_K, OneOrMore], key: _K, subscription: Subscription) -> None:
    """Remove a subscription from those under a key; it is among them."""
    remaining = _without(shelf[key], subscription)
    if remaining is None:
        del shelf[key]
    else:
        shelf[key] = remaining


def _with(held: OneOrMore, subscription: Subscription) -> OneOrMore:
    if not isinstance(held, dict):
        return {held: None, subscription: None}
    held[subscription] = None
    return held


def _without(held: OneOrMore, subscription: Subscription) -> OneOrMore | None:
    if not isinstance(held, dict):
        return None
    del held[subscription]
    if len(held) > 1:
        return held
    (remaining,) = held
    return remaining


def each(held: OneOrMore) -> Iterable[Subscription]:
    """All subscriptions under a key."""
    return held if isinstance(held, dict) else (held,)


class Ranges:
    """Subscriptions by ranges of one attribute."""

    __slots__ = ("_cells", "_grids", "_high", "_low")

    def __init__(self) -> None:
        self._low = _Ends()
        """Ranges without a high end."""
        self._high = _Ends()
        """Ranges without a low end."""
        self._cells: dict[bytes, OneOrMore] = {}
        """Ranges with two ends, by the grid and the number of the cell."""
        self._grids: Counter[int] = Counter()
        """How many ranges stand in each grid, by the power of two that its cells are long."""

    def __bool__(self) -> bool:
        return bool(self._low or self._high or self._grids)

    def add(self, wanted: Range, subscription: Subscription) -> None:
        """Enter a subscription."""
        if wanted.high is None:
            assert wanted.low is not None
            self._low.add(wanted.low, subscription)
        elif wanted.low is None:
            self._high.add(wanted.high, subscription)
        else:
            grid, cells = _place(wanted.low, wanted.high)
            self._grids[grid] += 1
            for cell in cells:
                put(self._cells, _name(grid, cell), subscription)

    def discard(self, wanted: Range, subscription: Subscription) -> None:
        """Take a subscription out that was entered."""
        if wanted.high is None:
            assert wanted.low is not None
            self._low.discard(wanted.low, subscription)
        elif wanted.low is None:
            self._high.discard(wanted.high, subscription)
        else:
            grid, cells = _place(wanted.low, wanted.high)
            self._grids[grid] -= 1
            if not self._grids[grid]:
                del self._grids[grid]
            for cell in cells:
                take(self._cells, _name(grid, cell), subscription)

    def around(self, position: int) -> Iterator[Subscription]:
        """All that want a value at this position, and some that want one near it; each once."""
        yield from self._low.up_to(position)
        yield from self._high.beginning_at(position)
        for grid in self._grids:
            held = self._cells.get(_name(grid, position >> grid))
            if held is not None:
                yield from each(held)

    def subscriptions(self) -> Iterator[Subscription]:
        """All subscriptions, some of them twice."""
        for held in chain(self._low.all(), self._high.all(), self._cells.values()):
            yield from each(held)


class _Ends:
    """Subscriptions in the order of the one end that their ranges have."""

    __slots__ = ("_held", "_positions")

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._held: list[OneOrMore] = []
        """The subscriptions whose ranges end at the position of the same index."""

    def __bool__(self) -> bool:
        return bool(self._positions)

    def add(self, position: int, subscription: Subscription) -> None:
        index = bisect_left(self._positions, position)
        if self._positions[index : index + 1] == [position]:
            self._held[index] = _with(self._held[index], subscription)
        else:
            self._positions.insert(index, position)
            self._held.insert(index, subscription)

    def discard(self, position: int, subscription: Subscription) -> None:
        index = bisect_left(self._positions, position)
        remaining = _without(self._held[index], subscription)
        if remaining is None:
            del self._positions[index], self._held[index]
        else:
            self._held[index] = remaining

    def all(self) -> Iterable[OneOrMore]:
        return self._held

    def up_to(self, position: int) -> Iterator[Subscription]:
        for held in self._held[: bisect_right(self._positions, position)]:
            yield from each(held)

    def beginning_at(self, position: int) -> Iterator[Subscription]:
        for held in self._held[bisect_left(self._positions, position) :]:
            yield from each(held)


def _place(low: int, high: int) -> tuple[int, Iterable[int]]:
    """The grid of a range, and the cells it stands in: one or two."""
    grid = (high - low).bit_length()
    return grid, range(low >> grid, (high >> grid) + 1)


def _name(grid: int, cell: int) -> bytes:
    """A cell as a key. Its hash is salted, unlike that of numbers, so that nobody can make many collide."""
    return b"%x:%x" % (grid, cell)
