"""The watcher: a connection that looks at what is committed from the event loop, without a thread."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy.exc import OperationalError

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.connections import BUSY_TIMEOUT_MS, driver

T = TypeVar("T")

_INSTRUCTIONS_A_LOOK: Final = 1_000
_LOOKS_AT_ONCE: Final = 20
"""The most times that SQLite asks, after ``_INSTRUCTIONS_A_LOOK`` instructions each, whether to go on with a
unit on the event loop; then the unit is done in a thread instead. That many instructions take milliseconds:
to find a row by an index takes about a hundred, each further row ten or twenty."""


class Watcher:
    """A connection for units on the event loop. The first read in a thread borrows it.

    It is the connection that the database was opened with. To open another one takes SQLite longer than most
    reads, since it reads the schema. So a database that was asleep answers with this one alone. While a read
    in a thread has it, nothing can be told on the event loop.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._raw = driver(connection)
        self._free = [self._raw]
        """The connection while nobody uses it, otherwise empty.

        Threads take it from here, which needs no lock.
        """
        self._was_lent = False
        self._looks_left = math.inf
        """How often SQLite may still ask about the unit that runs on the event loop."""
        self._watch()

    def version(self) -> int | None:
        """Return a number that changes whenever anyone else has committed; None: it cannot be told now."""
        try:
            raw = self._free.pop()
        except IndexError:
            return None
        try:
            version: int = raw.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:
            return None
        else:
            return version
        finally:
            self._free.append(raw)

    def look(self, unit: Callable[[Connection], T]) -> tuple[T] | None:
        """Return what ``unit`` finds; None if that takes milliseconds, or cannot be told now."""
        try:
            raw = self._free.pop()
        except IndexError:
            return None
        self._looks_left = _LOOKS_AT_ONCE
        try:
            return (unit(self._connection),)
        except (sqlite3.OperationalError, OperationalError):
            return None
        finally:
            self._looks_left = math.inf
            self._free.append(raw)

    @contextmanager
    def lent(self) -> Iterator[Connection | None]:
        """Lend the connection for a read in this thread, once in its life; None if it was lent, or is used.

        It must be given back without a transaction, or is not used again.
        """
        if self._was_lent or not self._free:
            yield None
            return
        try:
            raw = self._free.pop()
        except IndexError:
            yield None
            return
        self._was_lent = True
        raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        try:
            yield self._connection
        finally:
            if not raw.in_transaction:
                self._watch()
                self._free.append(raw)

    def _watch(self) -> None:
        """Set the connection up for the event loop, which it must not hold up."""
        self._connection.deadline = math.inf
        self._raw.execute("PRAGMA busy_timeout = 0")
        self._raw.set_progress_handler(self._is_too_much, _INSTRUCTIONS_A_LOOK)

    def _is_too_much(self) -> bool:
        """Whether the unit on the event loop has to be given up. SQLite asks this while it works."""
        self._looks_left -= 1
        return self._looks_left < 0
