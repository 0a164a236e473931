"""The queue of messages of one project: recipients are told in batches, each kept track of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from tidewire.core.time import now
from tidewire.outgoing.messaging.couriers import Courier, Letter, Provider, Recipient, Refusal, refused
from tidewire.outgoing.messaging.letters import letter_of
from tidewire.outgoing.retries import retry_delay
from tidewire.services.messaging.events import MESSAGE_UPDATED
from tidewire.services.messaging.messages import message_of
from tidewire.services.publishing import project_event
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records import message_deliveries as records
from tidewire.store.records.message_deliveries import Outcome
from tidewire.store.records.messages import change_message
from tidewire.store.records.providers import credentials_of, enabled_providers
from tidewire.store.secrets.encryption import SealError
from tidewire.store.upkeep.project_work import Tasks

BATCH: Final = 100
"""Recipients whose outcome is written down in one transaction."""
CALLS_AT_ONCE: Final = 10
"""Calls of providers for one batch that are made at the same time."""
NO_PROVIDER: Final = "No enabled provider found."
SEALED: Final = "The credentials of the provider cannot be opened."
NO_RECIPIENTS: Final = "No valid recipients found."

_log: Final = structlog.get_logger("tidewire.outgoing")


@dataclass(frozen=True)
class Room:
    """What the queues of all projects share."""

    couriers: Mapping[str, Courier]
    """The couriers by the kind of provider."""
    batches: asyncio.Semaphore
    """Whoever waits gets room in turn; a project waits once, however much it has to do."""


@dataclass
class _Batch:
    message: Row[Any]
    targets: Sequence[Row[Any]]
    providers: Sequence[Row[Any]]
    outcome: Outcome | None = None
    errors: Sequence[str] = ()


class MessagingQueue:
    """Delivers what is due of the messages of a project, some batches at the same time."""

    def __init__(self, room: Room, settings: Settings, tasks: Tasks) -> None:
        self._room = room
        self._settings = settings
        self._tasks = tasks
        self._own = asyncio.Semaphore(settings.messaging_batches_per_project)
        self._news = asyncio.Event()
        self._running = 0
        self._stopped = False

    @property
    def is_busy(self) -> bool:
        """Whether somebody is being told."""
        return self._running > 0

    def look(self) -> None:
        """Something may be due."""
        self._news.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True
        self._news.set()

    async def release(self, database: Database) -> None:
        """Have those told again whom an earlier process was about to tell, if there are any."""
        if await database.read(records.any_sending):
            await database.write(records.release_recipients)

    async def deliver_due(self, store: ProjectStore) -> None:
        """Deliver until nothing is due and nothing on its way."""
        database = store.database
        while not self._stopped:
            self._news.clear()
            message = await database.read(lambda connection: records.next_to_begin(connection, now()))
            if message is not None:
                await self._begin(store, message)
            elif (message := await database.read(records.without_recipients)) is not None:
                await database.write(partial(self._end_if_over, store, message))
            elif not await self._begin_batch(store):
                if not self._running:
                    return
                await self._news.wait()

    async def _begin(self, store: ProjectStore, message: Row[Any]) -> None:
        """Put all recipients of a message in line; a kill in the midst of it has it done anew."""
        database = store.database

        def unit(transaction: Transaction) -> bool:
            connection = transaction.connection
            current = records.next_to_begin(connection, now())
            if current is None or current.sequence != message.sequence:
                return False  # it was changed or deleted meanwhile
            if not enabled_providers(connection, message.provider_type):
                self._end(transaction, store, message, {"status": "failed", "delivery_errors": [NO_PROVIDER]})
                return False
            change_message(connection, message, status="processing")
            return True

        if not await database.write(unit):
            return
        for topic in message.topics:
            await _add_pages(database, partial(_add_subscribers, message, topic))
        named = [*message.targets, *message.data.get("cc", ()), *message.data.get("bcc", ())]
        for column, ids in (("user_id", message.users), ("id", named)):
            for part in records.parts_of(ids):
                await _add_pages(database, partial(_add_named, message, column, part))

        def begin(transaction: Transaction) -> None:
            records.begin_delivery(transaction.connection, message)
            self._end_if_over(store, message, transaction)

        await database.write(begin)

    async def _begin_batch(self, store: ProjectStore) -> bool:
        """Begin to tell the next recipients once there is room; False: nobody is due."""
        await self._own.acquire()
        try:
            await self._room.batches.acquire()
        except BaseException:
            self._own.release()
            raise
        batch = None
        try:
            batch = await store.database.write(_take)
        finally:
            if batch is None:
                self._room.batches.release()
                self._own.release()
        if batch is None:
            return False
        self._running += 1
        self._tasks.keep(f"message {batch.message.id}", partial(self._tell, store, batch), self._told)
        return True

    def _told(self) -> None:
        self._running -= 1
        self._room.batches.release()
        self._own.release()
        self._news.set()

    async def _tell(self, store: ProjectStore, batch: _Batch) -> None:
        """Tell a batch, and write down what became of it; done again after trouble, it only writes."""
        if batch.outcome is None:
            batch.outcome, batch.errors = await self._outcome(store, batch)
        outcome, errors = batch.outcome, batch.errors

        def unit(transaction: Transaction) -> None:
            records.settle(transaction.connection, batch.message, outcome, errors)
            self._end_if_over(store, batch.message, transaction)

        await store.database.write(unit)

    async def _outcome(self, store: ProjectStore, batch: _Batch) -> tuple[Outcome, list[str]]:
        attempts = {row.sequence: row.attempts + 1 for row in batch.targets}
        refusals = await self._refusals(store, batch)
        outcome, errors = Outcome(), []
        for row in batch.targets:
            refusal = refusals.get(row.sequence)
            if refusal is None:
                outcome.delivered.append(row.sequence)
            elif refusal.temporary and attempts[row.sequence] < self._settings.messaging_max_attempts:
                outcome.later[row.sequence] = now() + self._delay(attempts[row.sequence], refusal.seconds)
            else:
                # The address is left out: it would stay when the target is deleted.
                reason = refusal.reason.replace(row.identifier, row.id)
                outcome.failed[row.sequence] = reason
                errors.append(f"Failed sending to target {row.id} with error: {reason}")
                if refusal.expired:
                    outcome.expired.append(row.sequence)
        return outcome, errors

    def _delay(self, attempts: int, wanted: float) -> int:
        """Milliseconds until the next attempt; a provider may want more, up to the longest pause."""
        longest = self._settings.messaging_max_retry_seconds
        delay = retry_delay(attempts, self._settings.messaging_retry_seconds, longest)
        return round(max(delay, min(wanted, longest)) * 1000)

    async def _refusals(self, store: ProjectStore, batch: _Batch) -> Mapping[int, Refusal]:
        """Return the refusals of those who were not told, by the numbers of their targets."""
        everybody = [Recipient(row.sequence, row.id, row.identifier) for row in batch.targets]
        try:
            letter = await letter_of(store, self._settings, batch.message)
        except Exception as error:  # a file that cannot be read, say
            _log.warning("message not put together", project=store.project.id, error=str(error))
            return refused(everybody, Refusal(f"The message cannot be put together: {error}", temporary=True))
        calls = asyncio.Semaphore(CALLS_AT_ONCE)
        found: dict[int, Refusal] = {}

        async def call(provider: Provider, recipients: Sequence[Recipient]) -> None:
            async with calls:
                found.update(await self._carry(provider, letter, recipients))

        by_id = {provider.id: provider for provider in batch.providers}
        groups: dict[str, list[Recipient]] = {}
        for row, recipient in zip(batch.targets, everybody, strict=True):
            provider_id = row.provider_id if row.provider_id in by_id else next(iter(by_id), "")
            groups.setdefault(provider_id, []).append(recipient)
        found.update(refused(groups.pop("", []), Refusal(NO_PROVIDER)))
        async with asyncio.TaskGroup() as group:
            for provider_id, recipients in groups.items():
                try:
                    provider = await store.database.read(partial(_opened, by_id[provider_id]))
                except SealError:
                    found.update(refused(recipients, Refusal(SEALED)))
                    continue
                size = self._room.couriers[provider.kind].at_once(letter)
                for start in range(0, len(recipients), size):
                    group.create_task(call(provider, recipients[start : start + size]))
        return found

    async def _carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        try:
            return await self._room.couriers[provider.kind].carry(provider, letter, recipients)
        except Exception as error:
            # One message that breaks something must not keep the others.
            _log.exception("message not carried", project=letter.project_id, kind=provider.kind)
            return refused(recipients, Refusal(type(error).__name__, temporary=True))

    def _end_if_over(self, store: ProjectStore, message: Row[Any], transaction: Transaction) -> None:
        """Write down how a message ended, if nobody waits for it any more."""
        delivery = records.is_over(transaction.connection, message)
        if delivery is None:
            return
        current = records.message_of_delivery(transaction.connection, message)
        values: dict[str, Any] = {"status": "failed" if delivery.failed_total else "sent"}
        if delivery.failed_total or current.delivered_total:
            values["delivered_at"] = now()
        else:
            values = {"status": "failed", "delivery_errors": [NO_RECIPIENTS]}
        self._end(transaction, store, message, values)

    def _end(
        self, transaction: Transaction, store: ProjectStore, message: Row[Any], values: Mapping[str, Any]
    ) -> None:
        ended = records.end_delivery(transaction.connection, message, values)
        if ended is not None:
            parameters = {"messageId": ended.id}
            transaction.append(
                project_event(store.project, "", MESSAGE_UPDATED, parameters, message_of(ended))
            )


async def _add_pages(database: Database, add: Callable[[int, Transaction], int | None]) -> None:
    """Put recipients in line, a page in each transaction."""
    after: int | None = 0
    while after is not None:
        after = await database.write(partial(add, after))


def _opened(row: Row[Any], connection: Connection) -> Provider:
    credentials = credentials_of(connection, row)
    return Provider(row.sequence, row.updated_at, row.provider, credentials, row.options)


def _take(transaction: Transaction) -> _Batch | None:
    connection = transaction.connection
    taken = records.take_batch(connection, now(), BATCH)
    if taken is None:
        return None
    message, targets = taken
    return _Batch(message, targets, enabled_providers(connection, message.provider_type))


def _add_subscribers(message: Row[Any], topic_id: str, after: int, transaction: Transaction) -> int | None:
    """Put a page of the subscribers of a topic in line; where the next begins, None at the end."""
    connection = transaction.connection
    page = records.page_of_topic(connection, message, topic_id, after)
    records.add_recipients(connection, message, [target for _, target in page])
    return page[-1][0] if len(page) == records.PAGE else None


def _add_named(
    message: Row[Any], column: str, ids: Sequence[str], after: int, transaction: Transaction
) -> int | None:
    """The same for the targets of some users, or with some ids."""
    connection = transaction.connection
    page = records.page_of_named(connection, message, column, ids, after)
    records.add_recipients(connection, message, page)
    return page[-1] if len(page) == records.PAGE else None
