"""Savepoints: parts of a unit of work that are undone alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tidewire.store.engine.connection import Connection


@contextmanager
def undone_if_raised(connection: Connection) -> Iterator[None]:
    """Undo what the context does if it raises, and nothing else of the unit of work."""
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO part")
        raise
    finally:
        connection.exec_driver_sql("RELEASE part")


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """Undo what the context does, whatever comes of it: to see what would be without doing it."""
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK TO part")
        connection.exec_driver_sql("RELEASE part")
