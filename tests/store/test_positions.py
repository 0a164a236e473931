"""Positions of subscriptions: how many are kept is known without counting them."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.records import positions
from tidewire.store.records.positions import Kept, Note
from tidewire.store.schema import realtime_positions


def kept(number: int, process: str = "p") -> Kept:
    return Kept("ann", f"s{number}", process, number, "wants", "epoch", number, exact=False)


def counts(connection: Connection) -> tuple[int, int]:
    """What is known, and what a count finds."""
    found = connection.scalar(select(func.count()).select_from(realtime_positions))
    return positions.count(connection), found or 0


async def test_the_count_follows_every_change_of_several_processes(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    processes = {name: await Database.open(path, "shop") for name in ("one", "two")}
    chance = random.Random(1)

    def step(process: str, transaction: Transaction) -> tuple[int, int]:
        taken = [kept(chance.randrange(40), process) for _ in range(6)]
        lost = [chance.choice(taken) for _ in range(3)]
        notes = [(each.key, each.holder, Note(1, True, 1, dropped=chance.random() < 0.5)) for each in lost]
        positions.write(transaction.connection, taken, notes)
        if chance.random() < 0.3:
            positions.forget(transaction, until=0, maximum=8)
        return counts(transaction.connection)

    seen = []
    for _ in range(30):
        for process, database in processes.items():
            known, found = await database.write(partial(step, process))
            assert known == found
            seen.append(known)
    assert min(seen[5:]) < max(seen)
    for database in processes.values():
        await database.close()
    database = await Database.open(path, "shop")
    assert await database.read(counts) == (seen[-1], seen[-1])
    await database.close()
