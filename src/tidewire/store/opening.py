"""Opening and closing a database file that several processes share."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from tidewire.store import event_log
from tidewire.store.connections import Synchronous, connect, driver, execute_patiently
from tidewire.store.errors import StoreError
from tidewire.store.migration import Chain, MigrationError, bring_up_to_date, has_tables
from tidewire.store.witness import is_as_left, note_closed, note_nothing, note_writing, origin

_log = structlog.get_logger("tidewire.store")


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file ``path``, whose descriptor is given; other processes and threads wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_content(path: Path) -> None:
    """Refuse a database that is not there: made anew, it would know nothing of the files of its project."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        size = None
    except OSError as error:
        raise StoreError(f"the database {path} cannot be used: {error.strerror}") from error
    if not size:
        state = "is missing" if size is None else "is empty"
        raise StoreError(f"the database {path} {state}; put it back from a backup, it is not made anew")


@contextmanager
def _named_in_errors(path: Path) -> Iterator[None]:
    """Raise StoreError, with the name of the file, for what makes it unusable."""
    try:
        yield
    except (sqlite3.DatabaseError, DatabaseError, MigrationError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"the database {path} cannot be used: {error}") from error


class OpenFile:
    """A database file that is ready for use, marked as in use until :meth:`close`.

    The first process to open it migrates it and settles the epoch of its log; the last one to close it
    notes that it was closed cleanly, and how the file was left.
    """

    def __init__(
        self, path: Path, project_id: str, synchronous: Synchronous, chains: Sequence[Chain], *, create: bool
    ) -> None:
        self._path = path
        self._project_id = project_id
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            _require_content(path)
        with _named_in_errors(path), locked(self._lock_path) as lock:
            # SQLite gives its further files the mode of the first.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT * create | os.O_CLOEXEC, 0o600))
            self._users = os.open(self._users_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                first = self._alone()
                self._settle(chains, lock, first=first, create=create, durable=synchronous == "full")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            except BaseException:
                os.close(self._users)
                raise

    def begin_writing(self) -> None:
        """Note that somebody writes; to be called with a connection open."""
        with self._lock_file() as lock:
            note_writing(lock, self._path)

    def end_writing(self) -> None:
        """Note that nobody of this process writes any more, before the connections are closed."""
        with self._lock_file() as lock:
            note_nothing(lock)

    def close(self) -> None:
        """Let go of the file."""
        with locked(self._lock_path) as lock:
            try:
                if self._alone():
                    with self._durable_transaction() as connection:
                        event_log.mark_closed(connection)
                    note_closed(lock, self._path)
            finally:
                os.close(self._users)

    def _settle(
        self, chains: Sequence[Chain], lock: int, *, first: bool, create: bool, durable: bool
    ) -> None:
        as_left = not first or is_as_left(lock, self._path)
        present = origin(self._path, self._users_path)
        with self._durable_transaction() as connection:
            for chain in chains:
                if not create and not has_tables(connection, chain):
                    raise MigrationError("it holds no tables of Tidewire; put it back from a backup")
                bring_up_to_date(connection, chain)
            put_back = event_log.settle_epoch(
                connection, durable=durable, first=first, origin=present if as_left else ""
            )
            if first:
                event_log.note_origin(connection, present)
        if first:
            note_nothing(lock)
        if put_back:
            _log.warning(
                "the database was put back from a copy: clients are told that they may have missed events",
                project=self._project_id,
            )

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        """The lock file without its lock, which is for opening and closing."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(self._path.name + ".lock")

    @property
    def _users_path(self) -> Path:
        return self._path.with_name(self._path.name + ".users")

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
