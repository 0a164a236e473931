"""Errors of the store: those that are for whoever runs Tidewire, and those that pass by themselves."""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

from sqlalchemy.exc import OperationalError

from tidewire.core.errors import TidewireError


class StoreError(OSError):
    """The data directory, or something in it, cannot be used; the text says what and why."""


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
"""Primary result codes of a database that cannot answer just now."""


def is_unanswered(error: BaseException) -> bool:
    """Whether a database could not answer just now, so that nothing is known of what it was asked about.

    Who takes that for "there is none" refuses for good what would be allowed a moment later.
    """
    if isinstance(error, TidewireError):
        return error.type == "database_timeout"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return True
    cause = error.orig if isinstance(error, OperationalError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return isinstance(cause, sqlite3.OperationalError) and code is not None and code & 0xFF in _PASSING
