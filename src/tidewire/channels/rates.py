"""Rates: how many messages a second, counted in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping


class Rates:
    """Counts within each second of a clock, and forgets everything when the next begins."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._counts: dict[Hashable, int] = {}

    def exceeded(self, wanted: Mapping[Hashable, tuple[int, int]]) -> Hashable | None:
        """Count a number for each key; if that is beyond the limit of one, count none and return that key.

        ``wanted``: the number and the limit of each.
        """
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._counts.clear()
        counts = self._counts
        for key, (number, limit) in wanted.items():
            if counts.get(key, 0) + number > limit:
                return key
        for key, (number, _) in wanted.items():
            counts[key] = counts.get(key, 0) + number
        return None
