"""Checkpoints: what was committed is copied from the write-ahead log into the database file.

SQLite does it by itself within the commit that makes the log long, which then waits until the disk has taken
a thousand pages. Here a thread does it between commits, so that nobody's commit waits.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from tidewire.store.engine.threads import ThreadPool

PAGES: Final = 1000
"""Pages of the log that are written between two checkpoints."""
MANY_PAGES: Final = 4 * PAGES
"""Pages of a log that is written to without a pause: then the thread that writes does a checkpoint itself."""
_PAGE_BYTES: Final = 4096
_CHANGES: Final = (16, 100_000)
"""The least and the most rows that are written between two checkpoints."""
_BY_HAND: Final = "PRAGMA wal_autocheckpoint = 0"
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"

_log = structlog.get_logger("tidewire.store")


class Checkpoints:
    """The checkpoints of one database, for the thread that writes to it.

    SQLite does not say how long the log is until there is a checkpoint. So its length is estimated from the
    rows that were written, and from the size of the file, which grows but does not shrink.
    """

    def __init__(self, path: Path, threads: ThreadPool) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + "-wal")
        self._threads = threads
        self._none_runs = threading.Event()
        self._none_runs.set()
        self._connection: sqlite3.Connection | None = None
        """A connection, kept from the first checkpoint on: to open one takes longer than most checkpoints."""
        self._changes = 0
        """The rows that had been written at the last checkpoint."""
        self._changes_between = PAGES // 5
        self._bytes = PAGES * _PAGE_BYTES
        """The size of the log's file above which it needs a checkpoint."""
        self._is_long = False

    def take_over(self, raw: sqlite3.Connection) -> None:
        """Keep a connection that writes from doing checkpoints itself: they are done here from now on."""
        raw.execute(_BY_HAND)

    def before_writing(self, raw: sqlite3.Connection) -> None:
        """Do a checkpoint in this thread if those beside it leave the log too long."""
        if self._is_long and self._none_runs.is_set():
            self._is_long = False
            with suppress(sqlite3.Error):  # the disk is full, maybe: a commit says so if it needs room
                raw.execute(_CHECKPOINT).fetchone()

    def committed(self, raw: sqlite3.Connection) -> None:
        """Have a checkpoint done by another thread if it is time. Takes microseconds."""
        if not self._none_runs.is_set():
            return
        changes = raw.total_changes - self._changes
        size = self._log_size()
        # A short log needs no checkpoint: it would take room on the disk that deletions may need.
        if size < PAGES * _PAGE_BYTES or (changes < self._changes_between and size <= self._bytes):
            return
        self._changes += changes
        self._none_runs.clear()
        self._threads.put(lambda: self._run(changes))

    def close(self) -> None:
        """Close what is open, once no checkpoint is under way; there must be no more commits."""
        self._none_runs.wait()
        if self._connection is not None:
            self._connection.close()

    def _run(self, changes: int) -> None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, timeout=0, isolation_level=None, check_same_thread=False
                )
            _, pages, _ = self._connection.execute(_CHECKPOINT).fetchone()
            self._is_long = pages > MANY_PAGES
            least, most = _CHANGES
            self._changes_between = min(max(changes * PAGES // max(pages, 1), least), most)
        except sqlite3.Error:
            _log.warning("wal_not_checkpointed", database=str(self._path), exc_info=True)
        finally:
            self._bytes = self._log_size() + PAGES * _PAGE_BYTES
            self._none_runs.set()

    def _log_size(self) -> int:
        try:
            return os.stat(self._log_path).st_size  # noqa: PTH116 - for every transaction
        except OSError:
            return 0
