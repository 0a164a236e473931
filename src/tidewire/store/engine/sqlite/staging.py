"""Staging connections: connections for what is to be done but not written yet, kept from one use to the next.

A staging connection sees what is committed and, over that, what was done on it
(:mod:`tidewire.store.engine.sqlite.overlay`). It can be thrown away at any time: whoever uses one can say how
to bring a new one to where the last one was.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, TypeVar

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.jobs import Job
from tidewire.store.engine.sqlite.connections import driver
from tidewire.store.engine.sqlite.failures import failures_told
from tidewire.store.engine.sqlite.overlay import clear_overlay, is_current, open_overlay

T = TypeVar("T")

CONNECTIONS_KEPT: Final = 32
"""The most staging connections of one database that one process keeps; more exist only while they are in
use."""
IDLE_SECONDS: Final = 60.0
"""Seconds after which a staging connection that nobody has used is not kept."""
SPARES_KEPT: Final = 4
"""The most connections kept for new staging connections: to open one takes longer than to clear one."""
_CACHE_KIB: Final = 512


class InThread(Protocol):
    """A function that has work done in a thread."""

    async def __call__(self, work: Callable[[float], T], /) -> Job[T]:
        """Have ``work`` done, which is given the seconds that it may take."""


class _Connections:
    """Connections with empty overlays."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._spares: list[Connection] = []

    def take(self) -> Connection:
        """Return a connection that was given back, or a new one."""
        try:
            return self._spares.pop()
        except IndexError:
            connection = self._connect()
        open_overlay(connection)
        driver(connection).execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        return connection

    def give_back(self, connection: Connection) -> None:
        """Clear a connection for the next, or close it if it is not needed."""
        try:
            if len(self._spares) < SPARES_KEPT and not driver(connection).in_transaction:
                clear_overlay(connection)
                self._spares.append(connection)
                return
        except sqlite3.Error:
            # Something of it is still in use.
            pass
        connection.close()

    def let_go(self) -> list[Connection]:
        """Return the connections that nobody has, and keep them no more."""
        spares, self._spares = self._spares, []
        return spares


class StagingConnection:
    """A staging connection. Whoever has it from :meth:`StagingConnections.use` has it alone."""

    def __init__(self, connections: _Connections, in_thread: InThread) -> None:
        self.users = 0
        self.used_at = 0.0
        self.closed = False
        self.lock = asyncio.Lock()
        self._connections = connections
        self._in_thread = in_thread
        self._deadline = 0.0
        self._connection: Connection | None = None
        self._position = 0
        self._work: Job[Any] | None = None

    async def run(self, catch_up: Callable[[Connection, int], int], unit: Callable[[Connection], T]) -> T:
        """Run ``unit`` in a thread, in a snapshot that stays until :meth:`keep` or the end of the use.

        Before it, ``catch_up`` is given the position that the connection has, 0 if it is new; it does what
        is missing and returns the position then. What it does stays, whatever comes of the unit.
        Raises ``database_timeout``.
        """
        job: Job[T] = await self._in_thread(lambda seconds: self._run(catch_up, unit, seconds))
        self._work = job
        return await job.future

    def keep(self, position: int) -> None:
        """Keep what the unit has done on the staging connection, which has this position from now on."""
        assert self._connection is not None
        driver(self._connection).execute("COMMIT")
        self._position = position

    def settle(self) -> None:
        """Undo what is not kept. Closes the staging connection if it is of no more use."""
        if self._work is not None and not self._work.finished:
            # Nobody waits for the work any more, but a thread still does it.
            self.close()
        elif self._connection is not None and driver(self._connection).in_transaction:
            self._undo(driver(self._connection))

    def close(self) -> None:
        """Let the connection go as soon as nothing works on it."""
        self.closed = True
        if self._work is not None:
            self._work.when_finished(self._let_go)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connections.give_back(self._connection)
            self._connection = None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def take_connection(self) -> Connection | None:
        """Give its connection away for good; nobody may be using the staging connection."""
        self.closed = True
        connection, self._connection = self._connection, None
        return connection

    def _run(
        self, catch_up: Callable[[Connection, int], int], unit: Callable[[Connection], T], seconds: float
    ) -> T:
        self._deadline = time.monotonic() + seconds
        with failures_told():
            connection = self._begin()
            raw = driver(connection)
            try:
                self._position = catch_up(connection, self._position)
                raw.execute("SAVEPOINT unit")
            except BaseException:
                # How far ``catch_up`` came is not known: the position may be wrong now.
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
        """Begin a snapshot, on another connection if there is none that can be used."""
        if self._connection is not None:
            driver(self._connection).execute("BEGIN")
            if is_current(self._connection):
                return self._connection
            self._disconnect()
        self._connection = connection = self._connections.take()
        self._position = 0
        raw = driver(connection)
        raw.set_progress_handler(lambda: time.monotonic() > self._deadline, 100_000)
        raw.execute("BEGIN")
        return connection

    @staticmethod
    def _undo(raw: sqlite3.Connection) -> None:
        raw.execute("ROLLBACK TO unit")
        raw.execute("COMMIT")


