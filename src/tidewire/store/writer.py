"""The one thread that writes to a database: many units of work, one transaction, one wait for the disk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

from sqlalchemy import Connection

from tidewire.core.events import Event, LoggedEvent
from tidewire.store import event_log
from tidewire.store.connections import driver

GROUP_UNITS: Final = 256
"""Units in one transaction at most."""
GROUP_SECONDS: Final = 0.02
"""No unit joins a transaction that has been open for longer."""
LOCK_SECONDS: Final = 60.0
"""How long another process may hold the lock: to make an index of a large table takes seconds."""


class Transaction:
    """What a unit of work writes with."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        """For reading and writing; beginning and ending transactions is not the unit's business."""
        self.events: list[LoggedEvent] = []
        """What :meth:`append` wrote so far."""

    def append(self, event: Event) -> LoggedEvent:
        """Write ``event`` to the project's log: it becomes known if and only if the unit is committed."""
        logged = event_log.append(self.connection, event)
        self.events.append(logged)
        return logged


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
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


Outcome = Callable[[Sequence[Write], Sequence[LoggedEvent]], None]


class Writer:
    """Drains a queue of units into transactions.

    Each unit has a savepoint of its own: one that fails is undone alone. ``deliver`` is called in the
    writer's thread after each transaction with its units and, if it was committed, their events.
    """

    def __init__(self, connection: Connection, deliver: Outcome) -> None:
        self._connection = connection
        self._driver = driver(connection)
        self._deliver = deliver
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="tidewire-writer", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Queue a unit; units run in the order they are put."""
        self._queue.put(write)

    def close(self) -> None:
        """Wait until everything queued is written, then end the thread and close the connection."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            if not self._run_group(first):
                return

    def _run_group(self, first: Write) -> bool:
        """Write ``first`` and what else is queued in one transaction; False: asked to stop meanwhile."""
        group: list[Write] = []
        events: list[LoggedEvent] = []
        following: Write | None = first
        try:
            self._begin()
            deadline = time.monotonic() + GROUP_SECONDS
            while following is not None:
                group.append(following)
                events += self._run_unit(following)
                if len(group) == GROUP_UNITS or time.monotonic() > deadline:
                    break
                following = self._queue.get_nowait()
        except Empty:
            pass
        except BaseException as error:
            group = group or [first]
            self._abandon(group, error)
            self._deliver(group, ())
            return True
        try:
            self._driver.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon(group, error)
            events = []
        self._deliver(group, events)
        return following is not None

    def _begin(self) -> None:
        # SQLite's own waiting sleeps longer and longer, so that a busy process would starve the others.
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                self._driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.0002, 0.001))  # noqa: S311

    def _run_unit(self, write: Write) -> Sequence[LoggedEvent]:
        """Run one unit in its savepoint; raise only if the transaction as a whole is lost."""
        transaction = Transaction(self._connection)
        self._driver.execute("SAVEPOINT unit")
        try:
            write.result = write.unit(transaction)
        except BaseException as error:
            write.error = _raisable(error)
            if not self._driver.in_transaction:
                # SQLite itself undid everything, for example because the disk is full.
                raise
            self._driver.execute("ROLLBACK TO unit")
            self._driver.execute("RELEASE unit")
            return ()
        self._driver.execute("RELEASE unit")
        return transaction.events

    def _abandon(self, group: Sequence[Write], error: BaseException) -> None:
        """Undo the transaction; every unit of it failed, those that had succeeded too."""
        with suppress(sqlite3.Error):
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
        for write in group:
            write.error = write.error or _raisable(error)


def _raisable(error: BaseException) -> BaseException:
    """An error that a future can hold: StopIteration would end the waiting coroutine in silence."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a unit of work raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
