"""A data directory with a project, and deliveries from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.outbound.guard import Guard
from tidewire.outgoing import messages
from tidewire.outgoing.deliverer import deliver
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.instance.commits import Commits
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance
from tidewire.store.schema import outgoing_messages
from tidewire.store.schema import webhooks as webhook_table

ANYWHERE = Guard(allow_private=True)
SECRET = "signing secret"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are tried again soon."""
    monkeypatch.setattr(messages, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(messages, "LONGEST_RETRY_SECONDS", 0.2)


@dataclass
class Post:
    """A data directory that messages and webhooks are delivered from."""

    directory: Path
    settings: Settings
    instance: Instance
    project_id: str = DEFAULT_PROJECT_ID
    databases: dict[str, Database] = field(default_factory=dict)
    commits: Commits = field(default_factory=lambda: Commits(lambda _: None))

    async def database(self) -> Database:
        store = await self.instance.project(self.project_id)
        assert store
        return store.database

    async def reopen(self) -> None:
        """Close everything and open it again, as after a restart."""
        await self.instance.close()
        self.instance = await Instance.open(self.settings)

    @asynccontextmanager
    async def delivering(self, guard: Guard = ANYWHERE, **others: Any) -> AsyncIterator[None]:
        self.instance.on_commit = self.commits.committed
        work = deliver(self.instance, self.settings, self.commits, guard=guard, **others)
        task = asyncio.create_task(work)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def write(self, unit: Callable[[Transaction], Any]) -> Any:
        return await (await self.database()).write(unit)

    async def publish(self, *numbers: int, **changes: Any) -> None:
        """Write events to the log, one transaction each."""
        for number in numbers:
            event = Event(
                pattern="buckets.[bucketId].files.[fileId].create",
                parameters={"bucketId": "b1", "fileId": f"f{number}"},
                channels=[],
                roles=[],
                payload=b'{"$id":"f%d"}' % number,
                timestamp=now(),
                **changes,
            )
            await self.write(partial(_append, event))

    async def webhook(self, url: str, events: Iterable[str] = ("buckets.*",), **changes: Any) -> str:
        """Register a webhook that gets events from now on."""
        webhook_id, seal = unique_id(), self.instance.encryption.seal
        password = changes.pop("auth_password", "")

        def unit(transaction: Transaction) -> None:
            values = {
                "id": webhook_id,
                "created_at": now(),
                "updated_at": now(),
                "name": "Hook",
                "url": url,
                "events": list(events),
                "secret": seal(SECRET),
                "auth_password": seal(password) if password else "",
                "position": event_log.last_offset(transaction.connection),
            }
            transaction.connection.execute(insert(webhook_table), values | changes)

        await self.write(unit)
        return webhook_id

    async def change_webhook(self, webhook_id: str, **values: Any) -> None:
        """Change a webhook as its owner would."""
        changing = update(webhook_table).where(webhook_table.c.id == webhook_id)
        changed = changing.values(updated_at=webhook_table.c.updated_at + 1, next_attempt_at=0, **values)
        await self.write(lambda transaction: transaction.connection.execute(changed) and None)

    async def webhook_row(self, webhook_id: str) -> Any:
        wanted = select(webhook_table).where(webhook_table.c.id == webhook_id)
        return await (await self.database()).read(lambda connection: connection.execute(wanted).one())

    async def message_rows(self) -> list[Any]:
        wanted = select(outgoing_messages).order_by(outgoing_messages.c.sequence)
        return await (await self.database()).read(lambda connection: list(connection.execute(wanted)))


def _append(event: Event, transaction: Transaction) -> None:
    transaction.append(event)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    settings = Settings(
        data_dir=str(tmp_path / "data"),
        synchronous="normal",
        webhook_timeout=2.0,
        webhook_retry_seconds=0.02,
        webhook_max_retry_seconds=0.2,
        drain_seconds=0.2,
        outbound_allowed_hosts=["localhost"],
    )
    made = Post(tmp_path / "data", settings, await Instance.open(settings))
    yield made
    await made.instance.close()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it is about a database
            await asyncio.sleep(0.02)
