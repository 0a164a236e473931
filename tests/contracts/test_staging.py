"""What staging connections promise on every engine: what is seen on them, and what becomes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.services.databases.shop import Shop
from tests.services.world import World
from tests.store.staged import add, names, seen, stock, table_of, unchanged
from tidewire.services.databases import indexes
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.rows import (
    Changes,
    DuplicateRowError,
    delete_row,
    find_row,
    permissions_of,
    update_row,
)


@pytest.fixture
async def world(world: World) -> World:
    await stock(world)
    return world


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


async def test_a_value_that_is_taken_in_the_table_is_taken_on_a_staging_connection(world: World) -> None:
    async with world.database.staging.use("x") as staged:
        with pytest.raises(DuplicateRowError):
            await staged.run(unchanged, partial(add, world, "a"))


async def test_what_a_failed_unit_did_is_undone_and_what_was_caught_up_stays(world: World) -> None:
    staging = world.database.staging

    caught_up: list[int] = []

    def catch_up(connection: Connection, position: int) -> int:
        caught_up.append(position)
        if position == 0:
            add(world, "b", connection)
        return 4

    def fail(connection: Connection) -> None:
        add(world, "failed", connection)
        raise LookupError

    for _ in range(2):
        async with staging.use("x") as staged:
            with pytest.raises(LookupError):
                await staged.run(catch_up, fail)
    async with staging.use("x") as staged:
        assert await staged.run(catch_up, partial(names, world)) == ["a", "b"]
    assert caught_up == [0, 4, 4]
