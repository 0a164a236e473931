"""The event log: order, epochs, trimming."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.store.samples import event
from tidewire.core.events import Event
from tidewire.core.time import now
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.sqlite.connections import Synchronous, connect, driver
from tidewire.store.engine.state import read_state
from tidewire.store.schema import project_metadata


async def append(database: Database, *events: Event) -> list[int]:
    logged = await database.write(lambda transaction: [transaction.append(each) for each in events])
    return [each.offset for each in logged]


async def kept(database: Database) -> list[int]:
    events = await database.read(lambda connection: event_log.read_after(connection, 0, 1000))
    return [logged.offset for logged in events]


async def trim(database: Database, max_age_ms: int, max_bytes: int, limit: int = 500) -> int:
    return await database.write(
        lambda transaction: event_log.trim(transaction.connection, max_age_ms, max_bytes, limit)
    )


@pytest.fixture(scope="module")
def log() -> Iterator[Connection]:
    """An empty log, which takes longer to make than to fill."""
    connection = connect(Path(":memory:"), "shop", "full")
    project_metadata.create_all(connection)
    yield connection
    connection.close()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Event,
        pattern=texts,
        parameters=st.dictionaries(texts, texts, max_size=4),
        channels=st.lists(texts, max_size=4),
        roles=st.lists(texts, max_size=4),
        payload=st.binary(max_size=50),
        timestamp=st.integers(0, 2**53),
        user_id=texts,
        permissions_changed=st.booleans(),
        database_type=texts,
        audience=texts,
    )
)
def test_an_event_comes_back_as_it_was_written(log: Connection, written: Event) -> None:
    logged = event_log.append(log, written)
    (read,) = event_log.read_after(log, logged.offset - 1, 10)
    assert read == logged
    assert list(read.event.parameters) == list(written.parameters)


async def test_reading_goes_on_after_an_offset(database: Database) -> None:
    assert await database.read(event_log.last_offset) == 0
    assert await append(database, *map(event, range(10))) == list(range(1, 11))
    page = await database.read(lambda connection: event_log.read_after(connection, 4, 3))
    assert [logged.offset for logged in page] == [5, 6, 7]
    assert page[0].project_id == "shop"
    assert page[0].event == event(4)
    assert await database.read(lambda connection: event_log.read_after(connection, 10, 3)) == []
    assert await database.read(event_log.last_offset) == 10


async def test_trimming_by_size_deletes_the_oldest_in_steps(database: Database) -> None:
    await append(database, *(event(number, payload=b"x" * 1000) for number in range(20)))
    assert await trim(database, 10**15, 5 * 1200, limit=10) == 10
    assert await database.read(event_log.trimmed_offset) == 10
    deleted = await trim(database, 10**15, 5 * 1200, limit=10)
    assert 3 <= deleted < 10
    assert await kept(database) == list(range(11 + deleted, 21))
    assert await trim(database, 10**15, 5 * 1200, limit=10) == 0


async def test_trimming_by_age_stops_at_the_first_young_event(database: Database) -> None:
    old, young = now() - 10_000, now()
    ages = [old, old, young, old, young]
    await append(database, *(event(number, timestamp=age) for number, age in enumerate(ages)))
    assert await trim(database, 5_000, 10**9) == 2
    assert await kept(database) == [3, 4, 5]


async def test_offsets_and_size_go_on_after_everything_was_trimmed(database: Database) -> None:
    await append(database, *map(event, range(5)))
    assert await trim(database, 10**15, 0) == 5
    assert await kept(database) == []
    assert await database.read(event_log.last_offset) == 5
    assert await trim(database, 0, 0) == 0
    assert await append(database, event(6), event(7)) == [6, 7]
    assert await trim(database, 10**15, 10**6) == 0
    assert await database.read(event_log.trimmed_offset) == 5


async def reopened_epoch(path: Path, synchronous: Synchronous) -> str:
    database = await Database.open(path, "shop", synchronous=synchronous)
    epoch = await database.read(event_log.epoch)
    await database.close()
    return epoch


def die_with_it_open(path: Path, synchronous: str) -> None:
    """Open the database in another process, write an event, and end without closing."""
    program = f"""
import asyncio, os, pathlib
from tests.store.samples import event
from tidewire.store.engine.database import Database
async def main():
    database = await Database.open(pathlib.Path({str(path)!r}), "shop", synchronous={synchronous!r})
    await database.write(lambda transaction: transaction.append(event()))
    os._exit(0)
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_every_new_database_has_its_own_epoch(tmp_path: Path) -> None:
    first = await reopened_epoch(tmp_path / "a.sqlite3", "full")
    assert await reopened_epoch(tmp_path / "a.sqlite3", "full") == first
    assert await reopened_epoch(tmp_path / "b.sqlite3", "full") != first


@pytest.mark.parametrize(
    ("synchronous", "clean", "rebooted", "lost"),
    [
        ("full", False, True, False),
        ("full", True, True, False),
        ("normal", False, False, False),
        ("normal", True, True, False),
        ("normal", False, True, True),
    ],
)
async def test_the_epoch_changes_when_events_may_be_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    synchronous: Synchronous,
    clean: bool,
    rebooted: bool,
    lost: bool,
) -> None:
    path = tmp_path / "database.sqlite3"
    before = await reopened_epoch(path, synchronous)
    if not clean:
        die_with_it_open(path, synchronous)
    if rebooted:
        boot_id = tmp_path / "boot_id"
        boot_id.write_text("another\n")
        monkeypatch.setattr(event_log, "_BOOT_ID", boot_id)
    after = await reopened_epoch(path, synchronous)
    assert (after != before) == lost
    assert await reopened_epoch(path, "full") == after


async def test_only_the_last_to_close_marks_the_log_closed(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    first = await Database.open(path, "shop", synchronous="normal")
    second = await Database.open(path, "shop", synchronous="normal")
    await first.close()
    mark = "event_log.unsynced_boot"
    assert await second.read(lambda connection: read_state(connection, mark)) is not None
    await second.close()
    third = await Database.open(path, "shop")
    assert await third.read(lambda connection: read_state(connection, mark)) is None
    await third.close()


async def test_the_log_is_read_by_its_primary_key(database: Database) -> None:
    connection = connect(database.path, "shop", "full")
    try:
        statements: list[str] = []
        driver(connection).set_trace_callback(statements.append)
        event_log.read_after(connection, 5, 10)
        event_log.last_offset(connection)
        event_log.append(connection, event())
        driver(connection).set_trace_callback(None)
        for statement in statements:
            plan = [
                row.detail
                for row in connection.execute(text("EXPLAIN QUERY PLAN " + statement.replace(":", "\\:")))
            ]
            assert not any(step.startswith("SCAN event_log") and "ORDER" not in statement for step in plan), (
                plan
            )
            assert not any("TEMP B-TREE" in step for step in plan), plan
        (plan_of_read,) = [
            row.detail
            for row in connection.execute(text("EXPLAIN QUERY PLAN " + statements[0].replace(":", "\\:")))
        ]
        assert plan_of_read == "SEARCH event_log USING INTEGER PRIMARY KEY (rowid>?)"
    finally:
        connection.close()
