"""Shadows: connections for what is to be done but not written yet, kept from one use to the next.

A shadow sees what is committed and, over that, what was done on it
(:mod:`tidewire.store.user_tables.overlays`). It can be thrown away at any time: whoever uses one can say how
to bring a new one to where the last one was.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from tidewire.store.connections import driver, timeouts_told
from tidewire.store.user_tables.overlays import is_current, open_overlay

T = TypeVar("T")

SHADOWS_KEPT: Final = 32
"""Of one database, in one process; those in use are not counted out."""
IDLE_SECONDS: Final = 60.0
"""A shadow that nobody has used for so long is not kept."""
_CACHE_KIB: Final = 512


class Shadow:
    """One of them. Whoever has it from :meth:`Shadows.use` has it alone."""

    def __init__(
        self, connect: Callable[[], Connection], executor: ThreadPoolExecutor, seconds: float
    ) -> None:
        self.users = 0
        self.used_at = 0.0
        self.closed = False
        self.lock = asyncio.Lock()
        self._connect = connect
        self._executor = executor
        self._seconds = seconds
        self._deadline = 0.0
        self._connection: Connection | None = None
        self._position = 0
        self._work: Future[Any] | None = None

    async def run(self, catch_up: Callable[[Connection, int], int], unit: Callable[[Connection], T]) -> T:
        """Run ``unit`` in a thread, in a snapshot that stays until :meth:`keep` or the end of the use.

        Before it, ``catch_up`` is given the position that the shadow has, 0 if it is new; it does what is
        missing and returns the position then. What it does stays, whatever comes of the unit.
        Raises ``database_timeout``.
        """
        self._work = self._executor.submit(self._run, catch_up, unit)
        return await asyncio.wrap_future(self._work)

    def keep(self, position: int) -> None:
        """What the unit has done stays in the shadow, which has this position now."""
        assert self._connection is not None
        driver(self._connection).execute("COMMIT")
        self._position = position

    def settle(self) -> None:
        """Undo what is not kept. Closes the shadow if it is of no more use."""
        if self._work is not None and not self._work.done():
            # Nobody waits for it any more, but it works on.
            self.close()
        elif self._connection is not None and driver(self._connection).in_transaction:
            self._undo(driver(self._connection))

    def close(self) -> None:
        """Close the connection as soon as nothing works on it."""
        self.closed = True
        if self._work is None:
            return
        self._work.add_done_callback(lambda _: self._disconnect())

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, catch_up: Callable[[Connection, int], int], unit: Callable[[Connection], T]) -> T:
        self._deadline = time.monotonic() + self._seconds
        connection = self._begin()
        raw = driver(connection)
        with timeouts_told():
            try:
                self._position = catch_up(connection, self._position)
                raw.execute("SAVEPOINT unit")
            except BaseException:
                # The position may be wrong now.
                self._disconnect()
                raise
            try:
                return unit(connection)
            except BaseException:
                if raw.in_transaction:
                    self._undo(raw)
                else:
                    # SQLite itself undid everything, for example because it took too long.
                    self._disconnect()
                raise

    def _begin(self) -> Connection:
        """Begin a snapshot, on a new connection if there is none that can be used."""
        if self._connection is not None:
            driver(self._connection).execute("BEGIN")
            if is_current(self._connection):
                return self._connection
            self._disconnect()
        self._connection = connection = self._connect()
        self._position = 0
        open_overlay(connection)
        raw = driver(connection)
        raw.execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        raw.set_progress_handler(lambda: time.monotonic() > self._deadline, 100_000)
        raw.execute("BEGIN")
        return connection

    @staticmethod
    def _undo(raw: sqlite3.Connection) -> None:
        raw.execute("ROLLBACK TO unit")
        raw.execute("COMMIT")


class Shadows:
    """The shadows of one database, by a key of their users' choice. Belongs to one event loop."""

    def __init__(
        self, connect: Callable[[], Connection], executor: ThreadPoolExecutor, seconds: float
    ) -> None:
        """``connect`` opens a connection; ``seconds`` is how long a unit may take."""
        self._connect = connect
        self._executor = executor
        self._seconds = seconds
        self._shadows: OrderedDict[str, Shadow] = OrderedDict()

    @asynccontextmanager
    async def use(self, key: str) -> AsyncIterator[Shadow]:
        """Have a shadow alone, the one that was kept under ``key`` or a new one."""
        while True:
            shadow = self._take(key)
            try:
                async with shadow.lock:
                    if shadow.closed:
                        continue
                    try:
                        yield shadow
                    finally:
                        shadow.settle()
                    return
            finally:
                self._give_back(key, shadow)

    def forget(self, key: str) -> None:
        """A shadow is not needed any more."""
        shadow = self._shadows.pop(key, None)
        if shadow is not None and not shadow.users:
            shadow.close()

    def close(self) -> None:
        """Close all of them; nobody may be using one."""
        for key in list(self._shadows):
            self.forget(key)

    def _take(self, key: str) -> Shadow:
        shadow = self._shadows.get(key)
        if shadow is None:
            shadow = self._shadows[key] = Shadow(self._connect, self._executor, self._seconds)
        shadow.users += 1
        self._shadows.move_to_end(key)
        return shadow

    def _give_back(self, key: str, shadow: Shadow) -> None:
        shadow.users -= 1
        shadow.used_at = time.monotonic()
        kept = self._shadows.get(key) is shadow
        if shadow.closed and kept:
            del self._shadows[key]
        elif not shadow.users and not kept:
            shadow.close()
        idle = [name for name, each in self._shadows.items() if not each.users]
        excess = len(self._shadows) - SHADOWS_KEPT
        for number, name in enumerate(idle):
            if number >= excess and shadow.used_at - self._shadows[name].used_at < IDLE_SECONDS:
                break
            self.forget(name)
