"""Turns: what very many connections want at once is done a little in each round of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

PER_ROUND: Final = 16
"""Pieces of work, each well under a millisecond, after which everything else gets its turn."""


class Turns:
    """Short pieces of work, done in their order, so many of them in a round."""

    def __init__(self, per_round: int = PER_ROUND) -> None:
        self._per_round = per_round
        self._waiting: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def enter(self, work: Callable[[], None]) -> None:
        """Have ``work`` done soon."""
        self._waiting.append(work)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        try:
            for _ in range(min(self._per_round, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            if self._waiting:
                self._schedule()
