"""SQLite's staging connections: what they may not write, how long they take, how many are kept.

What those of every engine promise is in ``tests/contracts/test_staging.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.services.world import World
from tests.store.staged import add, names, seen, stock, table_of, unchanged
from tidewire.core.errors import TidewireError
from tidewire.store.engine.jobs import Job
from tidewire.store.engine.sqlite import staging as module
from tidewire.store.engine.sqlite.staging import StagingConnections


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World.open(tmp_path)
    await stock(opened)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE main.%s SET id = 'x'",
        "DELETE FROM main.%s",
        "INSERT INTO main.%s_readers VALUES ('any', 1)",
        "UPDATE main.user_tables SET enabled = 0",
        "DROP TABLE main.%s",
        "CREATE TABLE main.made_%s (x)",
    ],
)
async def test_nothing_is_written_to_the_tables(world: World, statement: str) -> None:
    rows = await world.database.read(lambda connection: table_of(world, connection).rows.name)
    text = statement % rows if "%s" in statement else statement
    async with world.database.staging.use("x") as staged:
        with pytest.raises(Exception, match="not authorized"):
            await staged.run(unchanged, lambda connection: connection.exec_driver_sql(text))
    assert await world.database.read(partial(names, world)) == ["a"]


async def test_a_unit_that_takes_too_long_is_interrupted(world: World) -> None:
    async def in_thread(work: Callable[[float], Any]) -> Job[Any]:
        return await world.database._in_thread(lambda _: work(0.05))

    hurried = StagingConnections(world.database._connect, in_thread)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    async with hurried.use("x") as staged:
        await staged.run(unchanged, partial(add, world, "b"))
        staged.keep(1)
    async with hurried.use("x") as staged:
        with pytest.raises(TidewireError) as caught:
            await staged.run(unchanged, lambda connection: connection.exec_driver_sql(endless).all())
        assert caught.value.type == "database_timeout"
    async with hurried.use("x") as staged:
        assert await seen(staged, world) == ["a", "b"]
    for connection in hurried.let_go():
        connection.close()


async def test_only_so_many_are_kept_and_none_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_KEPT", 2)
    staging = world.database.staging

    async def keep(key: str) -> None:
        async with staging.use(key) as staged:
            await staged.run(unchanged, partial(add, world, "b"))
            staged.keep(1)

    for key in ("x", "y", "z"):
        await keep(key)
    assert list(staging._kept) == ["y", "z"]
    async with staging.use("x") as staged:
        assert await seen(staged, world) == ["a"]
    assert list(staging._kept) == ["z", "x"]
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    staging._sweep()
    assert not staging._kept
