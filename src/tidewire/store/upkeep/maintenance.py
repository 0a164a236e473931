"""What has to be done now and then: trim logs, forget what expired, delete what nobody refers to."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Column, Table, delete, select

from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.errors import StoreError
from tidewire.store.instance.deletion_lock import deleting
from tidewire.store.instance.instance import Instance, ProjectStore
from tidewire.store.machine.processes import is_alive
from tidewire.store.objects.storage import SWEEP_GRACE_MS
from tidewire.store.records import deployments, executions, file_tokens, positions, presences
from tidewire.store.records.deletions import (
    EXPIRY_STEP,
    delete_discarded,
    discard_expired_uploads,
    referenced_keys,
)
from tidewire.store.schema import (
    audit_log,
    challenges,
    event_secrets,
    notifications,
    oauth2_attempts,
    outgoing_messages,
    sent_messages,
    sessions,
    tokens,
    transactions,
)
from tidewire.store.upkeep.outbox import Outbox
from tidewire.store.upkeep.purging import pending_purges, purge

ROUND_SECONDS: Final = 60.0
"""Between two rounds over the projects that are open."""
SLEEPING_PER_ROUND: Final = 10
"""The number of sleeping projects that are visited in each round."""
SWEEP_SECONDS: Final = 3600.0
"""Between two sweeps of a project's objects; the first is when it is first maintained."""
ROWS_STEP: Final = 500
"""Expired rows of one table deleted in one transaction."""
TRANSACTIONS_STEP: Final = 20
"""Transactions deleted in one transaction; each may be about thousands of rows."""

_SWEPT: Final = "objects.swept"
_log = structlog.get_logger("tidewire.store")


async def maintain(instance: Instance, settings: Settings) -> None:
    """Maintain all projects, round after round, until cancelled. One process of a data directory does it.

    Those that are open are maintained in each round; of the others a few, so that the work does not grow with
    their number: each is opened for it, and closed again.
    """
    rounds = Rounds(instance, settings)
    while True:
        try:
            async with _only_process(Path(settings.data_dir) / "maintenance.lock") as chosen:
                if chosen:
                    await rounds.next()
        except OSError as error:  # no descriptors left, for one: it passes, and the next round does the work
            _log.error("maintenance waits for its next round", reason=str(error))
        except Exception:
            _log.exception("a round of maintenance failed")
        await asyncio.sleep(ROUND_SECONDS)


async def maintain_project(
    store: ProjectStore, settings: Settings, *, sweep_grace_ms: int | None = None
) -> None:
    """One round for one project; object storage is swept too if ``sweep_grace_ms`` is given.

    All writing is in short steps, between which others write.
    """
    database = store.database
    await _repeat(
        database,
        event_log.TRIM_STEP,
        lambda transaction: event_log.trim(
            transaction.connection, settings.event_log_max_age * 1000, settings.event_log_max_bytes
        ),
    )
    await _repeat(
        database,
        EXPIRY_STEP,
        lambda transaction: discard_expired_uploads(transaction, settings.upload_max_age * 1000),
    )
    await _repeat(database, file_tokens.STEP, partial(file_tokens.delete_expired, now()))
    for table in (sessions, tokens, challenges, oauth2_attempts, sent_messages, event_secrets):
        await _repeat(database, ROWS_STEP, partial(_delete_until, table.c.expires_at, now()))
    kept_since = now() - settings.event_log_max_age * 1000
    await _repeat(database, ROWS_STEP, partial(_delete_until, audit_log.c.time, kept_since))
    notified_since = now() - settings.notification_max_age * 1000
    await _repeat(database, ROWS_STEP, partial(_delete_until, notifications.c.created_at, notified_since))
    failed_since = now() - settings.message_max_age * 1000
    await _repeat(database, ROWS_STEP, partial(_delete_failed_messages, failed_since))
    ended = now() - settings.transaction_max_age * 1000
    await _repeat(database, TRANSACTIONS_STEP, partial(_delete_transactions, ended))
    ran_since = now() - settings.functions_execution_max_age * 1000
    await _repeat(database, executions.STEP, partial(executions.delete_old_executions, ran_since))
    await _repeat(
        database,
        deployments.STEP,
        lambda transaction: deployments.discard_expired_deployments(
            transaction, now(), settings.upload_max_age * 1000
        ),
    )
    await _repeat(database, presences.ENDING_STEP, presences.end_expired)
    await _release_dead_processes(database, Path(settings.data_dir))
    remembered = int(settings.realtime_recovery_seconds * 1000 * positions.REMEMBERED)
    await _repeat(
        database,
        positions.STEP,
        lambda transaction: positions.forget(transaction, now() - remembered, settings.realtime_max_kept),
    )
    for user_id in await database.read(pending_purges):
        await purge(database, Outbox(settings.data_dir), user_id)
    with deleting(Path(settings.data_dir)) as allowed:
        if allowed:
            await delete_discarded(database, store.objects)
            if sweep_grace_ms is not None:
                await _sweep(store, sweep_grace_ms)


