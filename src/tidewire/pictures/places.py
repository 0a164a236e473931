"""Whose picture is made next: a few are made at the same time, and those who wait take turns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidewire.pictures.contract import PicturesBusyError


class Places:
    """Places for pictures under way. Belongs to one event loop."""

    def __init__(self, most: int, waiting: int, waiting_of_caller: int) -> None:
        """``most`` at the same time; ``waiting`` for a place in all, ``waiting_of_caller`` of one of them."""
        self._free = most
        self._most_waiting = waiting
        self._most_of_caller = waiting_of_caller
        self._waiting = 0
        self._callers: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Callers who wait, with a future for each place; the one whose turn is next comes first."""

    @asynccontextmanager
    async def taken(self, who: str) -> AsyncIterator[None]:
        """Hold a place, when it is the turn of ``who``. Raises PicturesBusyError if too many wait."""
        if self._free and not self._callers:
            self._free -= 1
        else:
            await self._turn(who)
        try:
            yield
        finally:
            self._give_on()

    async def _turn(self, who: str) -> None:
        mine = self._callers.get(who)
        if self._waiting >= self._most_waiting or (mine and len(mine) >= self._most_of_caller):
            raise PicturesBusyError("Too many pictures are waited for: try again later.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._callers.setdefault(who, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_on()
            else:
                self._forget(who, turn)
            raise
        finally:
            self._waiting -= 1

    def _forget(self, who: str, turn: asyncio.Future[None]) -> None:
        """Take a turn that nobody waits for any more out of the line."""
        turns = self._callers.get(who)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._callers[who]

    def _give_on(self) -> None:
        while self._callers:
            who, turns = self._callers.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._callers[who] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
