"""Checkpoints are done beside the commits, and the write-ahead log stays bounded all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.samples import event
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.sqlite import checkpoints, connections
from tidewire.store.engine.sqlite import database as sqlite_database
from tidewire.store.engine.sqlite.checkpoints import Checkpoints

PAGE = 4096 + 24
"""Bytes of a page in the log."""


@pytest.fixture
async def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A database with a checkpoint every 50 pages."""
    monkeypatch.setattr(checkpoints, "PAGES", 50)
    monkeypatch.setattr(checkpoints, "MANY_PAGES", 200)
    database = await Database.open(tmp_path / "database.sqlite3", "shop")
    yield database
    await database.close()


def log_size(database: Database) -> int:
    return database.path.with_name(database.path.name + "-wal").stat().st_size


async def write(database: Database, times: int) -> int:
    """Write events one after the other; return the greatest size that the log had."""
    largest = 0
    for _ in range(times):
        await database.write(lambda transaction: transaction.append(event(payload=b"x" * 8192)))
        largest = max(largest, log_size(database))
    return largest


async def test_the_log_stays_bounded_under_steady_writes(hurried: Database) -> None:
    largest = await write(hurried, 500)
    assert largest < 1000 * PAGE
    assert await hurried.read(event_log.last_offset) == 500


async def test_the_log_grows_no_more_once_no_reader_holds_a_snapshot(hurried: Database) -> None:
    reading, release = threading.Event(), threading.Event()

    def unit(connection: Connection) -> tuple[int, int]:
        first = event_log.last_offset(connection)
        reading.set()
        assert release.wait(60)
        return first, event_log.last_offset(connection)

    read = asyncio.create_task(hurried.read(unit, "history"))
    await asyncio.to_thread(reading.wait, 60)
    held = await write(hurried, 300)
    release.set()
    assert await read == (0, 0)
    assert held > 1000 * PAGE
    assert await write(hurried, 500) < held + 1000 * PAGE


async def test_no_commit_waits_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that lasts holds up neither commits nor anything else; closing waits for it."""
    begun, release = threading.Event(), threading.Event()
    run = Checkpoints._run

    def waits(self: Checkpoints, changes: int) -> None:
        begun.set()
        assert release.wait(60)
        run(self, changes)

    monkeypatch.setattr(Checkpoints, "_run", waits)
    path = tmp_path / "database.sqlite3"
    database = await Database.open(path, "shop")
    await write(database, 1)
    before = path.stat().st_mtime_ns
    largest = await write(database, 1000)
    assert begun.is_set()
    assert largest > 2000 * PAGE
    assert path.stat().st_mtime_ns == before
    epoch = await database.read(event_log.epoch)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    release.set()
    await closing
    assert not log_size(database)
    database = await Database.open(path, "shop")
    assert await database.read(event_log.epoch) == epoch
    assert await database.read(event_log.last_offset) == 1001
    await database.close()


async def test_closing_waits_until_the_log_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done after the closing it would change the file, which then looked like one put back from a copy."""
    begun, release = threading.Event(), threading.Event()

    def waits(path: Path) -> None:
        begun.set()
        assert release.wait(60)
        connections.empty_log(path)

    monkeypatch.setattr(sqlite_database, "empty_log", waits)
    database = await Database.open(tmp_path / "database.sqlite3", "shop")
    await write(database, 1)
    emptying = asyncio.create_task(database.overwrite_deleted())
    await asyncio.to_thread(begun.wait, 60)
    emptying.cancel()
    assert not database.try_to_sleep()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    release.set()
    await closing
