"""Slice sizes: how much of a long piece of work is done at once, depending on how busy the event loop is."""

from __future__ import annotations

import math
import time
from typing import Final

FIRST: Final = 128
"""Writes in the first slice, which take less than a millisecond."""
LEAST: Final = 64
"""Writes in each slice while the event loop has others to serve."""
MOST: Final = 512
"""Writes in a slice after nobody else was served for a while, which take some milliseconds at most."""
BUSY_SECONDS: Final = 50e-6
"""Time between two slices that shows that others were served: an idle loop takes a tenth of it."""


class SliceSizer:
    """Sizes the slices of one piece of work at a time."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A piece of work begins, with its first slice to come."""
        self._size = FIRST
        self._ended = math.inf

    def size(self) -> int:
        """How many writes the slice has that begins now."""
        if time.perf_counter() - self._ended > BUSY_SECONDS:
            self._size = LEAST
        return self._size

    def end_slice(self) -> None:
        """The slice has ended, and the event loop serves whoever is there."""
        self._size = min(2 * self._size, MOST)
        self._ended = time.perf_counter()