class Rounds:
    """What was done when, in the rounds of one process."""

    def __init__(self, instance: Instance, settings: Settings) -> None:
        self._instance = instance
        self._settings = settings
        self._swept: dict[str, float] = {}
        """When the objects of projects were last swept, monotonic seconds."""
        self._sleeping: deque[str] = deque()
        """Projects that were not maintained since this was last filled."""

    async def next(self) -> None:
        """Do one round."""
        try:
            await self._instance.lifecycle.finish_deletions()
            await self._instance.finish_creations()
            await self._instance.empty_trash()
        except Exception:
            _log.exception("projects remain that were not wholly made or deleted")
        try:
            await self._instance.relay_all_events()
        except Exception:
            _log.exception("events of changed projects wait")
        maintained = {database.project_id for database in self._instance.open_databases()}
        for project_id in maintained:
            await self._maintain(project_id)
        if not self._sleeping:
            self._sleeping.extend(project.id for project in await self._instance.list_projects())
        for _ in range(min(SLEEPING_PER_ROUND, len(self._sleeping))):
            project_id = self._sleeping.popleft()
            if project_id not in maintained:
                await self._visit(project_id)

    async def _visit(self, project_id: str) -> None:
        store = await self._instance.project(project_id)
        if store is not None:
            # Others may have opened it since the round began: it still waits for its maintenance.
            was_awake = store.database.is_awake
            await self._maintain(project_id)
            if not was_awake:
                store.database.try_to_sleep()

    async def _maintain(self, project_id: str) -> None:
        sweep = time.monotonic() - self._swept.get(project_id, -SWEEP_SECONDS) >= SWEEP_SECONDS
        if sweep:
            self._swept[project_id] = time.monotonic()
        grace = SWEEP_GRACE_MS if sweep else None
        try:
            store = await self._instance.project(project_id)
            if store is not None:
                await maintain_project(store, self._settings, sweep_grace_ms=grace)
            else:
                self._swept.pop(project_id, None)
        except StoreError:
            return  # it was logged already
        except Exception:
            # The other projects must not suffer; a later round tries again.
            _log.exception("maintenance failed", project=project_id)


async def _repeat(database: Database, step: int, unit: Callable[[Transaction], int]) -> None:
    while await database.write(unit) == step:
        continue


def _delete_until(column: Column[int], moment: int, transaction: Transaction) -> int:
    """Delete a step of the rows whose ``column`` is at or before ``moment``."""
    table = column.table
    assert isinstance(table, Table)
    expired = select(table.c.sequence).where(column <= moment).limit(ROWS_STEP)
    result = transaction.connection.execute(delete(table).where(table.c.sequence.in_(expired)))
    return result.rowcount


def _end_process(process: str, transaction: Transaction) -> int:
    return positions.end_process(transaction, process)


def _delete_failed_messages(moment: int, transaction: Transaction) -> int:
    """Delete a step of the messages that were given up and are older than ``moment``."""
    table = outgoing_messages
    old = (table.c.state == "failed") & (table.c.created_at <= moment)
    some = select(table.c.sequence).where(old).limit(ROWS_STEP)
    return transaction.connection.execute(delete(table).where(table.c.sequence.in_(some))).rowcount


def _delete_transactions(moment: int, transaction: Transaction) -> int:
    """Delete a step of the transactions, whatever became of them, that expired at or before ``moment``."""
    some = select(transactions.c.sequence).where(transactions.c.expires_at <= moment).limit(TRANSACTIONS_STEP)
    result = transaction.connection.execute(delete(transactions).where(transactions.c.sequence.in_(some)))
    return result.rowcount


async def _release_dead_processes(database: Database, data_dir: Path) -> None:
    """End the presences of connections whose processes were killed and could not do it."""
    processes = await database.read(presences.writing_processes)
    dead = [process for process in processes if not is_alive(data_dir, process)]
    for process in await database.read(positions.processes):
        if not is_alive(data_dir, process):
            await _repeat(database, positions.STEP, partial(_end_process, process))
    if dead:
        await _repeat(
            database,
            presences.ENDING_STEP,
            lambda transaction: presences.release_processes(transaction, dead),
        )


async def _sweep(store: ProjectStore, grace_ms: int) -> None:
    database = store.database

    async def referenced(keys: list[str]) -> set[str]:
        return await database.read(lambda connection: referenced_keys(connection, keys))

    since = int(await database.read(lambda connection: read_state(connection, _SWEPT)) or 0)
    until = await store.objects.sweep(referenced, since=since, grace_ms=grace_ms)
    await database.write(lambda transaction: write_state(transaction.connection, _SWEPT, str(until)))


@asynccontextmanager
async def _only_process(path: Path) -> AsyncIterator[bool]:
    """Whether this process is the one that holds the lock file meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
