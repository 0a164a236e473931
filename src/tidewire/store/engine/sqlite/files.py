"""Files of SQLite as files: their name, copies of them, and a look into one that is not open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy.sql.base import Executable

from tidewire.store.engine.sqlite.connections import BUSY_TIMEOUT_MS, driver
from tidewire.store.engine.sqlite.opening import OpenFile
from tidewire.store.errors import StoreError

DATABASE_NAME: Final = "database.sqlite3"
"""The name of the file that a project's database is."""
_STEP_PAGES: Final = 1024
_TARGET_FULL: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
    }
)
"""Result codes that are about the file which is written."""


class CopyError(StoreError):
    """A copy that cannot be written."""


class DamagedError(StoreError):
    """A database whose pages do not fit together."""


Look = Callable[[Executable], list[tuple[Any, ...]]]
"""A function that executes a statement without parameters and returns all rows as the driver gives them."""


def copy_database(file: OpenFile, path: Path, report: Callable[[int, int], None]) -> None:
    """Copy an open database to ``path`` as it is at one moment, however much is written meanwhile.

    ``report`` is called with the pages that are copied, and all. Raises :class:`CopyError` if the copy cannot
    be written, :class:`DamagedError` if the database cannot be read.
    """
    source = driver(file.connection)
    # Locks are not needed, as nobody else writes to the copy, and a network file system may have none.
    address = f"{path.absolute().as_uri()}?nolock=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as target:
            # Within a transaction that reads, the copy is of the transaction's moment, and never begins anew.
            source.execute("BEGIN")
            try:
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
                source.backup(
                    target,
                    pages=_STEP_PAGES,
                    progress=lambda _, remaining, total: report(total - remaining, total),
                )
            finally:
                source.execute("ROLLBACK")
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code in _TARGET_FULL or code & 0xFF in _TARGET_FULL:
            raise CopyError(str(error)) from error
        raise DamagedError(str(error)) from error


@contextmanager
def checked_copy(path: Path) -> Iterator[Look]:
    """A copy that nobody writes to, open for reading, after a look at all its pages.

    Raises :class:`DamagedError`.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise DamagedError(found)
            yield _looking(connection)
    except sqlite3.DatabaseError as error:
        raise DamagedError(str(error)) from error


@contextmanager
def looked_into(path: Path) -> Iterator[Look]:
    """A database that may be open elsewhere, for reading; waits for it for 10 seconds."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        yield _looking(connection)


def _looking(connection: sqlite3.Connection) -> Look:
    return lambda statement: connection.execute(str(statement)).fetchall()