class StagingConnections:
    """The staging connections of one database, by a key of their users' choice. Belongs to one event loop."""

    def __init__(self, connect: Callable[[], Connection], in_thread: InThread) -> None:
        """``connect`` opens a connection, in the thread that ``in_thread`` has work done in."""
        self._connections = _Connections(connect)
        self._in_thread = in_thread
        self._kept: OrderedDict[str, StagingConnection] = OrderedDict()
        """The staging connections by their keys, those used last at the end."""
        self._loop = asyncio.get_running_loop()
        self._sweeping = False

    @property
    def are_used(self) -> bool:
        """Whether anybody has one of the staging connections."""
        return any(staged.users for staged in self._kept.values())

    @asynccontextmanager
    async def use(self, key: str) -> AsyncIterator[StagingConnection]:
        """Have a staging connection alone, the one that was kept under ``key`` or a new one."""
        while True:
            staged = self._take(key)
            try:
                async with staged.lock:
                    if staged.closed:
                        continue
                    try:
                        yield staged
                    finally:
                        staged.settle()
                    return
            finally:
                self._give_back(key, staged)

    def forget(self, key: str) -> None:
        """Let go of the staging connection that was kept under ``key``: nobody needs it any more."""
        staged = self._kept.pop(key, None)
        if staged is not None and not staged.users:
            staged.close()

    def let_go(self) -> list[Connection]:
        """Keep no staging connection that nobody uses; return their connections, which are to be closed."""
        unused = [key for key, staged in self._kept.items() if not staged.users]
        connections = [self._kept.pop(key).take_connection() for key in unused]
        return [each for each in connections if each is not None] + self._connections.let_go()

    def _take(self, key: str) -> StagingConnection:
        staged = self._kept.get(key)
        if staged is None:
            staged = self._kept[key] = StagingConnection(self._connections, self._in_thread)
        staged.users += 1
        self._kept.move_to_end(key)
        return staged

    def _give_back(self, key: str, staged: StagingConnection) -> None:
        staged.users -= 1
        staged.used_at = time.monotonic()
        kept = self._kept.get(key) is staged
        if staged.closed and kept:
            del self._kept[key]
        elif not staged.users and not kept:
            staged.close()
        self._forget_unused(len(self._kept) - CONNECTIONS_KEPT)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = bool(self._kept)
        if self._sweeping:
            self._forget_unused(0)
            self._loop.call_later(IDLE_SECONDS, self._sweep)
        else:
            for connection in self._connections.let_go():
                connection.close()

    def _forget_unused(self, excess: int) -> None:
        """Let go of unused staging connections: as many as ``excess``, the oldest first, and all long idle
        ones."""
        oldest = time.monotonic() - IDLE_SECONDS
        unused = [(key, staged) for key, staged in self._kept.items() if not staged.users]
        for number, (key, staged) in enumerate(unused):
            if number >= excess and staged.used_at > oldest:
                break
            self.forget(key)
