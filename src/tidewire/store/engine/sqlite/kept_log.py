"""Closing a database so that its write-ahead log and the log's index stay, empty, for the next opening.

SQLite deletes both files with the last connection, and makes them anew with the first. To make a file, where
many were deleted just now, takes some file systems as long as everything else that opening a database does:
ext4 without a journal looks through all that were deleted in the last minutes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_SHARED_BYTES: Final = (0x40000002, 510)
"""The place in a file that SQLite locks while it reads, and how many bytes of it."""
_LOCK: Final = struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, *_SHARED_BYTES, 0)


@contextmanager
def log_kept(raw: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Keep the log of the database at ``path`` while ``raw``, the last connection to it, is closed.

    It is emptied into the database first. Where that fails, or the system cannot do it, SQLite does as ever.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC) if _is_empty(raw, path) else None
    try:
        if descriptor is not None and sys.platform == "linux":
            # The lock makes SQLite believe that another process reads the database, and will clear up. Unlike
            # SQLite's own locks, the lock of an open file description counts within this process, too.
            with suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _is_empty(raw: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing is in the log, or nothing is any more now that it was emptied."""
    log = path.with_name(path.name + "-wal")
    try:
        if log.stat().st_size:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not log.stat().st_size
    except (OSError, sqlite3.Error):
        return False  # the disk is full, or somebody reads it
