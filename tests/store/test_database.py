"""Databases: snapshots, several processes, files that cannot be used."""

from __future__ import annotations

import asyncio
import gc
import stat
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from traceback import format_exception

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from tests.store.samples import event
from tidewire.core.errors import TidewireError
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Transaction
from tidewire.store.engine.reading import Share, present_share
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.engine.workers import Workers
from tidewire.store.errors import StoreError
from tidewire.store.schema import state


async def write(database: Database, name: str, value: str = "") -> None:
    await database.write(lambda transaction: write_state(transaction.connection, name, value))


async def test_errors_tell_no_parameters(database: Database) -> None:
    """They are logged, and parameters may be links with secrets, or what users keep to themselves."""
    link = "https://tide.example/?secret=" + "5ec4e7"
    with pytest.raises(OperationalError) as caught:
        await database.read(lambda connection: write_state(connection, "name", link))
    assert "UPDATE state" in str(caught.value)
    assert "secret=5ec4e7" not in "".join(format_exception(caught.value))


async def test_a_read_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "hurried.sqlite3", "shop", workers=Workers(read_seconds=0.5))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TidewireError) as caught:
        await database.read(lambda connection: connection.execute(text(endless)).all())
    assert caught.value.type == "database_timeout"
    assert await database.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    await database.close()


async def test_what_takes_long_is_not_found_on_the_event_loop(database: Database) -> None:
    def fill(transaction: Transaction) -> None:
        rows = [{"name": f"n{number:05}", "value": "1"} for number in range(10_000)]
        transaction.connection.execute(insert(state), rows)

    def all_values(connection: Connection) -> int:
        threads.append(threading.get_ident())
        return len(connection.execute(select(state.c.name, state.c.value)).all())

    await database.write(fill)
    threads: list[int] = []
    assert database.find_at_once(all_values) is None
    found = await database.find(all_values, NEVER)
    assert found.value >= 10_000
    assert threads[-1] != threading.get_ident()
    assert database.holds(found)
    # The next look has its own time, however many there were, and the files are closed as ever.
    for _ in range(3_000):
        assert database.find_at_once(lambda connection: read_state(connection, "n00007")) is not None


async def test_what_a_unit_held_goes_with_it(database: Database) -> None:
    """Without the collector, which walks over everything only once an hour: it may be large."""
    seen: list[weakref.ref[set[str]]] = []

    class Large(set[str]):
        """What a weak reference can be made to."""

    def finds(_: object) -> Large:
        found = Large()
        seen.append(weakref.ref(found))
        return found

    def fails(_: object) -> None:
        found = finds(_)
        raise TidewireError("row_not_found", f"There is no row: {len(found)} were read.")

    gc.collect()
    gc.disable()
    try:
        present_share.set(Share("guest/a", 2, 5.0, guest=True))
        for execute in (database.read, database.write):
            await execute(finds)
            with suppress(TidewireError):
                await execute(fails)
        await asyncio.sleep(0)
        assert len(seen) == 4
        assert [each() for each in seen] == [None] * 4
    finally:
        gc.enable()


WRITER = """
import asyncio, pathlib, sys
from tests.store.samples import event
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Transaction
async def main(path, name, count):
    database = await Database.open(pathlib.Path(path), "shop")
    async def write(number):
        payload = f"{name}{number}".encode()
        logged = await database.write(lambda transaction: transaction.append(event(payload=payload)))
        print(logged.offset, payload.decode(), flush=True)
    await asyncio.gather(*(write(number) for number in range(count)))
    await database.close()
asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_processes_that_open_a_new_database_at_once_share_one_order(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), name, "400", stdout=subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    outputs = [(await process.communicate())[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    told = dict(line.split() for output in outputs for line in output.splitlines())
    database = await Database.open(path, "shop")
    events = await database.read(lambda connection: event_log.read_after(connection, 0, 10_000))
    await database.close()
    assert [logged.offset for logged in events] == list(range(1, 1201))
    assert {str(logged.offset): logged.event.payload.decode() for logged in events} == told


async def test_opening_the_same_new_database_many_times_at_once(tmp_path: Path) -> None:
    opened = await asyncio.gather(
        *(Database.open(tmp_path / "deep" / "database.sqlite3", "shop") for _ in range(8))
    )
    epochs = {await database.read(event_log.epoch) for database in opened}
    assert len(epochs) == 1
    await asyncio.gather(*(write(database, f"n{number}") for number, database in enumerate(opened)))
    for number in range(8):
        assert await opened[0].read(lambda connection, name=f"n{number}": read_state(connection, name)) == ""  # type: ignore[misc]
    await asyncio.gather(*(database.close() for database in opened))


async def test_opening_several_new_databases_at_once(tmp_path: Path) -> None:
    opened = await asyncio.gather(
        *(Database.open(tmp_path / f"{number}.sqlite3", f"p{number}") for number in range(8))
    )
    for number, database in enumerate(opened):
        await write(database, "name", str(number))
        assert await database.read(lambda connection: read_state(connection, "name")) == str(number)
        await database.close()


async def test_files_are_for_their_owner_only(database: Database) -> None:
    await write(database, "name")
    files = list(database.path.parent.iterdir())
    assert len(files) >= 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"database\.sqlite3 cannot be used"):
        await Database.open(path, "shop")


async def test_events_of_another_process_can_be_read(database: Database) -> None:
    other = await Database.open(database.path, "shop")
    await other.write(lambda transaction: transaction.append(event(7)))
    assert await database.read(event_log.last_offset) == 1
    await other.close()
