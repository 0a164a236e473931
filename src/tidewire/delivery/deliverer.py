"""All deliveries of a data directory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, select

from tidewire.delivery.carriers import Carrier
from tidewire.delivery.exclusive import only_process
from tidewire.delivery.mail import MailCarrier
from tidewire.delivery.messages import MessageQueue
from tidewire.delivery.projects import TROUBLE_SECONDS, ProjectDeliveries
from tidewire.delivery.text_messages import text_message_carrier
from tidewire.outbound.guard import Guard, webhook_guard
from tidewire.outbound.http import OutboundHttp
from tidewire.settings import Settings
from tidewire.store.outbox import Outbox
from tidewire.store.platform import CONSOLE_PROJECT_ID, Stores
from tidewire.store.schema import projects

LOOK_SECONDS: Final = 0.1
"""Between two looks for commits, which need not have been made by this process."""
_SHARE_OF_TIME: Final = 0.05
"""Looking takes no more of the event loop's time than this, however many databases there are."""

_log = structlog.get_logger("tidewire.delivery")


def carriers_of(settings: Settings) -> dict[str, Carrier]:
    """What carries the messages of each channel."""
    outbox = Outbox(settings.data_dir)
    return {"mail": MailCarrier(settings, outbox), "sms": text_message_carrier(settings, outbox)}


async def deliver(
    stores: Stores,
    settings: Settings,
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
        deliverer = _Deliverer(stores, settings, carriers or carriers_of(settings), http)
        try:
            await deliverer.run()
        finally:
            await deliverer.close()
            await http.close()


class _Deliverer:
    def __init__(
        self, stores: Stores, settings: Settings, carriers: Mapping[str, Carrier], http: OutboundHttp
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._carriers = carriers
        self._http = http
        self._projects: dict[str, ProjectDeliveries] = {}
        self._version = 0
        self._list_again_at = 0.0
        self._ending: set[asyncio.Task[None]] = set()
        stores.listen_deletions(self._forget)

    async def run(self) -> None:
        while True:
            if time.monotonic() >= self._list_again_at:
                await self._look_for_projects()
            began = time.monotonic()
            for project in list(self._projects.values()):
                project.look()
            await asyncio.sleep(max(LOOK_SECONDS, (time.monotonic() - began) / _SHARE_OF_TIME))

    async def close(self) -> None:
        """Let what is under way end."""
        drain = self._settings.drain_seconds
        closing = [project.close(drain) for project in self._projects.values()]
        await asyncio.gather(*closing, *self._ending, return_exceptions=True)

    async def _look_for_projects(self) -> None:
        """Begin with new projects, and let go of deleted ones, when anything changed on the platform."""
        version = self._stores.platform.data_version()
        if version == self._version:
            return
        try:
            current = await self._stores.platform.read(_projects)
            for project_id, project in list(self._projects.items()):
                if project_id != CONSOLE_PROJECT_ID and current.get(project_id) != project.created_at:
                    self._forget(project_id)
            for project_id in (CONSOLE_PROJECT_ID, *current):
                if project_id not in self._projects:
                    await self._begin(project_id)
            self._version = version
        except Exception:
            _log.exception("a project's deliveries cannot begin")
            self._list_again_at = time.monotonic() + TROUBLE_SECONDS

    async def _begin(self, project_id: str) -> None:
        store = await self._stores.project(project_id)
        if store is not None:
            messages = MessageQueue(
                self._stores, project_id, self._carriers, self._settings.message_max_attempts
            )
            self._projects[project_id] = ProjectDeliveries(self._stores, store, self._http, messages)

    def _forget(self, project_id: str) -> None:
        project = self._projects.pop(project_id, None)
        if project is not None:
            ending = asyncio.create_task(project.close(0))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


def _projects(connection: Connection) -> dict[str, int]:
    """Ids of all projects but ``console``, with the times when they were made."""
    rows = connection.execute(select(projects.c.id, projects.c.created_at).order_by(projects.c.sequence))
    return {row.id: row.created_at for row in rows}
