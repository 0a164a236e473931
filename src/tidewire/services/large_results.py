"""A bound on the bytes of large results that become answers at the same time, in any thread."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tidewire.core.errors import TidewireError
from tidewire.store.engine.reading import Share, present_share

T = TypeVar("T")

LARGE_RESULT: Final = 1024 * 1024
"""Bytes from which on a result is counted."""
STEP: Final = 1024 * 1024
"""Bytes that are taken at a time."""
MAX_WAITING: Final = 128
"""Requests that wait for room at once."""
SERVER: Final = Share("", 1, 15.0)
"""The share that results count for which no caller asked for."""


class _NoRoomError(Exception):
    """Raised where there is no room at present for the result that is being read."""


@dataclass(eq=False, slots=True)
class _Waiting:
    name: str
    size: int
    admitted: asyncio.Future[None]


class LargeResults:
    """Counts the bytes of all large results of a process until they are written.

    A single result may have any size. Belongs to one event loop, except :meth:`take`, which any thread may
    call.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        """Bytes of each caller, by the name of their share."""
        self._waiting: list[_Waiting] = []
        self.size = 0
        """Bytes of all results."""

    def take(self, name: str, size: int) -> bool:
        """Count bytes of a caller's result. False if there is no room, or if others wait for it."""
        return not self._waiting and self._take(name, size)

    def release(self, name: str, size: int) -> None:
        """Uncount bytes. Waiting requests are admitted, those of the caller who holds the least first."""
        with self._lock:
            self.size -= size
            self._held[name] -= size
            if not self._held[name]:
                del self._held[name]
        while waiting := [each for each in self._waiting if not each.admitted.done()]:
            first = min(waiting, key=lambda each: self._held[each.name])
            if not self._take(first.name, first.size):
                return
            self._waiting.remove(first)
            first.admitted.set_result(None)

    async def wait(self, share: Share, size: int) -> None:
        """Count bytes as soon as there is room; the caller waits no longer than for a read.

        Raises ``general_server_busy``.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise _busy()
        if self.take(share.name, size):
            return
        waiting = _Waiting(share.name, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(share.seconds):
                await waiting.admitted
        except BaseException as error:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self.release(share.name, size)  # they came at the same moment
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _take(self, name: str, size: int) -> bool:
        with self._lock:
            if self.size and self.size + size > self._limit:
                return False
            self.size += size
            self._held[name] += size
            return True


class HeldResults:
    """The bytes that one request holds of :class:`LargeResults`."""

    __slots__ = ("_all", "_most", "_patient", "_share", "_size", "_used")

    def __init__(self, results: LargeResults) -> None:
        self._all = results
        self._share = SERVER
        self._patient = False
        """Whether the request can wait for room."""
        self._most = 0
        self._size = 0
        self._used = 0

    async def read(self, read: Callable[[], Awaitable[T]]) -> T:
        """The result of ``read``, whose unit counts its bytes with :meth:`begin` and :meth:`add`.

        If there is no room for the result, it is given up, and read again as soon as there is. Raises
        ``general_server_busy``.
        """
        self._share = present_share.get() or SERVER
        self._patient = True
        try:
            return await read()
        except _NoRoomError:
            self.release()
        finally:
            self._patient = False
        await self._all.wait(self._share, self._most)
        self._size = self._most
        result = await read()
        unneeded = self._size - self._used
        if unneeded > 0:
            self._size = self._used
            self._all.release(self._share.name, unneeded)
        return result

    def begin(self, most: int) -> None:
        """Count from 0, as a read begins, perhaps again; it may have ``most`` bytes."""
        self._used, self._most = 0, most

    def add(self, size: int) -> None:
        """Hold ``size`` more bytes until the answer is written; to be called for each piece of a read.

        Raises an error that :meth:`read` handles, or ``general_server_busy`` outside of it.
        """
        self._used += size
        if self._used > max(self._size, LARGE_RESULT):
            more = max(self._used - self._size, STEP)
            if not self._all.take(self._share.name, more):
                raise _NoRoomError if self._patient else _busy()
            self._size += more

    @property
    def size(self) -> int:
        """Bytes that are held; 0 if the result is not large."""
        return self._size

    @property
    def counted(self) -> int:
        """Bytes of the last result, as its read counted them; 0 if it did not."""
        return self._used

    def release(self) -> None:
        """Release all bytes."""
        if self._size:
            size, self._size = self._size, 0
            self._all.release(self._share.name, size)


def _busy() -> TidewireError:
    return TidewireError(
        "general_server_busy", "The server is making as many large answers as it may: try again."
    )
