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
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.engine.sqlite.connections import Synchronous, connect, driver
from tidewire.store.engine.state import read_state
from tidewire.store.schema import project_metadata


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
