"""Staging connections: what is done on them, and what becomes of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.services.databases.shop import Shop, column
from tests.services.world import World
from tidewire.core.errors import TidewireError
from tidewire.services.databases import indexes
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.reading import Job
from tidewire.store.engine.sqlite import staging as module
from tidewire.store.engine.sqlite.staging import StagingConnection, StagingConnections
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.rows import (
    Changes,
    DuplicateRowError,
    delete_row,
    find_row,
    insert_row,
    permissions_of,
    update_row,
)
from tidewire.store.user_tables.tables import UserTable


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    opened = await World.open(tmp_path)
    shop = await Shop.open(opened)
    await shop.table([column("name", "varchar"), column("n", "integer")])
    await shop.create("a", name="A", permissions=['read("any")'])
    yield opened
    await opened.close()


def unchanged(_connection: Connection, position: int) -> int:
    return position


def table_of(world: World, connection: Connection) -> UserTable:
    table = find_table(connection, world.context().encryption, "d", "t", disabled=True)
    assert table is not None
    return table


def add(world: World, row_id: str, connection: Connection) -> None:
    insert_row(connection, table_of(world, connection), row_id, ['read("any")'], Changes(updated_at=1))


def names(world: World, connection: Connection) -> list[str]:
    rows = table_of(world, connection).rows.name
    return [row[0] for row in connection.exec_driver_sql(f"SELECT id FROM {rows} ORDER BY sequence")]


async def seen(staged: StagingConnection, world: World) -> list[str]:
    return await staged.run(unchanged, partial(names, world))


async def test_what_is_kept_is_seen_on_the_connection_alone(world: World) -> None:
    staging = world.database.staging
    async with staging.use("x") as staged:
        await staged.run(unchanged, partial(add, world, "b"))
        staged.keep(7)
    async with staging.use("x") as staged:
        # Not kept.
        await staged.run(lambda _, position: position + 1, partial(add, world, "c"))
    async with staging.use("x") as staged:
        positions: list[int] = []

        def note(_connection: Connection, position: int) -> int:
            positions.append(position)
            return position

        found = await staged.run(note, partial(names, world))
        assert (found, positions) == (["a", "b"], [8])
    async with staging.use("y") as staged:
        assert await seen(staged, world) == ["a"]
    assert await world.database.read(partial(names, world)) == ["a"]
    staging.forget("x")
    async with staging.use("x") as staged:
        assert await seen(staged, world) == ["a"]


async def test_rows_are_changed_over_the_table_and_what_others_do_is_seen(world: World) -> None:
    shop, staging = Shop(world), world.database.staging

    def change(connection: Connection) -> Any:
        table = table_of(world, connection)
        row = find_row(connection, table, "a")
        assert row is not None
        return update_row(connection, table, row, Changes({"name": "staged"}, updated_at=5))

    def found(row_id: str, connection: Connection) -> Any:
        return find_row(connection, table_of(world, connection), row_id)

    def delete(connection: Connection) -> None:
        table = table_of(world, connection)
        row = find_row(connection, table, "a")
        assert row is not None
        delete_row(connection, table, row[0])

    async with staging.use("x") as staged:
        changed = await staged.run(unchanged, change)
        assert (changed[1], changed[5], permissions_of(changed)) == ("a", "staged", ['read("any")'])
        staged.keep(1)
    await shop.update("a", name="by others")
    await shop.create("b")
    async with staging.use("x") as staged:
        assert (await staged.run(unchanged, partial(found, "a")))[5] == "staged"
    async with staging.use("x") as staged:
        assert await staged.run(unchanged, partial(found, "b")) is not None
    async with staging.use("x") as staged:
        await staged.run(unchanged, delete)
        staged.keep(2)
    await shop.delete("a")
    await shop.create("a")
    async with staging.use("x") as staged:
        # Another row of the same id is not the one that was deleted here, and not seen here either.
        assert await seen(staged, world) == ["b"]


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


async def test_a_new_definition_of_a_table_makes_a_new_staging_connection(world: World) -> None:
    staging, shop = world.database.staging, Shop(world)
    async with staging.use("x") as staged:
        await staged.run(unchanged, partial(add, world, "b"))
        staged.keep(3)
    await indexes.create_index(shop.call(), "d", "t", "names", "key", ["name"])
    caught_up: list[int] = []

    def catch_up(connection: Connection, position: int) -> int:
        caught_up.append(position)
        add(world, "again", connection)
        return 3

    async with staging.use("x") as staged:
        assert await staged.run(catch_up, partial(names, world)) == ["a", "again"]
    assert caught_up == [0]


async def test_a_connection_is_cleared_before_it_is_used_again(world: World) -> None:
    staging = world.database.staging
    for number in range(3):
        async with staging.use(f"x{number}") as staged:
            await staged.run(unchanged, partial(add, world, "b"))
            staged.keep(1)
        async with staging.use(f"x{number}") as staged:
            assert await seen(staged, world) == ["a", "b"]
        staging.forget(f"x{number}")


async def test_whoever_goes_away_leaves_no_half_done_staging_connection(world: World) -> None:
    staging = world.database.staging
    began, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        add(world, "b", connection)
        began.set()
        go_on.wait(10)

    async def use(unit: Callable[[Connection], None]) -> None:
        async with staging.use("x") as staged:
            await staged.run(unchanged, unit)
            staged.keep(1)

    task = asyncio.create_task(use(slow))
    await asyncio.to_thread(began.wait, 10)
    waiting = asyncio.create_task(use(partial(add, world, "c")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await waiting
    go_on.set()
    async with staging.use("x") as staged:
        assert await seen(staged, world) == ["a", "c"]


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


async def test_a_value_that_is_taken_in_the_table_is_taken_on_a_staging_connection(world: World) -> None:
    async with world.database.staging.use("x") as staged:
        with pytest.raises(DuplicateRowError):
            await staged.run(unchanged, partial(add, world, "a"))
