"""The deliveries of one project: its messages and its webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from tidewire.core.events import LoggedEvent
from tidewire.delivery.messages import MessageQueue
from tidewire.delivery.notices import announce_disabled
from tidewire.delivery.webhook_records import Failure, enabled_webhooks
from tidewire.delivery.webhook_requests import Webhook
from tidewire.delivery.webhooks import WebhookDelivery
from tidewire.outbound.http import OutboundHttp
from tidewire.store.database import Database, DatabaseClosedError
from tidewire.store.platform import CONSOLE_PROJECT_ID, ProjectStore, Stores

TROUBLE_SECONDS: Final = 5.0
"""Pause after something unforeseen."""

_log = structlog.get_logger("tidewire.delivery")


class ProjectDeliveries:
    """Delivers for a project from its making until :meth:`close`."""

    def __init__(
        self, stores: Stores, store: ProjectStore, http: OutboundHttp, messages: MessageQueue
    ) -> None:
        self.created_at: Final = store.project.created_at
        """Of the project: another one may get the same id later."""
        self._stores = stores
        self._database: Database = store.database
        self._project_id = store.project.id
        self._http = http
        self._messages = messages
        self._version = 0
        self._committed = {"messages": asyncio.Event(), "webhooks": asyncio.Event()}
        self._webhooks: dict[tuple[int, str], WebhookDelivery] = {}
        self._closed = False
        self._tasks = {self._keep("messages", self._send_messages)}
        if self._project_id != CONSOLE_PROJECT_ID:
            self._database.listen(self._on_events)
            self._tasks.add(self._keep("webhooks", self._follow_webhooks))

    def look(self) -> None:
        """Find out whether anybody committed since the last look. Takes microseconds."""
        version = self._database.data_version()
        if version != self._version:
            self._version = version
            for committed in self._committed.values():
                committed.set()

    async def close(self, drain_seconds: float) -> None:
        """Begin nothing more; what is under way may take ``drain_seconds``, then it is cut off."""
        self._closed = True
        for delivery in self._webhooks.values():
            delivery.stop()
        for committed in self._committed.values():
            committed.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        rest = list(self._tasks)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _send_messages(self) -> None:
        committed = self._committed["messages"]
        while not self._closed:
            committed.clear()
            seconds = await self._messages.send_due()
            try:
                async with asyncio.timeout(seconds):
                    await committed.wait()
            except TimeoutError:
                continue

    async def _follow_webhooks(self) -> None:
        committed = self._committed["webhooks"]
        encryption = self._stores.encryption
        while not self._closed:
            committed.clear()
            webhooks = await self._database.read(lambda connection: enabled_webhooks(connection, encryption))
            self._update_webhooks(webhooks)
            await committed.wait()

    def _update_webhooks(self, webhooks: Sequence[Webhook]) -> None:
        current = {(webhook.sequence, webhook.id): webhook for webhook in webhooks}
        for key in self._webhooks.keys() - current.keys():
            self._webhooks.pop(key).stop()
        for key, webhook in current.items():
            delivery = self._webhooks.get(key)
            if delivery is not None and delivery.serves(webhook):
                delivery.update(webhook)
            else:
                self._start(key, webhook)

    def _start(self, key: tuple[int, str], webhook: Webhook) -> None:
        delivery = WebhookDelivery(
            webhook, self._database, self._http, self._stores.settings, self._announce_disabled
        )
        self._webhooks[key] = delivery
        self._tasks.add(self._keep(f"webhook {webhook.id}", delivery.run))

    async def _announce_disabled(self, webhook: Webhook, failure: Failure) -> None:
        await announce_disabled(self._stores, self._project_id, webhook, failure)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        if self._closed or not self._webhooks:
            return
        for logged in events:
            for delivery in self._webhooks.values():
                delivery.wake(logged)

    def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do ``work`` in a task, and again after trouble, until it ends by itself."""

        async def kept() -> None:
            while True:
                try:
                    return await work()
                except DatabaseClosedError:
                    return None  # the project was deleted
                except Exception:
                    _log.exception("delivery in trouble", project=self._project_id, work=name)
                    if self._closed:
                        return None
                await asyncio.sleep(TROUBLE_SECONDS)

        task = asyncio.create_task(kept(), name=f"delivery {self._project_id} {name}")
        task.add_done_callback(lambda done: self._tasks.discard(done))
        return task
