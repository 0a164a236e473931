"""The loop scheduler: work of very many connections is done a little in each round of the event loop."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

PER_ROUND: Final = 16
"""Pieces of work in a round, each well under a millisecond."""
PIECE_SECONDS: Final = 0.001
"""How long a piece of work may take that can be as long as a client wishes."""


class LoopScheduler:
    """The scheduler of one kind of work: it does short pieces in their order, a bounded number of them in
    each round, or for a bounded time."""

    def __init__(self, per_round: int = PER_ROUND, seconds: float = math.inf, rest: float = 0.0) -> None:
        """``rest``: seconds after each round that left something to do, or took all of its time.

        A loop that always has something to do leaves other threads hardly a chance to run: in a rest the
        interpreter is theirs.
        """
        self._per_round = per_round
        self._seconds = seconds
        self._rest = rest
        self._rested = 0.0
        """The time at which the next round may begin, by the monotonic clock."""
        self._waiting: deque[Callable[[], None] | asyncio.Future[None]] = deque()
        self._scheduled = False
        self._began: float | None = None
        """The time at which the present round began; None between rounds."""
        self._done = 0
        """Pieces of work done in the present round."""

    def enter(self, work: Callable[[], None]) -> None:
        """Have ``work`` done soon."""
        self._waiting.append(work)
        self._schedule()

    async def turn(self) -> None:
        """Return when it is the caller's turn, after all that waits already.

        What the caller does until it waits again belongs to the round, as a piece of work.
        """
        reached = asyncio.get_running_loop().create_future()
        self._waiting.append(reached)
        self._schedule()
        await reached

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        loop = asyncio.get_running_loop()
        wait = self._rested - time.monotonic() if self._rest else 0.0
        if wait > 0:
            loop.call_later(wait, self._run)
        else:
            loop.call_soon(self._run)

    def _run(self) -> None:
        """Begin a round, or go on with it after the caller that had the turn."""
        if self._began is None:
            self._began, self._done = time.monotonic(), 0
        end = self._began + self._seconds
        handed = False
        try:
            while self._waiting and self._done < self._per_round and not handed:
                if self._done and time.monotonic() > end:
                    break
                self._done += 1
                handed = self._do(self._waiting.popleft())
        finally:
            self._scheduled = False
            if handed:
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._run)  # behind the caller's wake-up
            else:
                self._end_round(end)

    def _do(self, work: Callable[[], None] | asyncio.Future[None]) -> bool:
        """Do a piece of work; True: a caller of :meth:`turn` does it, when the event loop wakes it up."""
        if not isinstance(work, asyncio.Future):
            work()
            return False
        if work.done():
            return False
        work.set_result(None)
        return True

    def _end_round(self, end: float) -> None:
        now = time.monotonic()
        self._began = None
        if self._rest and (self._waiting or now > end):
            self._rested = now + self._rest
        if self._waiting:
            self._schedule()
