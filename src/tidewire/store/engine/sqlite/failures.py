"""The meaning of SQLite's errors: that the file cannot answer just now, that the disk is full, and the
like."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from tidewire.store.engine.deadlines import too_long
from tidewire.store.machine.disk_space import disk_full

_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""The primary result codes of a database that cannot answer just now."""
_OF_SYSTEM: Final = (_PASSING - {sqlite3.SQLITE_INTERRUPT}) | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}
"""The primary result codes about the system or the disk."""


def is_passing(error: BaseException) -> bool:
    """Whether the database could not answer just now."""
    return isinstance(cause := _cause(error), sqlite3.OperationalError) and _code(cause) in _PASSING


def told(error: BaseException) -> BaseException:
    """Return what clients are told of an error: ``general_disk_full`` where there was no room on the disk."""
    full = isinstance(cause := _cause(error), sqlite3.Error) and _code(cause) == sqlite3.SQLITE_FULL
    return disk_full() if full else error


@contextmanager
def failures_told() -> Iterator[None]:
    """Raise what clients are told of a failure.

    ``database_timeout`` where a progress handler ended a statement, otherwise as :func:`told`.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = _cause(error)
        if isinstance(cause, sqlite3.Error) and _code(cause) == sqlite3.SQLITE_INTERRUPT:
            raise too_long() from error
        if (other := told(error)) is not error:
            raise other from error
        raise


def circumstance_of(error: BaseException) -> str | None:
    """Return what an error says of the system or the disk; None: it is about something else."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.OperationalError) and _code(cause) in _OF_SYSTEM:
        return f"{cause} ({cause.sqlite_errorname})"
    return None


def duplicate_of(error: BaseException) -> str | None:
    """Return what a unique index or key refused, as ``table.column``; None: the error is another one."""
    cause = _cause(error)
    return str(cause) if isinstance(cause, sqlite3.IntegrityError) else None


def _cause(error: BaseException) -> BaseException:
    """The driver's error, where SQLAlchemy has wrapped it."""
    cause = getattr(error, "orig", None)
    return cause if isinstance(cause, BaseException) else error


def _code(error: sqlite3.Error) -> int | None:
    """The primary result code; None: the driver itself raised the error."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
