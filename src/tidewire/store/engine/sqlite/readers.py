"""Connections for reading one database: opened when they are needed, closed when they are not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.jobs import TRIAL_SECONDS
from tidewire.store.engine.sqlite.connections import driver
from tidewire.store.engine.sqlite.failures import failures_told
from tidewire.store.engine.sqlite.watcher import Watcher

T = TypeVar("T")

SPARE_SECONDS: Final = 10.0
"""Seconds after which a connection that nothing read with is closed, but for one."""


class _Reader:
    """A connection with the time until which it may read."""

    __slots__ = ("connection", "deadline", "raw", "used_at")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.raw = driver(connection)
        self.deadline = 0.0
        self.used_at = 0.0
        self.raw.set_progress_handler(self._is_too_late, 100_000)

    def read(self, unit: Callable[[Connection], T], seconds: float) -> T:
        self.used_at = time.monotonic()
        self.connection.deadline = self.deadline = self.used_at + seconds
        self.raw.execute("BEGIN")
        try:
            return unit(self.connection)
        finally:
            if self.raw.in_transaction:
                self.raw.execute("ROLLBACK")

    def _is_too_late(self) -> bool:
        return time.monotonic() > self.deadline


class Readers:
    """The connections of one database, as many as there are reads at the same time.

    The first read borrows the connection of the ``watcher``, if it is a read that is ended soon.
    """

    def __init__(self, connect: Callable[[], Connection], watcher: Watcher) -> None:
        self._connect = connect
        self._watcher = watcher
        self._idle: deque[_Reader] = deque()
        """Connections that nobody reads with, those used last at the end.

        Threads take and give back there, which needs no lock.
        """

    def read(self, unit: Callable[[Connection], T], seconds: float) -> T:
        """Run ``unit`` in this thread, on a snapshot. Raises ``database_timeout`` after ``seconds``."""
        with failures_told():
            return self._read(unit, seconds)

    def _read(self, unit: Callable[[Connection], T], seconds: float) -> T:
        try:
            reader = self._idle.pop()
        except IndexError:
            if seconds <= TRIAL_SECONDS:
                with self._watcher.lent() as connection:
                    if connection is not None:
                        return _Reader(connection).read(unit, seconds)
            reader = _Reader(self._connect())
        try:
            return reader.read(unit, seconds)
        finally:
            if reader.raw.in_transaction:
                reader.connection.close()  # whatever is wrong with it
            else:
                self._idle.append(reader)

    def close_spare(self) -> None:
        """Close connections that nothing read with for long, but for one."""
        oldest = time.monotonic() - SPARE_SECONDS
        while len(self._idle) > 1 and self._idle[0].used_at < oldest:
            try:
                reader = self._idle.popleft()
            except IndexError:
                return
            reader.connection.close()

    def close(self) -> None:
        """Close all; nothing may be reading."""
        while self._idle:
            self._idle.pop().connection.close()
