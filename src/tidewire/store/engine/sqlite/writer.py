"""The writer of a database: one transaction at a time, for many units of work and with one wait for the
disk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from tidewire.core.events import LoggedEvent
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.contract import Transaction
from tidewire.store.engine.jobs import raisable
from tidewire.store.engine.sqlite.checkpoints import Checkpoints
from tidewire.store.engine.sqlite.connections import driver
from tidewire.store.engine.sqlite.failures import told
from tidewire.store.engine.threads import ThreadPool

GROUP_UNITS: Final = 256
"""The most units in one transaction."""
GROUP_SECONDS: Final = 0.02
"""Seconds after which no further unit joins an open transaction."""
LOCK_SECONDS: Final = 60.0
"""Seconds for which another process may hold the lock: to make an index of a large table takes some."""
TURN_SECONDS: Final = 0.02
"""Seconds after which a thread that waits for the lock serves other databases first."""


class Write:
    """A unit of work on its way, and its outcome."""

    __slots__ = ("error", "future", "result", "unit")

    def __init__(self, unit: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        self.unit = unit
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        """Give the outcome to whoever waits; nobody does if the waiting was cancelled."""
        future, result, error = self.future, self.result, self.error
        # An error refers to the frames that it went through, and these to this object: what stayed together
        # would be a circle that only the garbage collector finds.
        del self.future, self.result, self.error
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


class Outcome(Protocol):
    """A function that is called with units that are done."""

    def __call__(self, group: Sequence[Write], events: Sequence[LoggedEvent], *, changed: bool) -> None:
        """Take the units of one transaction and their events; ``changed``: it changed anything."""


class Writer:
    """Drains a queue of units into transactions, in a thread of ``threads`` while there is something to do.

    Each unit has a savepoint of its own: one that fails is undone alone. ``deliver`` is called in that
    thread after each transaction with its units and, if it was committed, their events.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        threads: ThreadPool,
        deliver: Outcome,
        checkpoints: Checkpoints,
    ) -> None:
        self._connect = connect
        self._threads = threads
        self._deliver = deliver
        self._checkpoints = checkpoints
        self._connection: Connection
        self._driver: sqlite3.Connection | None = None
        """The driver's connection; None before the first unit."""
        self._queue: deque[Write] = deque()
        self._at_work = False
        self._lock = threading.Lock()
        self._waiting_since = 0.0
        """When another process was first seen to write, in monotonic seconds; 0: none is waited for."""

    def put(self, write: Write) -> None:
        """Queue a unit; units run in the order they are put."""
        with self._lock:
            self._queue.append(write)
            if self._at_work:
                return
            self._at_work = True
        self._threads.put(self._run)

    def close(self) -> None:
        """Close the connection; nothing may be queued any more, nor be at work."""
        self._checkpoints.close()
        if self._driver is not None:
            self._connection.close()

    def _run(self) -> None:
        """Write one group; the next waits for its turn among the databases."""
        self._run_group()
        with self._lock:
            self._at_work = bool(self._queue)
            if not self._at_work:
                return
        self._threads.put(self._run)

    def _run_group(self) -> None:
        """Write what is queued in one transaction; nothing, if another process writes for too long."""
        group: list[Write] = []
        events: list[LoggedEvent] = []
        try:
            self._checkpoints.before_writing(self._raw)
            if not self._begin():
                return
            changes = self._raw.total_changes
            deadline = time.monotonic() + GROUP_SECONDS
            while self._queue:
                group.append(self._queue.popleft())
                events += self._run_unit(group[-1])
                if len(group) == GROUP_UNITS or time.monotonic() > deadline:
                    break
        except BaseException as error:
            group = group or [self._queue.popleft()]
            self._abandon(group, error)
            self._deliver(group, (), changed=False)
            return
        changed = self._raw.total_changes != changes
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon(group, error)
            events, changed = [], False
        if changed:
            self._checkpoints.committed(self._raw)
        self._deliver(group, events, changed=changed)

    def _begin(self) -> bool:
        """Begin a transaction; False: another process writes, and other databases shall have the thread."""
        # SQLite's own waiting sleeps longer and longer, so that a busy process would starve the others.
        raw = self._raw
        started = time.monotonic()
        self._waiting_since = self._waiting_since or started
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                moment = time.monotonic()
                locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not locked or moment > self._waiting_since + LOCK_SECONDS:
                    self._waiting_since = 0.0
                    raise
                if moment > started + TURN_SECONDS:
                    return False
            else:
                self._waiting_since = 0.0
                return True
            time.sleep(random.uniform(0.0002, 0.001))  # noqa: S311

    @property
    def _raw(self) -> sqlite3.Connection:
        """The driver's connection, opened for the first unit."""
        if self._driver is None:
            self._connection = self._connect()
            self._driver = driver(self._connection)
            self._checkpoints.take_over(self._driver)
        return self._driver

    def _run_unit(self, write: Write) -> Sequence[LoggedEvent]:
        """Run one unit in its savepoint; raise only if the transaction as a whole is lost."""
        transaction = Transaction(self._connection)
        raw = self._raw
        raw.execute("SAVEPOINT unit")
        try:
            write.result = write.unit(transaction)
        except BaseException as error:
            write.error = raisable(told(error))
            if not raw.in_transaction:
                # SQLite itself undid everything, for example because the disk is full.
                raise
            raw.execute("ROLLBACK TO unit")
            raw.execute("RELEASE unit")
            return ()
        raw.execute("RELEASE unit")
        return transaction.events

    def _abandon(self, group: Sequence[Write], error: BaseException) -> None:
        """Undo the transaction; every unit of it failed, those that had succeeded too."""
        with suppress(sqlite3.Error):
            if self._driver is not None and self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
        for write in group:
            write.error = write.error or raisable(told(error))
