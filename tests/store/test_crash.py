"""Killed at any moment, a database holds every unit that was acknowledged, and no half of any."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database
from tidewire.store.schema import state

PROGRAM = """
import asyncio, os, pathlib, sys
from tests.store.samples import event
from tidewire.store.engine.database import Database
from tidewire.store.engine.state import write_state
async def main(path, run):
    database = await Database.open(pathlib.Path(path), "shop")
    numbers = iter(range(10**9))
    async def client():
        for number in numbers:
            name = f"{run}.{number}"
            def unit(transaction):
                for part in "abc":
                    write_state(transaction.connection, f"{name}.{part}", "")
                return transaction.append(event(payload=name.encode()))
            await database.write(unit)
            os.write(1, (name + "\\n").encode())
    await asyncio.gather(*(client() for _ in range(8)))
asyncio.run(main(*sys.argv[1:]))
"""


async def test_kill_at_random_moments(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    acknowledged: set[str] = set()
    for run in range(6):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(path), str(run), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        first = await process.stdout.readline()
        await asyncio.sleep(random.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        rest = await process.stdout.read()
        await process.wait()
        # The last line may be cut off.
        acknowledged.update((first + rest).decode().rpartition("\n")[0].split("\n"))
    database = await Database.open(path, "shop")
    events = await database.read(lambda connection: event_log.read_after(connection, 0, 10**6))
    names = await database.read(
        lambda connection: set(
            connection.scalars(
                select(state.c.name).where(state.c.name.not_like("event%"), state.c.name != "project")
            )
        )
    )
    await database.close()
    logged = [each.event.payload.decode() for each in events]
    assert len(acknowledged) > 6
    assert acknowledged <= set(logged)
    assert len(set(logged)) == len(logged)
    assert names == {f"{name}.{part}" for name in logged for part in "abc"}
    assert [each.offset for each in events] == list(range(1, len(events) + 1))
