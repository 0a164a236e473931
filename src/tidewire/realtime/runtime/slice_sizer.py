"""How much of a long work is done in a turn: little while others are to be served, more while nobody is."""

from __future__ import annotations

import math
import time
from typing import Final

FIRST: Final = 128
"""Writes in the first turn: less than a millisecond."""
LEAST: Final = 64
"""In each turn while there are others to serve, who may need the event loop several times."""
MOST: Final = 512
"""In a turn when nobody was served for a while: some milliseconds at most."""
BUSY_SECONDS: Final = 50e-6
"""Between two turns: others were served. A round of the loop without them takes a tenth of it."""


class Pace:
    """The pace of one work at a time."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A work begins, with its first turn to come."""
        self._size = FIRST
        self._ended = math.inf

    def size(self) -> int:
        """Writes of the turn that begins now."""
        if time.perf_counter() - self._ended > BUSY_SECONDS:
            self._size = LEAST
        return self._size

    def end_turn(self) -> None:
        """The turn has ended, and the event loop serves whoever is there."""
        self._size = min(2 * self._size, MOST)
        self._ended = time.perf_counter()
