"""Work that is done in projects when it is due, by one process of a data directory."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from tidewire.core.time import now
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.instance.commits import CommitListener, Commits
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance

LOOK_SECONDS: Final = 0.5
"""Between two tries to get the lock; a process that dies is followed by another that soon."""
LONGEST_TIMER_SECONDS: Final = 3600.0
"""Seconds after which the clock is looked at again, since it may have been set."""
SLEEP_MS: Final = 60_000
"""How long a project sleeps at least in which something is due that cannot be done."""
TROUBLE_SECONDS: Final = 5.0
"""Pause after something unforeseen; it doubles while that goes on."""
LONGEST_TROUBLE_SECONDS: Final = 300.0

_log: Final = structlog.get_logger("tidewire.store")


class ProjectWork(Protocol):
    """What one kind of work does in one project."""

    def look(self) -> None:
        """Look into the database soon: somebody committed there, or something is due."""
        ...

    async def close(self, drain_seconds: float) -> None:
        """Begin nothing more; what is under way may take ``drain_seconds``, then it is cut off."""
        ...


Begin = Callable[[str, Callable[[], None]], ProjectWork]
"""Begins the work in a project, by its id; the callback is for when there is no such project any more."""


@asynccontextmanager
async def project_work(
    instance: Instance, commits: Commits, begin: Begin, drain_seconds: float
) -> AsyncIterator[None]:
    """Have work done in every project where somebody commits, or something is due, until the block ends."""
    projects = _Projects(instance, begin)
    listener = CommitListener(projects.look, projects.look_where_due, here=projects.look_if_awake)
    commits.listen(listener)
    try:
        projects.look_where_due()
        yield
    finally:
        commits.unlisten(listener)
        await projects.close(drain_seconds)


@asynccontextmanager
async def only_process(path: Path) -> AsyncIterator[None]:
    """Hold the lock file ``path``; waits while another process does. The system lets go of it at our end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)  # nobody tells that a lock of another process is free
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Projects:
    def __init__(self, instance: Instance, begin: Begin) -> None:
        self._instance = instance
        self._begin = begin
        self._projects: dict[str, ProjectWork] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """The timers of projects that are asleep and in which something is to be done later."""
        self._closed = False
        instance.listen_deletions(self._forget)
        instance.listen_sleep(self._slept)

    def look(self, project_id: str) -> None:
        """Somebody committed in a project, or something may be due there."""
        if self._closed:
            return
        project = self._projects.get(project_id)
        if project is None:
            self._projects[project_id] = self._begin(project_id, lambda: self._forget(project_id))
        else:
            project.look()

    def look_if_awake(self, project_id: str) -> None:
        """This process committed in a project; that one has just fallen asleep is told in the same way."""
        if project_id in self._projects or self._is_awake(project_id):
            self.look(project_id)

    def _is_awake(self, project_id: str) -> bool:
        return any(each.project_id == project_id for each in self._instance.open_databases())

    def look_where_due(self) -> None:
        """Something may be due in any project; look where it is, now or when its time comes."""
        self._run(self._look_where_due())

    async def close(self, drain_seconds: float) -> None:
        """Let what is under way end."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        closing = [project.close(drain_seconds) for project in self._projects.values()]
        await asyncio.gather(*closing, *self._beside, return_exceptions=True)

    async def _look_where_due(self) -> None:
        self.look(CONSOLE_PROJECT_ID)
        for project_id, due_at in (await self._instance.due()).items():
            self._look_at(project_id, due_at)

    def _look_at(self, project_id: str, due_at: int) -> None:
        """Look into a project when its time comes."""
        timer = self._timers.pop(project_id, None)
        if timer is not None:
            timer.cancel()
        seconds = (due_at - now()) / 1000
        if seconds <= 0:
            self.look(project_id)
        elif not self._closed:
            loop = asyncio.get_running_loop()
            self._timers[project_id] = loop.call_later(
                min(seconds, LONGEST_TIMER_SECONDS), self._look_at, project_id, due_at
            )

    def _slept(self, project_id: str, due_at: int | None) -> None:
        """The database of a project was closed: nothing is kept of it but when to open it again."""
        self._forget(project_id)
        if due_at is not None:
            # What could have been done now was: the rest cannot be, such as that of sealed secrets.
            self._look_at(project_id, max(due_at, now() + SLEEP_MS) if due_at <= now() else due_at)

    def _forget(self, project_id: str) -> None:
        project = self._projects.pop(project_id, None)
        timer = self._timers.pop(project_id, None)
        if timer is not None:
            timer.cancel()
        if project is not None:
            self._run(project.close(0))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


class Tasks:
    """The tasks of one project's work: each goes on after trouble, until it ends by itself."""

    def __init__(self, project_id: str, kind: str) -> None:
        """``kind`` is what lines in the log call the work."""
        self._project_id = project_id
        self._kind = kind
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def keep(
        self, name: str, work: Callable[[], Awaitable[None]], ended: Callable[[], None] | None = None
    ) -> asyncio.Task[None]:
        """Do ``work`` in a task, and again after trouble, until it ends by itself."""

        async def kept() -> None:
            pause = TROUBLE_SECONDS
            while True:
                try:
                    return await work()
                except DatabaseClosedError:
                    return None  # the project was deleted
                except OSError as error:
                    # The database is damaged, or the disk full: what is wrong there is no fault of ours.
                    self._log_trouble(name, _log.error, reason=str(error))
                except Exception:
                    self._log_trouble(name, _log.exception)
                if self._closed:
                    return None
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_TROUBLE_SECONDS)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if ended is not None:
                ended()

        task = asyncio.create_task(kept(), name=f"{self._kind} {self._project_id} {name}")
        self._tasks.add(task)
        task.add_done_callback(done)
        return task

    async def close(self, drain_seconds: float) -> None:
        """Wait until all have ended, for ``drain_seconds``; then cut off what has not."""
        self._closed = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _log_trouble(self, name: str, log: Callable[..., Any], **told: str) -> None:
        log(f"{self._kind} in trouble", project=self._project_id, work=name, **told)
