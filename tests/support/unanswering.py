"""A database that cannot answer for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from tidewire.store.connections import driver
from tidewire.store.database import Database


@contextlib.contextmanager
def unanswering(database: Database) -> Iterator[None]:
    """While it lasts SQLite interrupts whatever is asked of a database."""
    watcher, find_reader = driver(database._watcher), database._reader_connection

    def interrupted() -> Connection:
        reader = find_reader()
        driver(reader).set_progress_handler(lambda: 1, 1)
        return reader

    watcher.set_progress_handler(lambda: 1, 1)
    database._reader_connection = interrupted  # type: ignore[method-assign]
    try:
        yield
    finally:
        watcher.set_progress_handler(None, 1)
        database._reader_connection = find_reader  # type: ignore[method-assign]
        for reader in database._reader_connections:
            driver(reader).set_progress_handler(None, 1)
