"""All deliveries of a data directory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.delivery.carriers import Carrier
from tidewire.delivery.exclusive import only_process
from tidewire.delivery.mail import MailCarrier
from tidewire.delivery.projects import TROUBLE_SECONDS, Parts, ProjectDeliveries
from tidewire.delivery.text_messages import text_message_carrier
from tidewire.outbound.guard import Guard, webhook_guard
from tidewire.outbound.http import OutboundHttp
from tidewire.settings import Settings
from tidewire.store.commits import CommitListener, Commits
from tidewire.store.outbox import Outbox
from tidewire.store.platform import CONSOLE_PROJECT_ID, Stores

_log: Final = structlog.get_logger("tidewire.delivery")


def carriers_of(settings: Settings) -> dict[str, Carrier]:
    """What carries the messages of each channel."""
    outbox = Outbox(settings.data_dir)
    return {"mail": MailCarrier(settings, outbox), "sms": text_message_carrier(settings, outbox)}


async def deliver(
    stores: Stores,
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
        http = OutboundHttp(guard or webhook_guard(settings))
        deliverer = _Deliverer(Parts(stores, settings, carriers or carriers_of(settings), http))
        listener = CommitListener(deliverer.look, deliverer.look_everywhere, here=deliverer.look)
        commits.listen(listener)
        try:
            deliverer.look_everywhere()
            await asyncio.Event().wait()
        finally:
            commits.unlisten(listener)
            await deliverer.close(settings.drain_seconds)
            await http.close()


class _Deliverer:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._projects: dict[str, ProjectDeliveries] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._closed = False
        parts.stores.listen_deletions(self._forget)

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

    def look_everywhere(self) -> None:
        """Something may be due in any project."""
        self._run(self._look_everywhere())

    async def close(self, drain_seconds: float) -> None:
        """Let what is under way end."""
        self._closed = True
        closing = [project.close(drain_seconds) for project in self._projects.values()]
        await asyncio.gather(*closing, *self._beside, return_exceptions=True)

    async def _look_everywhere(self) -> None:
        while not self._closed:
            try:
                ids = [project.id for project in await self._parts.stores.list_projects()]
            except Exception:
                _log.exception("the projects cannot be listed")
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            for project_id in (CONSOLE_PROJECT_ID, *ids):
                self.look(project_id)
            return

    def _forget(self, project_id: str) -> None:
        project = self._projects.pop(project_id, None)
        if project is not None:
            self._run(project.close(0))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
