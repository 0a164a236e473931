"""Delivery to one webhook: event by event, in the order of the log, each until it arrived.

A webhook has its own task and its own place in the log. That it is slow, or down, delays nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tidewire.core.events import LoggedEvent
from tidewire.core.time import now
from tidewire.core.token_events import asks_for_secret, is_of_secret
from tidewire.outbound.http import OutboundHttp, RequestFailedError
from tidewire.outgoing.retries import retry_delay
from tidewire.outgoing.webhook_records import (
    Failure,
    current_webhook,
    note_delivered,
    note_failed,
    note_position,
)
from tidewire.outgoing.webhook_requests import Webhook, names_for_webhooks, webhook_headers, with_secret
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.records.event_secrets import secret_at
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.upkeep.purging import purges

BATCH: Final = 100
"""Events that are read at once."""
NOTED_EVERY: Final = 1000
"""Events of no interest after which it is noted how far the log was read."""
QUIET_SECONDS: Final = 5.0
"""Seconds without events after which the position is noted too."""
SOON_MS: Final = 10_000
"""Milliseconds until the next attempt for which the database stays open."""

Disabled = Callable[[Webhook, Failure], Awaitable[None]]
"""A function that is called when a webhook is about to be disabled."""

_log = structlog.get_logger("tidewire.outgoing")


class WebhookDelivery:
    """Delivers to one webhook while :meth:`run` runs.

    An event goes out by the webhook's record as it stood when the event was committed, or later: both are
    read in one snapshot. So what its owner has changed is never used for what happens afterwards. Both are
    read again where people were purged from the log meanwhile.
    """

    def __init__(
        self,
        webhook: Webhook,
        database: Database,
        encryption: Encryption,
        http: OutboundHttp,
        settings: Settings,
        on_disabled: Disabled,
    ) -> None:
        self._webhook = webhook
        """The webhook as it was read last."""
        self._database = database
        self._encryption = encryption
        self._http = http
        self._settings = settings
        self._on_disabled = on_disabled
        self._position = self._noted = webhook.position
        self._epoch = ""
        self._purges = 0
        """How often people had been purged from the log before what is to be delivered was read."""
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = False
        self.is_busy = True
        """Whether it is at work, and not waiting for events or for the next attempt after a failure."""

    def look(self, webhook: Webhook) -> None:
        """Look for events; what its owner changed is tried at once."""
        if webhook.updated_at != self._webhook.updated_at:
            self._changed.set()
        self._news.set()

    def wake(self, logged: LoggedEvent) -> None:
        """Learn of an event just committed."""
        if not self._webhook.events.isdisjoint(names_for_webhooks(logged)):
            self._news.set()

    def stop(self) -> None:
        """End after the request that is under way."""
        self._stopping = True
        self._changed.set()
        self._news.set()

    async def run(self) -> None:
        """Deliver until stopped, disabled or deleted."""
        while not self._stopping:
            # Cleared before reading: what is committed from here on wakes again.
            self._news.clear()
            self._changed.clear()
            webhook, batch = await self._read()
            if webhook is None:
                return
            self._webhook = webhook
            self._position = max(self._position, webhook.position)
            if webhook.next_attempt_at > now():
                self.is_busy = webhook.next_attempt_at - now() < SOON_MS
                await self._wait_until(webhook.next_attempt_at)
                self.is_busy = True
                continue
            for logged in batch:
                if self._stopping or not await self._handle(webhook, logged):
                    break
            if not batch:
                await self._wait_for_news(webhook)
                self.is_busy = True

    async def _read(self) -> tuple[Webhook | None, list[LoggedEvent]]:
        """The webhook as it is now, None if it wants nothing any more, and the next events."""
        position = self._position

        def unit(connection: Connection) -> tuple[Webhook | None, str, int, bool, list[LoggedEvent]]:
            webhook = current_webhook(connection, self._encryption, self._webhook.sequence)
            begin = position if webhook is None else max(position, webhook.position)
            missed = begin < event_log.trimmed_offset(connection)
            batch = event_log.read_after(connection, begin, BATCH)
            return webhook, event_log.epoch(connection), purges(connection), missed, batch

        webhook, self._epoch, self._purges, missed, batch = await self._database.read(unit)
        if missed and batch:
            _log.warning("webhook missed events that were trimmed", webhook=self._webhook.id)
        return webhook, batch

    async def _handle(self, webhook: Webhook, logged: LoggedEvent) -> bool:
        """Deliver an event if the webhook wants it; False if the webhook is to be read again first."""
        names = names_for_webhooks(logged)
        if webhook.events.isdisjoint(names):
            self._position = max(self._position, logged.offset)
            if self._position - self._noted >= NOTED_EVERY:
                await self._note_position(webhook)
            return True
        reason = await self._post(webhook, logged, names)
        if reason:
            await self._failed(webhook, reason)
            return False
        position = self._position = self._noted = max(self._position, logged.offset)

        def unit(transaction: Transaction) -> bool:
            unchanged = note_delivered(transaction.connection, webhook, position)
            return unchanged and purges(transaction.connection) == self._purges

        unchanged = await self._database.write(unit)
        return unchanged and not webhook.failures

    async def _post(self, webhook: Webhook, logged: LoggedEvent, names: list[str]) -> str:
        """Send an event; why it did not arrive, empty if it did."""
        body = await self._body(webhook, logged, names)
        user_agent = self._settings.webhook_user_agent
        try:
            status = await self._http.post(
                webhook.url,
                webhook_headers(webhook, logged, names, self._epoch, body, user_agent),
                body,
                verify=webhook.verify,
                seconds=self._settings.webhook_timeout,
            )
        except RequestFailedError as error:
            return str(error)
        return "" if 200 <= status < 300 else f"the answer had status {status}"

    async def _body(self, webhook: Webhook, logged: LoggedEvent, names: list[str]) -> bytes:
        """What is sent of an event: its payload; if it is of a one-time secret, with that where asked for."""
        payload = logged.event.payload
        if not is_of_secret(logged.event.pattern):
            return payload
        secret = ""
        if asks_for_secret(webhook.events, names):
            secret = await self._database.read(
                lambda connection: secret_at(connection, self._encryption, logged.offset)
            )
        return with_secret(payload, secret)

    async def _failed(self, webhook: Webhook, reason: str) -> None:
        count = webhook.failures + 1
        settings = self._settings
        delay = retry_delay(count, settings.webhook_retry_seconds, settings.webhook_max_retry_seconds)
        disables = count >= settings.webhook_max_failures
        failure = Failure(count, reason, now() + round(delay * 1000), disables)
        _log.warning(
            "webhook disabled" if disables else "webhook failed",
            project=self._database.project_id,
            webhook=webhook.id,
            failures=count,
            reason=reason,
        )
        if disables:
            # Before it is disabled: after a crash in between it fails once more and the notice comes again.
            await self._on_disabled(webhook, failure)
        await self._database.write(lambda transaction: note_failed(transaction.connection, webhook, failure))

    async def _note_position(self, webhook: Webhook) -> None:
        position = self._noted = self._position
        await self._database.write(
            lambda transaction: note_position(transaction.connection, webhook, position)
        )

    async def _wait_for_news(self, webhook: Webhook) -> None:
        """Wait for an event; where it is quiet, note how far the log was read: nothing is due then."""
        if self._position > self._noted:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._news.wait()
                return
            except TimeoutError:
                await self._note_position(webhook)
        self.is_busy = False
        await self._news.wait()

    async def _wait_until(self, moment: int) -> None:
        """Wait for a time, milliseconds since the epoch, or for a change of the webhook."""
        try:
            async with asyncio.timeout(max(0.0, (moment - now()) / 1000)):
                await self._changed.wait()
        except TimeoutError:
            return
