"""All deliveries of a data directory."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.core.time import now
from tidewire.outbound.guard import Guard, guard_of
from tidewire.outbound.http import OutboundHttp
from tidewire.outgoing.carriers import Carrier
from tidewire.outgoing.mail import MailCarrier
from tidewire.outgoing.projects import Parts, ProjectDeliveries
from tidewire.outgoing.text_messages import text_message_carrier
from tidewire.settings import Settings
from tidewire.store.instance.commits import CommitListener, Commits
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance
from tidewire.store.upkeep.outbox import Outbox

LOOK_SECONDS: Final = 0.5
"""Seconds between two attempts to get the lock. A process that dies is followed by another within this
time."""


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


LONGEST_TIMER_SECONDS: Final = 3600.0
"""Seconds after which the clock is looked at again, because it may have been set."""

SLEEP_MS: Final = 60_000
"""How long a project sleeps at least in which something is due that cannot be done."""

_log: Final = structlog.get_logger("tidewire.outgoing")


def carriers_of(settings: Settings, http: OutboundHttp) -> dict[str, Carrier]:
    """What carries the messages of each channel; ``http`` may call what the operator names."""
    outbox = Outbox(settings.data_dir)
    return {"mail": MailCarrier(settings, outbox), "sms": text_message_carrier(settings, outbox, http)}


async def deliver(
    instance: Instance,
    settings: Settings,
    commits: Commits,
    carriers: Mapping[str, Carrier] | None = None,
    guard: Guard | None = None,
) -> None:
    """Deliver messages and webhooks of all projects until cancelled.

    One process of a data directory does it; in the others this waits for that one to end.
    """
    async with only_process(Path(settings.data_dir) / "delivery.lock"):
        if not (settings.smtp_host or settings.demo):
            _log.warning(
                "no mail server is set (smtp_host): mails of projects without their own stay in the outbox",
                outbox=str(Path(settings.data_dir) / "outbox"),
            )
        http = OutboundHttp(guard or guard_of(settings))
        to_operator = OutboundHttp(Guard(allow_private=True))
        carriers = carriers or carriers_of(settings, to_operator)
        deliverer = _Deliverer(Parts(instance, settings, carriers, http))
        listener = CommitListener(deliverer.look, deliverer.look_where_due, here=deliverer.look_if_awake)
        commits.listen(listener)
        try:
            deliverer.look_where_due()
            await asyncio.Event().wait()
        finally:
            commits.unlisten(listener)
            await deliverer.close(settings.drain_seconds)
            await http.close()
            await to_operator.close()


class _Deliverer:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._projects: dict[str, ProjectDeliveries] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """Timers of projects that are asleep and in which something has to be done later."""
        self._closed = False
        parts.instance.listen_deletions(self._forget)
        parts.instance.listen_sleep(self._slept)

    def look(self, project_id: str) -> None:
        """Somebody committed in a project, or something may be due there."""
        if self._closed:
            return
        project = self._projects.get(project_id)
        if project is None:
            self._projects[project_id] = ProjectDeliveries(
                self._parts, project_id, lambda: self._forget(project_id)
            )
        else:
            project.look()

    def look_if_awake(self, project_id: str) -> None:
        """This process committed in a project; that one has just fallen asleep is told in the same way."""
        awake = self._parts.instance.open_databases()
        if project_id in self._projects or any(each.project_id == project_id for each in awake):
            self.look(project_id)

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
        for project_id, due_at in (await self._parts.instance.due()).items():
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
