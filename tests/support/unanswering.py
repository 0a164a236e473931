"""A database that cannot answer for a moment."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.sqlite.connections import driver
from tidewire.store.engine.sqlite.readers import Readers

T = TypeVar("T")


class _Interrupted(Readers):
    """SQLite interrupts everything, the beginning of a snapshot included."""

    def read(self, unit: Callable[[Connection], T], seconds: float) -> T:  # noqa: ARG002
        error = sqlite3.OperationalError("interrupted")
        error.sqlite_errorcode = sqlite3.SQLITE_INTERRUPT
        raise error


@contextlib.contextmanager
def unanswering(database: Database) -> Iterator[None]:
    """While it lasts SQLite interrupts whatever is asked of a database, which must be awake."""
    assert database._file is not None
    assert database._watcher is not None
    watcher, readers = driver(database._file.connection), database._readers
    watcher.set_progress_handler(lambda: 1, 1)
    database._readers = _Interrupted(database._connect, database._watcher)
    try:
        yield
    finally:
        watcher.set_progress_handler(None, 1)
        database._readers = readers
