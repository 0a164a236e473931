"""What is due in the functions of one project: builds, executions, schedules, events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from tidewire.core.events import Event, LoggedEvent
from tidewire.core.time import now
from tidewire.executions.builds import Build
from tidewire.executions.parts import Parts
from tidewire.executions.queue import Queue
from tidewire.executions.schedules import run_scheduled
from tidewire.executions.triggers import Batch, Triggers
from tidewire.services.functions.events import EXECUTION_CREATED, EXECUTION_DELETED, EXECUTION_UPDATED
from tidewire.services.functions.rules import follow_functions
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, ProjectStore
from tidewire.store.records import deployments, executions, functions
from tidewire.store.records.rule_changes import noted_rules
from tidewire.store.upkeep.project_work import Tasks

LOOK_SECONDS: Final = 0.1
"""Between two looks into a database that is committed to all the time, unless it concerns functions."""


class _Status(msgspec.Struct):
    """What an execution says of itself, as far as it matters here."""

    status: str


_read_status: Final = msgspec.json.Decoder(_Status).decode


@dataclass(frozen=True)
class _Found:
    builds: bool
    """Whether a deployment waits to be built."""
    due_at: int | None
    """When the next execution is due, or the next function by its schedule, in milliseconds since the
    epoch."""
    scheduled_at: int | None
    """When the next function is due by its schedule."""
    held_up: bool
    """Whether the queue is full: events that may run functions are left in the log until it has room."""
    batch: Batch | None
    """Events that may run functions."""
    rules: bool
    """Whether domains are to follow a function: whoever changed that may have been killed before they did."""

    def seconds_left(self) -> float | None:
        """Seconds until something is due; None: nothing is."""
        return None if self.due_at is None else max(0.0, (self.due_at - now()) / 1000)


class ProjectFunctions:
    """Works on the functions of a project until :meth:`close`. It looks into the database when told to.

    ``on_end`` is called when there is no such project any more.
    """

    def __init__(self, parts: Parts, project_id: str, on_end: Callable[[], None]) -> None:
        self._parts = parts
        self._project_id = project_id
        self._on_end = on_end
        self._tasks = Tasks(project_id, "functions")
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        """What was committed is about functions."""
        self._leave: list[Callable[[], None]] = []
        """Ends what the database calls."""
        self._build: Build | None = None
        self._queue: Queue | None = None
        self._triggers: Triggers | None = None
        self._held_up = False
        """Whether a look has found the queue full, or may find it so just now."""
        self._closed = False
        if project_id != CONSOLE_PROJECT_ID:
            self._tasks.keep("looks", self._look_again_and_again)

    def look(self) -> None:
        """Look into the database soon: somebody committed there, or something is due."""
        self._news.set()

    async def close(self, drain_seconds: float) -> None:
        """Begin nothing more; executions may take ``drain_seconds``, builds are begun again some time."""
        self._closed = True
        while self._leave:
            self._leave.pop()()
        self._wake()
        if self._queue is not None:
            self._queue.stop()
        if self._build is not None:
            self._build.stop()
        await self._tasks.close(drain_seconds)

    def _wake(self) -> None:
        self._news.set()
        self._urgent.set()

    async def _look_again_and_again(self) -> None:
        store = await self._parts.instance.project(self._project_id)
        if store is None:
            self._on_end()
            return
        database = store.database
        if self._queue is None or self._triggers is None:  # else it goes on after trouble
            await self._release(database)
            await follow_functions(self._parts.instance, database)
            self._queue = Queue(self._parts, store, self._tasks, self._wake, self._has_room)
            self._triggers = Triggers(store)
            self._leave.append(database.keep_awake_while(self._is_busy))
            self._leave.append(database.listen(self._on_events))
        while not self._closed:
            self._news.clear()
            self._urgent.clear()
            self._held_up = True  # until the look tells: one that ends meanwhile makes room that it misses
            found = await database.read(partial(_found, self._triggers, self._parts.settings.functions_queue))
            self._held_up = found.held_up
            if found.rules:
                await follow_functions(self._parts.instance, database)
            if found.scheduled_at is not None and found.scheduled_at <= now():
                await run_scheduled(store)
                continue
            if found.batch is not None and await self._triggers.put_in_line(found.batch, self._queue):
                continue
            if found.builds:
                self._begin_build(store)
            if found.due_at is not None and found.due_at <= now():
                self._queue.begin()
                await self._wait(None)
            else:
                await self._wait(found.seconds_left())

    async def _wait(self, seconds: float | None) -> None:
        """Wait for news, or until something is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._urgent.wait()

    async def _release(self, database: Database) -> None:
        """Begin again what an earlier process has left, if there is anything."""

        def unit(transaction: Transaction) -> None:
            executions.release_jobs(transaction)
            deployments.release_builds(transaction)

        if await database.read(lambda connection: _left(connection)):
            await database.write(unit)

    def _has_room(self) -> None:
        """An execution has ended, which makes room in the queue."""
        if self._held_up:
            self._wake()

    def _begin_build(self, store: ProjectStore) -> None:
        if self._build is not None:  # the next is looked for when this one has ended
            return
        self._build = Build(self._parts, store)

        def ended() -> None:
            self._build = None
            self._wake()

        self._tasks.keep("build", self._build.run, ended)

    def _is_busy(self) -> bool:
        """Whether the database is needed soon."""
        queue, triggers = self._queue, self._triggers
        return (
            self._build is not None
            or (queue is not None and queue.is_busy)
            or (triggers is not None and triggers.is_busy)
        )

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        """Some event of this process may give work to do."""
        for logged in events:
            if _gives_work(logged.event) or (self._triggers is not None and self._triggers.wants(logged)):
                self._wake()
                return


def _gives_work(event: Event) -> bool:
    """Whether an event is about functions, and not only of an execution that nobody has to begin."""
    pattern = event.pattern
    if pattern in {EXECUTION_UPDATED, EXECUTION_DELETED}:
        return False
    if pattern == EXECUTION_CREATED:
        return _read_status(event.payload).status in {"waiting", "scheduled"}
    return pattern.startswith("functions.")


def _found(triggers: Triggers, most: int, connection: Connection) -> _Found:
    """What there is to do; the queue is full when ``most`` executions wait or run."""
    rules = bool(noted_rules(connection))
    if not functions.has_functions(connection):
        return _Found(builds=False, due_at=None, scheduled_at=None, held_up=False, batch=None, rules=rules)
    scheduled_at = functions.next_scheduled_at(connection)
    times = [time for time in (executions.next_job_at(connection), scheduled_at) if time is not None]
    held_up = executions.waiting_jobs(connection, now()) >= most
    return _Found(
        builds=deployments.builds_wait(connection),
        due_at=min(times, default=None),
        scheduled_at=scheduled_at,
        held_up=held_up,
        batch=None if held_up else triggers.read(connection),
        rules=rules,
    )


def _left(connection: Connection) -> bool:
    return executions.jobs_begun(connection) or deployments.builds_begun(connection)
