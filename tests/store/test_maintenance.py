"""Maintenance: what expired or is no longer needed goes, everything else stays."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Column, delete, func, insert, select

from tests.store.samples import add_bucket, add_file, add_session, add_user, event
from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.deletion_lock import nothing_deleted
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance, ProjectStore
from tidewire.store.records.deletions import discard_objects
from tidewire.store.schema import (
    audit_log,
    challenges,
    file_parts,
    files,
    object_deletions,
    outgoing_messages,
    sessions,
    tokens,
    upload_parts,
    uploads,
)
from tidewire.store.upkeep import maintenance
from tidewire.store.upkeep.maintenance import maintain, maintain_project


@pytest.fixture
async def shop(instance: Instance) -> ProjectStore:
    store = await instance.project(DEFAULT_PROJECT_ID)
    assert store is not None
    return store


async def stored(store: ProjectStore) -> str:
    writer = store.objects.writer()
    await writer.write(b"content")
    return (await writer.finish()).key


def exists(directory: Path, key: str) -> bool:
    return (directory / "objects" / key).exists()


def add_upload(connection: Connection, bucket: int, upload_id: str, key: str, updated_at: int) -> None:
    values = {
        "id": upload_id,
        "bucket_sequence": bucket,
        "created_at": 1,
        "updated_at": updated_at,
        "size": 9,
    }
    result = connection.execute(insert(uploads).values(chunks_total=2, **values))
    assert result.inserted_primary_key is not None
    part = {"upload_sequence": result.inserted_primary_key[0], "number": 1, "key": key, "size": 7, "md5": ""}
    connection.execute(insert(upload_parts).values(**part))


async def count(store: ProjectStore, table: object) -> int:
    return await store.database.read(
        lambda connection: connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]
    )


async def names(store: ProjectStore, column: Column[str]) -> list[str]:
    return await store.database.read(lambda connection: list(connection.scalars(select(column))))


async def test_expired_uploads_and_sessions_go(
    shop: ProjectStore, settings: Settings, directory: Path
) -> None:
    old, young = await stored(shop), await stored(shop)

    def prepare(transaction: Transaction) -> None:
        bucket = add_bucket(transaction.connection, "b1")
        add_upload(transaction.connection, bucket, "old", old, now() - settings.upload_max_age * 1000 - 10)
        add_upload(transaction.connection, bucket, "young", young, now())
        add_user(transaction.connection, "u1")
        add_session(transaction.connection, "over", "u1", secret_hash="a", expires_at=now() - 1)
        add_session(transaction.connection, "valid", "u1", secret_hash="b", expires_at=now() + 60_000)

    await shop.database.write(prepare)
    await maintain_project(shop, settings)
    assert await shop.database.read(lambda connection: connection.scalars(select(uploads.c.id)).all()) == [
        "young"
    ]
    assert await shop.database.read(lambda connection: connection.scalars(select(sessions.c.id)).all()) == [
        "valid"
    ]
    assert (exists(directory, old), exists(directory, young)) == (False, True)
    assert await count(shop, object_deletions) == 0


async def test_expired_secrets_and_old_audits_go(shop: ProjectStore, settings: Settings) -> None:
    moments = {"over": now() - 1, "valid": now() + 60_000}
    common = {"created_at": 1, "updated_at": 1, "user_id": "u1"}
    old = now() - settings.event_log_max_age * 1000 - 10

    def prepare(transaction: Transaction) -> None:
        connection = transaction.connection
        add_user(connection, "u1")
        for name, moment in moments.items():
            row = {**common, "id": name, "expires_at": moment}
            connection.execute(insert(tokens), {**row, "type": "recovery", "secret_hash": name})
            connection.execute(insert(challenges), {**row, "type": "totp"})
        for event_name, moment in (("old", old), ("young", now())):
            connection.execute(insert(audit_log), {"user_id": "u1", "event": event_name, "time": moment})

    await shop.database.write(prepare)
    await maintain_project(shop, settings)
    assert await names(shop, tokens.c.id) == ["valid"]
    assert await names(shop, challenges.c.id) == ["valid"]
    assert await names(shop, audit_log.c.event) == ["young"]


async def test_objects_are_deleted_only_after_the_commit(
    shop: ProjectStore, settings: Settings, directory: Path
) -> None:
    key = await stored(shop)

    def create(transaction: Transaction) -> None:
        sequence = add_file(transaction.connection, add_bucket(transaction.connection, "b1"), "f1")
        part = {"file_sequence": sequence, "position": 0, "key": key, "size": 7}
        transaction.connection.execute(insert(file_parts).values(**part))

    def remove(transaction: Transaction, *, fail: bool) -> None:
        discard_objects(transaction.connection, select(file_parts.c.key))
        transaction.connection.execute(delete(files))
        if fail:
            raise LookupError

    await shop.database.write(create)
    with pytest.raises(LookupError):
        await shop.database.write(lambda transaction: remove(transaction, fail=True))
    await maintain_project(shop, settings)
    assert exists(directory, key)
    await shop.database.write(lambda transaction: remove(transaction, fail=False))
    assert exists(directory, key)
    await maintain_project(shop, settings)
    assert not exists(directory, key)
    assert await count(shop, object_deletions) == 0


async def test_many_discarded_objects_go_in_steps(shop: ProjectStore, settings: Settings) -> None:
    keys = [f"default/20200101/{number}" for number in range(1200)]
    await shop.database.write(lambda transaction: discard_objects(transaction.connection, keys))
    await maintain_project(shop, settings)
    assert await count(shop, object_deletions) == 0


async def test_a_sweep_spares_what_any_row_refers_to(
    shop: ProjectStore, settings: Settings, directory: Path
) -> None:
    of_file, of_upload, orphan, young_orphan = [await stored(shop) for _ in range(4)]

    def prepare(transaction: Transaction) -> None:
        bucket = add_bucket(transaction.connection, "b1")
        part = {"file_sequence": add_file(transaction.connection, bucket, "f1"), "position": 0, "size": 7}
        transaction.connection.execute(insert(file_parts).values(key=of_file, **part))
        add_upload(transaction.connection, bucket, "u1", of_upload, now())

    await shop.database.write(prepare)
    for key in (of_file, of_upload, orphan):
        moment = time.time() - 100
        os.utime(directory / "objects" / key, (moment, moment))
    await maintain_project(shop, settings, sweep_grace_ms=50_000)
    left = [exists(directory, key) for key in (of_file, of_upload, orphan, young_orphan)]
    assert left == [True, True, False, True]
    moment = time.time() - 100
    os.utime(directory / "objects" / young_orphan, (moment, moment))
    await maintain_project(shop, settings, sweep_grace_ms=50_000)
    assert not exists(directory, young_orphan)


async def test_what_nothing_refers_to_goes_to_the_trash_first(
    instance: Instance,
    shop: ProjectStore,
    settings: Settings,
    directory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stray = await stored(shop)
    moment = time.time() - 100
    os.utime(directory / "objects" / stray, (moment, moment))
    await maintain_project(shop, settings, sweep_grace_ms=50_000)
    (trashed,) = (directory / "objects" / ".trash").glob(f"*/{stray}")
    assert trashed.read_bytes() == b"content"
    assert "put into the trash" in capsys.readouterr().out
    await instance.empty_trash()
    assert trashed.exists()
    day = directory / "objects" / ".trash" / trashed.relative_to(directory / "objects" / ".trash").parts[0]
    for age, left in ((7, True), (8, False)):
        aged = day.with_name((datetime.now(UTC) - timedelta(days=age)).strftime("%Y%m%d"))
        day.rename(aged)
        await instance.empty_trash()
        assert aged.exists() is left
        day = aged


async def test_nothing_is_deleted_while_a_backup_is_made(
    instance: Instance, shop: ProjectStore, settings: Settings, directory: Path
) -> None:
    key = await stored(shop)
    await shop.database.write(lambda transaction: discard_objects(transaction.connection, [key]))
    with nothing_deleted(directory):
        await maintain_project(shop, settings, sweep_grace_ms=0)
        await instance.delete_project(DEFAULT_PROJECT_ID)
        assert exists(directory, key)
    await instance.lifecycle.finish_deletions()
    assert not exists(directory, key)


async def test_the_log_is_trimmed_to_the_settings(shop: ProjectStore, directory: Path) -> None:
    settings = Settings(data_dir=str(directory), event_log_max_bytes=10_000, event_log_max_age=10**9)
    payload = b"x" * 900
    await shop.database.write(
        lambda transaction: [transaction.append(event(number, payload=payload)) for number in range(1500)]
    )
    await maintain_project(shop, settings)
    kept = await shop.database.read(lambda connection: event_log.read_after(connection, 0, 10_000))
    assert 5 < len(kept) <= 10
    assert kept[-1].offset == 1500


async def test_rounds_cover_all_projects_and_survive_a_broken_one(
    instance: Instance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for project_id in ("broken", "last"):
        await instance.create_project(project_id, "")
    monkeypatch.setattr(maintenance, "ROUND_SECONDS", 0.01)
    rounds: dict[str, int] = {}
    done = asyncio.Event()

    async def observed(store: ProjectStore, settings: Settings, **_: object) -> None:
        rounds[store.project.id] = rounds.get(store.project.id, 0) + 1
        if store.project.id == "broken":
            raise LookupError
        if rounds.get("last", 0) >= 2:
            done.set()

    monkeypatch.setattr(maintenance, "maintain_project", observed)
    task = asyncio.create_task(maintain(instance, settings))
    await asyncio.wait_for(done.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(rounds) == {"console", "default", "broken", "last"}


async def test_a_round_that_cannot_begin_ends_nothing(
    shop: ProjectStore,
    instance: Instance,
    settings: Settings,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance, "ROUND_SECONDS", 0.01)
    lock = Path(settings.data_dir) / "maintenance.lock"
    lock.mkdir()  # so that it cannot be opened, as when there are no descriptors left

    def expired(transaction: Transaction) -> None:
        add_user(transaction.connection, "u1")
        add_session(transaction.connection, "s1", "u1", secret_hash="", expires_at=1)

    await shop.database.write(expired)
    task = asyncio.create_task(maintain(instance, settings))
    await asyncio.sleep(0.1)
    assert not task.done()
    lock.rmdir()
    async with asyncio.timeout(30):
        while await shop.database.read(  # noqa: ASYNC110 - it is about a database
            lambda connection: connection.scalar(select(func.count(sessions.c.sequence)))
        ):
            await asyncio.sleep(0.01)
    task.cancel()


async def test_one_process_maintains(instance: Instance, settings: Settings, directory: Path) -> None:
    only = maintenance._only_process
    async with only(directory / "maintenance.lock") as first, only(directory / "maintenance.lock") as second:
        assert (first, second) == (True, False)
    async with only(directory / "maintenance.lock") as third:
        assert third


async def test_messages_that_were_given_up_go_when_they_are_old(shop: ProjectStore, directory: Path) -> None:
    settings = Settings(data_dir=str(directory), message_max_age=100)
    moment = now()
    samples = (
        ("old", "failed", moment - 101_000),
        ("new", "failed", moment),
        ("waiting", "waiting", moment - 101_000),
    )

    def add(transaction: Transaction) -> None:
        for recipient, state, created_at in samples:
            values = {"channel": "mail", "recipient": recipient, "state": state, "created_at": created_at}
            transaction.connection.execute(insert(outgoing_messages), values)

    await shop.database.write(add)
    await maintain_project(shop, settings)
    left = await shop.database.read(
        lambda connection: connection.scalars(select(outgoing_messages.c.recipient)).all()
    )
    assert sorted(left) == ["new", "waiting"]
