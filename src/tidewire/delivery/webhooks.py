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
from tidewire.delivery.retries import retry_delay
from tidewire.delivery.webhook_records import Failure, note_delivered, note_failed, note_position
from tidewire.delivery.webhook_requests import Webhook, names_for_webhooks, webhook_headers
from tidewire.outbound.http import OutboundHttp, RequestFailedError
from tidewire.settings import Settings
from tidewire.store import event_log
from tidewire.store.database import Database

BATCH: Final = 100
"""Events that are read at once."""
NOTED_EVERY: Final = 1000
"""Events of no interest after which it is noted how far the log was read."""
FIRST_RETRY_SECONDS: Final = 2.0
LONGEST_RETRY_SECONDS: Final = 3600.0

Disabled = Callable[[Webhook, Failure], Awaitable[None]]
"""Told that a webhook is about to be disabled."""

_log = structlog.get_logger("tidewire.delivery")


class WebhookDelivery:
    """Delivers to one webhook while :meth:`run` runs."""

    def __init__(
        self,
        webhook: Webhook,
        database: Database,
        http: OutboundHttp,
        settings: Settings,
        on_disabled: Disabled,
    ) -> None:
        self._webhook = webhook
        self._database = database
        self._http = http
        self._settings = settings
        self._on_disabled = on_disabled
        self._position = self._noted = webhook.position
        self._epoch = ""
        """Of the log that is read."""
        self._failures = webhook.failures
        self._next_attempt_at = webhook.next_attempt_at
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = False

    def serves(self, webhook: Webhook) -> bool:
        """Whether nobody else needs to deliver to the webhook as it is now.

        False if this one has ended, and then the webhook was changed.
        """
        return not self._stopping or webhook.updated_at == self._webhook.updated_at

    def update(self, webhook: Webhook) -> None:
        """Go on with the webhook as it is now; what its owner changed is tried at once."""
        if webhook.updated_at != self._webhook.updated_at:
            self._failures = webhook.failures
            self._next_attempt_at = webhook.next_attempt_at
            self._changed.set()
        self._position = max(self._position, webhook.position)
        self._webhook = webhook
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
        """Deliver until stopped or disabled."""
        while not self._stopping:
            await self._wait_until(self._next_attempt_at)
            # Cleared before reading: an event committed from here on wakes again.
            self._news.clear()
            batch = await self._read()
            for logged in batch:
                if self._stopping or not await self._handle(logged):
                    break
            if not batch:
                await self._news.wait()

    async def _read(self) -> list[LoggedEvent]:
        position = self._position
        trimmed, self._epoch, batch = await self._database.read(
            lambda connection: (
                event_log.trimmed_offset(connection),
                event_log.epoch(connection),
                event_log.read_after(connection, position, BATCH),
            )
        )
        if position < trimmed and batch:
            _log.warning("webhook missed events that were trimmed", webhook=self._webhook.id)
        return batch

    async def _handle(self, logged: LoggedEvent) -> bool:
        """Deliver an event if the webhook wants it; False if it did not arrive."""
        webhook = self._webhook
        names = names_for_webhooks(logged)
        if webhook.events.isdisjoint(names):
            self._position = max(self._position, logged.offset)
            await self._note_position(webhook)
            return True
        reason = await self._post(webhook, logged, names)
        if reason:
            await self._failed(webhook, reason)
            return False
        self._failures = self._next_attempt_at = 0
        position = self._position = self._noted = max(self._position, logged.offset)
        await self._database.write(
            lambda transaction: note_delivered(transaction.connection, webhook, position)
        )
        return True

    async def _post(self, webhook: Webhook, logged: LoggedEvent, names: list[str]) -> str:
        """Send an event; why it did not arrive, empty if it did."""
        try:
            status = await self._http.post(
                webhook.url,
                webhook_headers(webhook, logged, names, self._epoch),
                logged.event.payload,
                verify=webhook.verify,
                seconds=self._settings.webhook_timeout,
            )
        except RequestFailedError as error:
            return str(error)
        return "" if 200 <= status < 300 else f"the answer had status {status}"

    async def _failed(self, webhook: Webhook, reason: str) -> None:
        count = self._failures + 1
        delay = retry_delay(count, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        disables = count >= self._settings.webhook_max_failures
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
        noted = await self._database.write(
            lambda transaction: note_failed(transaction.connection, webhook, failure)
        )
        if not noted:
            return
        if webhook.updated_at == self._webhook.updated_at:
            self._failures, self._next_attempt_at = count, failure.next_attempt_at
        if disables:
            self.stop()

    async def _note_position(self, webhook: Webhook) -> None:
        if self._position - self._noted >= NOTED_EVERY:
            position = self._noted = self._position
            await self._database.write(
                lambda transaction: note_position(transaction.connection, webhook, position)
            )

    async def _wait_until(self, moment: int) -> None:
        """Wait for a time, milliseconds since the epoch, or for a change of the webhook."""
        self._changed.clear()
        seconds = (moment - now()) / 1000
        if seconds <= 0 or self._stopping:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
