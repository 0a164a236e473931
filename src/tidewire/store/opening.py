"""Opening and closing a database file that several processes share."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from tidewire.store import event_log
from tidewire.store.connections import Synchronous, connect, driver, execute_patiently
from tidewire.store.errors import StoreError
from tidewire.store.migration import Chain, MigrationError, bring_up_to_date


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; other processes and threads wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _named_in_errors(path: Path) -> Iterator[None]:
    """Raise StoreError, with the name of the file, for what makes it unusable."""
    try:
        yield
    except (sqlite3.DatabaseError, DatabaseError, MigrationError) as error:
        raise StoreError(f"the database {path} cannot be used: {error}") from error


class OpenFile:
    """A database file that is ready for use, marked as in use until :meth:`close`.

    The first process to open it migrates it and settles the epoch of its log; the last one to close it
    notes that it was closed cleanly.
    """

    def __init__(
        self, path: Path, project_id: str, synchronous: Synchronous, chains: Sequence[Chain]
    ) -> None:
        self._path = path
        self._project_id = project_id
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._lock_path):
            # SQLite gives its further files the mode of the first.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._users = os.open(
                path.with_name(path.name + ".users"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                first = self._alone()
                with _named_in_errors(path), self._durable_transaction() as connection:
                    for chain in chains:
                        bring_up_to_date(connection, chain)
                    event_log.settle_epoch(connection, durable=synchronous == "full", first=first)
                fcntl.flock(self._users, fcntl.LOCK_SH)
            except BaseException:
                os.close(self._users)
                raise

    def close(self) -> None:
        """Let go of the file."""
        with locked(self._lock_path):
            try:
                if self._alone():
                    with self._durable_transaction() as connection:
                        event_log.mark_closed(connection)
            finally:
                os.close(self._users)

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(self._path.name + ".lock")

    def _alone(self) -> bool:
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextmanager
    def _durable_transaction(self) -> Iterator[Connection]:
        """A transaction whose commit waits for the disk whatever the settings say."""
        connection = connect(self._path, self._project_id, "full")
        try:
            # The file keeps this.
            execute_patiently(driver(connection), "PRAGMA journal_mode = WAL")
            with connection.begin():
                driver(connection).execute("BEGIN IMMEDIATE")
                yield connection
        finally:
            connection.close()
