"""A database: units of work that run off the event loop, one writing at a time and several reading.

Any number of processes may have the same database open. Its files are opened when somebody needs them and
closed when nobody has for a while; whoever holds a :class:`Database` need not know whether they are.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from tidewire.core.events import LoggedEvent
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.contract import (
    UNKNOWN,
    DatabaseClosedError,
    DueNotes,
    Finding,
    Keeper,
    Listener,
    Transaction,
)
from tidewire.store.engine.jobs import Job
from tidewire.store.engine.migration import PROJECT, Chain
from tidewire.store.engine.reading import Lane
from tidewire.store.engine.sqlite.checkpoints import Checkpoints
from tidewire.store.engine.sqlite.connections import BUSY_TIMEOUT_MS, Synchronous, connect, empty_log
from tidewire.store.engine.sqlite.failures import failures_told
from tidewire.store.engine.sqlite.opening import OpenFile
from tidewire.store.engine.sqlite.readers import Readers
from tidewire.store.engine.sqlite.staging import StagingConnections
from tidewire.store.engine.sqlite.watcher import Watcher
from tidewire.store.engine.sqlite.writer import Write, Writer
from tidewire.store.engine.workers import Workers
from tidewire.store.errors import StoreError
from tidewire.store.secrets.encryption import Encryption

T = TypeVar("T")

_log = structlog.get_logger("tidewire.store")
_VERSIONS: Final = 2**40
"""A number that is greater than the number of versions that a file has in one opening."""


class Database:
    """The database of one project. Belongs to the event loop it is made in."""

    def __init__(
        self,
        path: Path,
        project_id: str,
        workers: Workers,
        *,
        synchronous: Synchronous = "full",
        chains: Sequence[Chain] = (PROJECT,),
        encryption: Encryption | None = None,
        create: bool = True,
        due: DueNotes | None = None,
        keeper: Keeper | None = None,
        list_bytes: float = math.inf,
    ) -> None:
        """Nothing is opened yet. ``encryption`` seals events that are confidential; without it are none.

        ``create``: make the file if there is none; otherwise ``keeper`` is asked. ``list_bytes``: what one
        list may show.
        """
        self.path = path
        self.project_id = project_id
        self._workers = workers
        self._synchronous: Synchronous = synchronous
        self._chains = chains
        self._encryption = encryption
        self._create = create
        self._due = due
        self._keeper = keeper
        self._list_bytes = list_bytes
        self._own_workers = False
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._reasons: list[Callable[[], bool]] = []
        """Functions that tell whether something keeps it awake."""
        self._file: OpenFile | None = None
        """Its open files; None while it is asleep, and then there are no watcher, writer and readers
        either."""
        self._watcher: Watcher | None = None
        self._writer: Writer
        self._readers: Readers
        self._openings = 0
        self._busy = 0
        """The number of units that wait or run."""
        self._idle = asyncio.Event()
        """Set when no unit waits or runs any more, once the database is closed for good."""
        self._change: asyncio.Task[None] | None = None
        """The task that opens or closes the files just now."""
        self.staging: Final = StagingConnections(self._connect, self._in_thread)
        """Connections for what is done and not written."""
        self._closed = False
        self._beside: set[asyncio.Task[None]] = set()
        self.uses = 0
        """A count that grows with everything that is done with the database."""

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
        workers: Workers | None = None,
    ) -> Database:
        """Open the database file at ``path``, migrate it if needed; it stays open until closed.

        ``create``: make the file if there is none. Without ``workers`` it has threads of its own. Raises
        :class:`tidewire.store.errors.StoreError` if it is missing, damaged or newer than this program.
        """
        database = cls(
            path,
            project_id,
            workers or Workers(),
            synchronous=synchronous,
            chains=chains,
            encryption=encryption,
            create=create,
        )
        database._own_workers = workers is None
        await database.wake()
        return database

    @property
    def is_awake(self) -> bool:
        """Whether its files are open."""
        return self._watcher is not None

    async def wake(self) -> None:
        """Open the files, create or migrate them if needed; return at once if they are open.

        Raises :class:`tidewire.store.errors.StoreError` if they are damaged or newer than this program.
        """
        while True:
            if self._closed:
                raise DatabaseClosedError(f"the database of project {self.project_id} is closed")
            if self._watcher is not None:
                return
            change = self._change
            if (
                change is None or change.done()
            ):  # one that is done is forgotten only when the loop comes to it
                change = self._begin(self._open())
            # Others may wait for the change too: one of them that goes away must not cancel it.
            await asyncio.shield(change)

    def try_to_sleep(self) -> bool:
        """Begin to close the files if nobody needs them; False if somebody does, or they are not open."""
        if self._file is None or self._change is not None or self._is_needed():
            return False
        self._begin(self._fall_asleep())
        return True

    def keep_awake_while(self, reason: Callable[[], bool]) -> Callable[[], None]:
        """Keep the files open while ``reason`` is true; what is returned withdraws it."""
        self._reasons.append(reason)
        return lambda: self._reasons.remove(reason)

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run ``unit`` in a thread that writes and return its result once it is committed.

        A unit that raises is undone alone and its error raised here. Units run in the order of these
        calls. Cancelling the call does not cancel the unit.
        """
        self._busy += 1
        try:
            if self._watcher is None or self._closed:
                await self.wake()
            write = Write(unit, self._loop.create_future())
            self._writer.put(write)
        except BaseException:
            self._done()
            raise
        result: T = await write.future
        return result

    async def read(self, unit: Callable[[Connection], T], lane: Lane = "requests") -> T:
        """Run ``unit`` in a thread that reads, on a snapshot that holds all that was committed before.

        In the lane ``requests`` it takes its turn with the reads of other callers, and is interrupted after
        the seconds that its caller has: ``database_timeout`` is raised then (:class:`TidewireError`), and
        ``general_server_busy`` if too many of that caller's reads wait. A unit that takes long may be ended
        early and run once more, so it must leave nothing behind.
        """
        job = await self._in_thread(
            lambda seconds: self._readers.read(unit, seconds), lane, may_begin_again=True
        )
        return await job.future

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Have ``callback`` called on the event loop after each commit of this process that wrote events.

        It gets the events in the order of their offsets, before the writers get their results. What is
        returned ends it.
        """
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def holds(self, found: Finding[T]) -> bool:
        """Whether nothing was committed since something was found. Nearly every request asks this."""
        self.uses += 1
        return found.moment != UNKNOWN and found.moment == self._moment()

    def find_at_once(
        self, unit: Callable[[Connection], T], since: Finding[T] | None = None
    ) -> Finding[T] | None:
        """:meth:`find` without waiting; None if that cannot be told at once.

        Each statement of ``unit`` sees what was committed before it. SQLite answers on the event loop, in
        microseconds, unless the files are not open, another process holds them, or it takes milliseconds.
        """
        if self._watcher is None:
            return None
        self.uses += 1
        moment = UNKNOWN if since is None else self._moment()
        if since is not None and moment == since.moment != UNKNOWN:
            return since
        found = self._watcher.look(unit)
        return None if found is None else Finding(found[0], moment)

    async def find(
        self,
        unit: Callable[[Connection], T],
        since: Finding[T] | None = None,
        lane: Lane = "identities",
    ) -> Finding[T]:
        """What ``unit`` finds now, as the contract says; it may run twice, then in the lane ``lane``."""
        found = self.find_at_once(unit, since)
        if found is not None and (found is since or since is None or self.holds(found)):
            return found
        # It cannot be told at once, or something was committed between two statements.
        moment = UNKNOWN if since is None else self._moment()
        return Finding(await self.read(unit, lane), moment)

    def _moment(self) -> int:
        """Return a number that changes whenever anyone, in this process or another, has committed."""
        version = None if self._watcher is None else self._watcher.version()
        return UNKNOWN if version is None else self._openings * _VERSIONS + version

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the event loop beside everything else; :meth:`close` cancels it.

        It must write what is to survive that in units of its own.
        """
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._forget)

    async def overwrite_deleted(self) -> None:
        """Take what was deleted off the disk, as far as nobody reads it just now; later commits do the rest.

        In the file itself it is overwritten at once (``secure_delete``), but not in the write-ahead log.
        """
        # The files stay open meanwhile, also if nobody waits any more: a log that is emptied after the
        # closing would look as if the files were put back from a copy.
        self._busy += 1
        emptying = self._loop.run_in_executor(None, empty_log, self.path)
        emptying.add_done_callback(lambda _: self._done())
        try:
            await asyncio.shield(emptying)
        except sqlite3.Error:
            _log.warning("wal_not_emptied", project=self.project_id, exc_info=True)

    def close_spare(self) -> None:
        """Close connections that were not needed for a while."""
        if self._file is not None:
            self._readers.close_spare()

    async def close(self) -> None:
        """Finish what was begun, then close. Later reads and writes raise :class:`DatabaseClosedError`."""
        if self._closed:
            return
        self._closed = True
        beside = list(self._beside)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if self._change is not None:
            await asyncio.wait([self._change])
        if self._busy:
            await self._idle.wait()
        if self._file is not None:
            await self._close_files()
        if self._own_workers:
            await asyncio.to_thread(self._workers.close)

    def _begin(self, change: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._change = asyncio.create_task(change)
        self._change.add_done_callback(self._changed)
        return self._change

    def _changed(self, change: asyncio.Task[None]) -> None:
        if self._change is change:
            self._change = None
        if not change.cancelled():
            change.exception()  # told to whoever waits for it, if anybody does

    async def _open(self) -> None:
        file = await self._open_or_create()

        def connect_to_write() -> Connection:
            connection = self._connect(busy_timeout_ms=1)
            file.begin_writing()
            return connection

        self._openings += 1
        threads = self._workers.writing
        self._writer = Writer(connect_to_write, threads, self._deliver, Checkpoints(self.path, threads))
        file.connection.sealing = self._encryption
        file.connection.list_bytes = self._list_bytes
        self._file = file
        self._watcher = Watcher(file.connection)
        self._readers = Readers(lambda: self._connect(read_only=True), self._watcher)
        if self._keeper is not None:
            self._keeper.woke(self)

    async def _open_or_create(self) -> OpenFile:
        def opening(create: bool) -> OpenFile:
            with failures_told():
                return OpenFile(
                    self.path, self.project_id, self._synchronous, self._chains, create=create, due=self._due
                )

        try:
            return await self._workers.open_or_close(lambda: opening(self._create))
        except StoreError as error:
            if self._keeper is None or not await self._keeper.is_new(self.project_id, error):
                raise
        file = await self._workers.open_or_close(lambda: opening(True))
        await self._keeper.created(self.project_id)
        return file

    async def _fall_asleep(self) -> None:
        try:
            await self._close_files()
        except Exception:
            # Whoever needs the database meanwhile opens it again, and is told if that is not possible.
            _log.exception("a database was not closed cleanly", project=self.project_id)

    async def _close_files(self) -> None:
        """Close the open files, which nobody uses."""
        file, writer, readers = self._file, self._writer, self._readers
        assert file is not None
        self._file = self._watcher = None
        unused = self.staging.let_go()

        def close() -> int | None:
            writer.close()
            readers.close()
            return file.close(unused)

        due_at = None
        try:
            due_at = await self._workers.open_or_close(close)
        finally:
            if self._keeper is not None:
                self._keeper.slept(self, due_at)

    def _is_needed(self) -> bool:
        return bool(self._busy or self._beside or self.staging.are_used) or any(
            reason() for reason in self._reasons
        )

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            message = f"work beside the requests of project {self.project_id} failed"
            self._loop.call_exception_handler({"message": message, "exception": error})

    def _connect(self, *, read_only: bool = False, busy_timeout_ms: int | None = None) -> Connection:
        return connect(
            self.path,
            self.project_id,
            self._synchronous,
            read_only=read_only,
            busy_timeout_ms=BUSY_TIMEOUT_MS if busy_timeout_ms is None else busy_timeout_ms,
            encryption=self._encryption,
            list_bytes=self._list_bytes,
        )

    async def _in_thread(
        self, work: Callable[[float], T], lane: Lane = "requests", *, may_begin_again: bool = False
    ) -> Job[T]:
        """Have ``work`` done in a thread that reads; it may end after this returns."""
        self._busy += 1
        try:
            if self._watcher is None or self._closed:
                await self.wake()
            job = self._workers.read(lane, self.project_id, work, may_begin_again=may_begin_again)
        except BaseException:
            self._done()
            raise
        job.when_finished(self._done)
        return job

    def _deliver(self, group: Sequence[Write], events: Sequence[LoggedEvent], *, changed: bool) -> None:
        if changed and self._keeper is not None:
            self._keeper.committed(self.project_id)
        try:
            self._loop.call_soon_threadsafe(self._resolve, group, events)
        except RuntimeError:
            # The loop was closed without closing the database: nobody waits any more.
            return

    def _resolve(self, group: Sequence[Write], events: Sequence[LoggedEvent]) -> None:
        if events:
            for listener in list(self._listeners):
                try:
                    listener(events)
                except Exception as error:
                    message = f"a listener of project {self.project_id} failed"
                    self._loop.call_exception_handler({"message": message, "exception": error})
        for write in group:
            write.resolve()
        self._done(len(group))

    def _done(self, units: int = 1) -> None:
        self.uses += units
        self._busy -= units
        if self._closed and not self._busy:
            self._idle.set()
