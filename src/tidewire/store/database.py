"""A database: units of work that run off the event loop, in one writer thread and several readers.

Any number of processes may have the same database open.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tidewire.core.events import LoggedEvent
from tidewire.store.connections import BUSY_TIMEOUT_MS, Synchronous, connect, driver, timeouts_told
from tidewire.store.encryption import Encryption
from tidewire.store.migration import PROJECT, Chain
from tidewire.store.opening import OpenFile
from tidewire.store.shadows import Shadows
from tidewire.store.writer import Transaction, Write, Writer

T = TypeVar("T")
Listener = Callable[[Sequence[LoggedEvent]], None]

READERS: Final = 4
"""Reads that run at the same time in one database."""
READ_SECONDS: Final = 15.0
"""A read that takes longer is interrupted."""

__all__ = ["Database", "DatabaseClosedError", "Transaction"]


class DatabaseClosedError(RuntimeError):
    """The database was closed before the unit of work could begin."""


class Database:
    """An open database of one project. Made by :meth:`open`; belongs to the event loop it is opened in."""

    def __init__(
        self,
        path: Path,
        project_id: str,
        synchronous: Synchronous,
        opened: OpenFile,
        encryption: Encryption | None,
    ) -> None:
        self.path = path
        self.project_id = project_id
        self._synchronous: Synchronous = synchronous
        self._opened = opened
        self._encryption = encryption
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self.on_commit: Callable[[str], None] | None = None
        """Called with the project's id after each commit, in the thread that writes."""
        self._writer: Writer | None = None
        self._readers = ThreadPoolExecutor(READERS, "tidewire-reader")
        self._reader = threading.local()
        self._reader_connections: list[Connection] = []
        self.shadows = Shadows(self._connect, self._readers, READ_SECONDS)
        """For what is done and not written."""
        self._watcher = self._connect(read_only=True, busy_timeout_ms=0)
        self._unknown_versions = 0
        self._closed = False
        self._beside: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        path: Path,
        project_id: str,
        *,
        synchronous: Synchronous = "full",
        chains: Sequence[Chain] = (PROJECT,),
        encryption: Encryption | None = None,
        create: bool = True,
    ) -> Database:
        """Open the database file at ``path``, migrate it if needed.

        ``encryption`` seals the events that are confidential; without it there can be none. ``create``: make
        the file if there is none. Raises :class:`tidewire.store.errors.StoreError` if it is missing, damaged
        or newer than this program.
        """
        opened = await asyncio.to_thread(OpenFile, path, project_id, synchronous, chains, create=create)
        return cls(path, project_id, synchronous, opened, encryption)

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run ``unit`` in the writer's thread and return its result once it is committed.

        A unit that raises is undone alone and its error raised here. Units run in the order of these
        calls. Cancelling the call does not cancel the unit.
        """
        if self._closed:
            raise DatabaseClosedError(f"the database of project {self.project_id} is closed")
        if self._writer is None:
            self._writer = Writer(self._connect(busy_timeout_ms=1), self._deliver)
            self._opened.begin_writing()
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.put(Write(unit, future))
        return await future

    async def read(self, unit: Callable[[Connection], T]) -> T:
        """Run ``unit`` in a reader's thread, on a snapshot that holds all that was committed before.

        Raises :class:`TidewireError` ``database_timeout`` after :data:`READ_SECONDS`.
        """
        if self._closed:
            raise DatabaseClosedError(f"the database of project {self.project_id} is closed")
        return await self._loop.run_in_executor(self._readers, self._read, unit)

    def listen(self, callback: Listener) -> None:
        """Have ``callback`` called on the event loop after each commit of this process that wrote events.

        It gets the events in the order of their offsets, before the writers get their results.
        """
        self._listeners.append(callback)

    def data_version(self) -> int:
        """A number that changes whenever anyone, in this process or another, commits. Takes microseconds."""
        try:
            row = driver(self._watcher).execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError:
            # Locked just now: nobody may take what was read before for current.
            self._unknown_versions += 1
            return -self._unknown_versions
        return int(row[0])

    def glance(self, unit: Callable[[Connection], T]) -> T | None:
        """Run ``unit`` at once, on the event loop; None if the database cannot answer just now.

        Only for a few rows found by indexes, of which the values of the driver are enough. Statements see
        what was committed before each of them.
        """
        try:
            return unit(self._watcher)
        except (sqlite3.OperationalError, OperationalError):
            return None

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the event loop beside everything else; :meth:`close` cancels it.

        It must write what is to survive that in units of its own.
        """
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            message = f"work beside the requests of project {self.project_id} failed"
            self._loop.call_exception_handler({"message": message, "exception": error})

    async def close(self) -> None:
        """Finish what was begun, then close. Later reads and writes raise :class:`DatabaseClosedError`."""
        if self._closed:
            return
        self._closed = True
        beside = list(self._beside)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._opened.end_writing()
        self._readers.shutdown()
        self.shadows.close()
        for connection in self._reader_connections:
            connection.close()
        self._watcher.close()
        self._opened.close()

    def _connect(self, *, read_only: bool = False, busy_timeout_ms: int | None = None) -> Connection:
        return connect(
            self.path,
            self.project_id,
            self._synchronous,
            read_only=read_only,
            busy_timeout_ms=BUSY_TIMEOUT_MS if busy_timeout_ms is None else busy_timeout_ms,
            encryption=self._encryption,
        )

    def _deliver(self, group: Sequence[Write], events: Sequence[LoggedEvent]) -> None:
        if self.on_commit is not None:
            self.on_commit(self.project_id)
        try:
            self._loop.call_soon_threadsafe(self._resolve, group, events)
        except RuntimeError:
            # The loop was closed without closing the database: nobody waits any more.
            return

    def _resolve(self, group: Sequence[Write], events: Sequence[LoggedEvent]) -> None:
        if events:
            for listener in self._listeners:
                try:
                    listener(events)
                except Exception as error:
                    message = f"a listener of project {self.project_id} failed"
                    self._loop.call_exception_handler({"message": message, "exception": error})
        for write in group:
            write.resolve()

    def _read(self, unit: Callable[[Connection], T]) -> T:
        connection = self._reader_connection()
        raw = driver(connection)
        self._reader.deadline = time.monotonic() + READ_SECONDS
        raw.execute("BEGIN")
        try:
            with timeouts_told():
                return unit(connection)
        finally:
            raw.execute("ROLLBACK")

    def _reader_connection(self) -> Connection:
        connection: Connection | None = getattr(self._reader, "connection", None)
        if connection is None:
            connection = self._connect(read_only=True)
            self._reader.connection = connection
            self._reader_connections.append(connection)
            driver(connection).set_progress_handler(lambda: time.monotonic() > self._reader.deadline, 100_000)
        return connection
