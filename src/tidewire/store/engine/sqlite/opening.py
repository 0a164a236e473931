"""Opening and closing a database file that several processes share."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import DatabaseError, OperationalError

from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.contract import DueNotes
from tidewire.store.engine.migration import Chain, MigrationError, bring_up_to_date
from tidewire.store.engine.sqlite.connections import (
    Synchronous,
    connect,
    driver,
    execute_patiently,
    make_read_only,
)
from tidewire.store.engine.sqlite.kept_log import log_kept
from tidewire.store.engine.sqlite.witness import (
    is_as_left,
    is_noted_as_written,
    note_closed,
    note_nothing,
    note_writing,
    origin,
)
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.errors import StoreError
from tidewire.store.machine.locks import locked

_log = structlog.get_logger("tidewire.store")
_PROJECT: Final = "project"
"""The name of the value by which a database names its project."""


def _require_content(path: Path) -> None:
    """Refuse a database that is not there: one that is made anew would know nothing of its project's
    files."""
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
    """Turn errors that make the file unusable into a StoreError with the name of the file."""
    try:
        yield
    except (sqlite3.DatabaseError, DatabaseError, MigrationError, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"the database {path} cannot be used: {error}") from error


class OpenFile:
    """A database file that is ready for use, marked as in use until :meth:`close`.

    The first process to open it migrates it and settles the epoch of its log; the last one to close it
    notes that it was closed cleanly, how the file was left, and when something is to be done in it.
    """

    def __init__(
        self,
        path: Path,
        project_id: str,
        synchronous: Synchronous,
        chains: Sequence[Chain],
        *,
        create: bool,
        due: DueNotes | None = None,
    ) -> None:
        self._path = path
        self._project_id = project_id
        self._durable = synchronous == "full"
        self._due = due
        self._is_written = False
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            _require_content(path)
        with _named_in_errors(path), locked(self._lock_path) as lock:
            # SQLite gives its further files the mode of the first.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT * create | os.O_CLOEXEC, 0o600))
            self._users = os.open(self._users_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if due is not None:
                    due.opened(project_id)
                self.connection: Final = self._prepared(chains, lock, create=create)
                """The connection that the database was opened with, which can be read with like any other."""
                fcntl.flock(self._users, fcntl.LOCK_SH)
            except BaseException:
                os.close(self._users)
                raise

    def begin_writing(self) -> None:
        """Note that somebody writes. To be called while a connection is open."""
        with self._lock_file() as lock:
            note_writing(lock, self._path)
        self._is_written = True

    def close(self, others: Iterable[Connection] = ()) -> int | None:
        """Close the connections and let go of the file; return when something is to be done in it.

        None: nothing, or other processes have it open and will see to it.
        """
        due: int | None = None
        with ExitStack() as locking:
            lock: int | None = None
            with suppress(FileNotFoundError):  # another process has deleted the project, with its files
                lock = locking.enter_context(locked(self._lock_path))
            try:
                if lock is not None and (self._is_written or is_noted_as_written(lock)):
                    # The last connection that is closed empties the log, and with it goes what would confirm
                    # the note.
                    note_nothing(lock)
                alone = lock is not None and self._path.exists() and self._alone()
                with ExitStack() as stack:
                    stack.callback(self._disconnect, alone=alone)
                    for connection in others:
                        stack.callback(connection.close)
                    if alone:
                        due = self._due.due_at(self.connection) if self._due is not None else None
                        self._mark_closed()
                if lock is not None and alone:
                    with suppress(FileNotFoundError):
                        note_closed(lock, self._path)
                        if self._due is not None:
                            self._due.closed(self._project_id, due)
            finally:
                os.close(self._users)
        return due

    def _prepared(self, chains: Sequence[Chain], lock: int, *, create: bool) -> Connection:
        """Open a connection to the database, once its tables and its epoch are as they have to be."""
        first = self._alone()
        as_left = not first or is_as_left(lock, self._path)
        # Commits of this connection wait for the disk whatever the settings say.
        connection = connect(self._path, self._project_id, "full")
        try:
            # This setting stays in the file.
            execute_patiently(driver(connection), "PRAGMA journal_mode = WAL")
            try:
                # Nearly always there is nothing to write, and then there is no need to wait for those who
                # write.
                put_back = self._settle(connection, chains, "DEFERRED", first, as_left, create=create)
            except (OperationalError, sqlite3.OperationalError):
                put_back = self._settle(connection, chains, "IMMEDIATE", first, as_left, create=create)
            make_read_only(driver(connection))
        except BaseException:
            connection.close()
            raise
        if first and driver(connection).total_changes:
            # Otherwise the file is still as it was left, until :meth:`begin_writing`.
            note_nothing(lock)
        if put_back:
            _log.warning(
                "the database was put back from a copy: clients are told that they may have missed events",
                project=self._project_id,
            )
        return connection

    def _settle(
        self,
        connection: Connection,
        chains: Sequence[Chain],
        kind: str,
        first: bool,
        as_left: bool,
        *,
        create: bool,
    ) -> bool:
        """Bring tables and epoch to what they have to be; return whether the file was put back from a
        copy."""
        present = origin(self._path, self._users_path)
        with self._transaction(connection, kind):
            for chain in chains:
                bring_up_to_date(connection, chain, create=create)
            self._require_own(connection)
            put_back = event_log.settle_epoch(
                connection, durable=self._durable, first=first, origin=present if as_left else ""
            )
            if first:
                event_log.note_origin(connection, present)
        return put_back

    def _require_own(self, connection: Connection) -> None:
        """Refuse the database of another project; give the name of the project to one that names none yet."""
        named = read_state(connection, _PROJECT)
        if named is None:
            write_state(connection, _PROJECT, self._project_id)
        elif named != self._project_id:
            raise StoreError(
                f"the database {self._path} is that of the project {named!r}, not of {self._project_id!r}: "
                "put the right one back from a backup"
            )

    def _disconnect(self, *, alone: bool) -> None:
        with log_kept(driver(self.connection), self._path) if alone else nullcontext():
            self.connection.close()

    def _mark_closed(self) -> None:
        if event_log.is_marked_open(self.connection):
            driver(self.connection).execute("PRAGMA query_only = OFF")
            with self._transaction(self.connection, "IMMEDIATE"):
                event_log.mark_closed(self.connection)

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        """The lock file, opened without its lock, which is held for opening and closing only."""
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

    @staticmethod
    @contextmanager
    def _transaction(connection: Connection, kind: str) -> Iterator[None]:
        connection.rollback()  # SQLAlchemy's own idea of a transaction, after anything was read
        with connection.begin():
            driver(connection).execute(f"BEGIN {kind}")
            yield
