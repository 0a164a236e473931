"""What is due in one project: its messages, its webhooks, and presences that expire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from tidewire.core.events import LoggedEvent
from tidewire.core.time import now
from tidewire.outbound.http import OutboundHttp
from tidewire.outgoing.carriers import Carrier
from tidewire.outgoing.messages import MessageQueue
from tidewire.outgoing.messaging.queue import MessagingQueue, Room
from tidewire.outgoing.webhook_records import Failure, announce_disabled, enabled_webhooks
from tidewire.outgoing.webhook_requests import Webhook
from tidewire.outgoing.webhooks import WebhookDelivery
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance
from tidewire.store.records import presences
from tidewire.store.records.message_deliveries import next_delivery_at
from tidewire.store.records.outgoing_messages import next_message_at
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.upkeep.project_work import Tasks

LOOK_SECONDS: Final = 0.1
"""Seconds between two looks into a database that is committed to all the time."""

_log = structlog.get_logger("tidewire.outgoing")


@dataclass(frozen=True)
class Parts:
    """What the deliveries of all projects share."""

    instance: Instance
    settings: Settings
    carriers: Mapping[str, Carrier]
    """Carriers of messages by channel."""
    http: OutboundHttp
    room: Room
    """What the queues of the messaging service share."""


@dataclass(frozen=True)
class _Found:
    webhooks: list[Webhook]
    messages_at: int | None
    """The time at which the next message is to be sent, in milliseconds since the epoch; None if there is
    none."""
    presences_at: int | None
    """The time at which the next presence expires."""
    deliveries_at: int | None
    """The time at which something is to be done for a message of the messaging service."""

    def seconds_left(self) -> float | None:
        """Seconds until something is due; None if nothing is."""
        known = (self.messages_at, self.presences_at, self.deliveries_at)
        times = [time for time in known if time is not None]
        return max(0.0, (min(times) - now()) / 1000) if times else None


class ProjectDeliveries:
    """Delivers for a project until :meth:`close`. It looks into the database once, then when told to.

    ``on_end`` is called when there is no such project any more.
    """

    def __init__(self, parts: Parts, project_id: str, on_end: Callable[[], None]) -> None:
        self._parts = parts
        self._project_id = project_id
        self._on_end = on_end
        self._messages = MessageQueue(
            parts.instance, project_id, parts.carriers, parts.settings.message_max_attempts
        )
        self._news = asyncio.Event()
        self._messages_due = asyncio.Event()
        self._deliveries_due = asyncio.Event()
        self._sending = False
        self._webhooks: dict[tuple[int, str], WebhookDelivery] = {}
        self._leave: list[Callable[[], None]] = []
        """Ends what the database calls."""
        self._closed = False
        self._tasks = Tasks(project_id, "delivery")
        self._messaging = MessagingQueue(parts.room, parts.settings, self._tasks)
        self._delivering = False
        self._tasks.keep("looks", self._look_again_and_again)
        self._tasks.keep("messages", self._send_messages)
        if project_id != CONSOLE_PROJECT_ID:
            self._tasks.keep("messaging", self._deliver_messages)

    def look(self) -> None:
        """Look into the database soon: somebody committed there, or something is due."""
        self._news.set()

    async def close(self, drain_seconds: float) -> None:
        """Begin nothing more; what is under way may take ``drain_seconds``, then it is cut off."""
        self._closed = True
        while self._leave:
            self._leave.pop()()
        for delivery in self._webhooks.values():
            delivery.stop()
        self._news.set()
        self._messages_due.set()
        self._messaging.stop()
        self._deliveries_due.set()
        await self._tasks.close(drain_seconds)

    async def _look_again_and_again(self) -> None:
        store = await self._parts.instance.project(self._project_id)
        if store is None:
            self._on_end()
            return
        database = store.database
        encryption = self._parts.instance.encryption
        if not self._leave:
            self._leave.append(database.keep_awake_while(self._is_busy))
            if self._project_id != CONSOLE_PROJECT_ID:
                self._leave.append(database.listen(self._on_events))
                await self._messaging.release(database)
        while not self._closed:
            self._news.clear()
            found = await database.read(lambda connection: _found(connection, encryption))
            if self._project_id != CONSOLE_PROJECT_ID:
                self._update_webhooks(database, found.webhooks)
            if found.messages_at is not None and found.messages_at <= now():
                self._messages_due.set()
            if found.deliveries_at is not None and found.deliveries_at <= now():
                self._deliveries_due.set()
                self._messaging.look()
            if found.presences_at is not None and found.presences_at <= now():
                while await database.write(presences.end_expired) == presences.ENDING_STEP:
                    continue
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with asyncio.timeout(found.seconds_left()):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _send_messages(self) -> None:
        while True:
            await self._messages_due.wait()
            if self._closed:
                return
            self._messages_due.clear()
            self._sending = True
            try:
                await self._messages.send_due()
            finally:
                self._sending = False
            self.look()  # what failed is to be tried again some time

    async def _deliver_messages(self) -> None:
        while True:
            await self._deliveries_due.wait()
            store = None if self._closed else await self._parts.instance.project(self._project_id)
            if store is None:
                return
            self._deliveries_due.clear()
            self._delivering = True
            try:
                await self._messaging.deliver_due(store)
            finally:
                self._delivering = False
            self.look()  # some recipients are to be tried again

    def _is_busy(self) -> bool:
        """Whether the database is needed soon."""
        if self._delivering or self._messaging.is_busy:
            return True
        return self._sending or any(delivery.is_busy for delivery in self._webhooks.values())

    def _update_webhooks(self, database: Database, webhooks: Sequence[Webhook]) -> None:
        current = {(webhook.sequence, webhook.id): webhook for webhook in webhooks}
        for key in self._webhooks.keys() - current.keys():
            self._webhooks[key].stop()
        for key, webhook in current.items():
            delivery = self._webhooks.get(key)
            if delivery is not None:
                delivery.look(webhook)
            else:
                self._start(database, key, webhook)

    def _start(self, database: Database, key: tuple[int, str], webhook: Webhook) -> None:
        parts = self._parts
        delivery = WebhookDelivery(
            webhook, database, parts.instance.encryption, parts.http, parts.settings, self._announce_disabled
        )
        self._webhooks[key] = delivery

        def ended() -> None:
            del self._webhooks[key]
            self.look()  # it may be wanted again by now

        self._tasks.keep(f"webhook {webhook.id}", delivery.run, ended)

    async def _announce_disabled(self, webhook: Webhook, failure: Failure) -> None:
        await announce_disabled(self._parts.instance, self._project_id, webhook, failure)

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        if self._closed:
            return
        for logged in events:
            for delivery in self._webhooks.values():
                delivery.wake(logged)


def _found(connection: Connection, encryption: Encryption) -> _Found:
    return _Found(
        enabled_webhooks(connection, encryption),
        next_message_at(connection),
        presences.next_expiry(connection),
        next_delivery_at(connection),
    )
