"""What every engine promises: order, atomicity, what reads see, how fresh an answer is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.contracts.conftest import Open
from tests.store.samples import event
from tidewire.core.events import LoggedEvent
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.contract import NEVER, ProjectDatabase, Transaction
from tidewire.store.engine.state import read_state, write_state


async def write(database: ProjectDatabase, name: str, value: str = "") -> None:
    await database.write(lambda transaction: write_state(transaction.connection, name, value))


async def written(database: ProjectDatabase, name: str) -> bool:
    return await database.read(lambda connection: read_state(connection, name)) is not None


async def logged(database: ProjectDatabase, after: int = 0) -> list[LoggedEvent]:
    return await database.read(lambda connection: event_log.read_after(connection, after, 10_000))


def set_value(name: str) -> Any:
    def unit(transaction: Transaction) -> str:
        write_state(transaction.connection, name, "")
        transaction.append(event(payload=name.encode()))
        return name

    return unit


def fail(transaction: Transaction) -> None:
    set_value("failed")(transaction)
    raise LookupError("failed")


async def test_offsets_are_gap_free_and_ascending_under_8_writers_on_2_nodes(node: Open) -> None:
    nodes = [await node() for _ in range(2)]

    async def writer(number: int) -> list[int]:
        database = nodes[number % 2]
        given = []
        for each in range(20):
            if each % 5 == 4:
                with pytest.raises(LookupError):
                    await database.write(fail)
            given.append((await database.write(lambda transaction: transaction.append(event()))).offset)
        return given

    given = await asyncio.gather(*map(writer, range(8)))
    assert all(each == sorted(each) for each in given)
    assert sorted(offset for each in given for offset in each) == list(range(1, 161))


async def test_a_follower_by_cursor_sees_every_event_once_while_groups_roll_back(node: Open) -> None:
    writer, follower = await node(), await node()
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 60:
            seen.extend(each.offset for each in await logged(follower, seen[-1] if seen else 0))

    async def write_some() -> None:
        for number in range(60):
            await asyncio.gather(
                writer.write(set_value(f"n{number}")), writer.write(fail), return_exceptions=True
            )

    await asyncio.wait_for(asyncio.gather(follow(), write_some()), 60)
    assert seen == list(range(1, 61))


async def test_the_offset_returned_is_the_offset_stored(database: ProjectDatabase) -> None:
    given = await database.write(
        lambda transaction: [transaction.append(event(number)).offset for number in range(5)]
    )
    assert [(each.offset, each.event) for each in await logged(database)] == [
        (offset, event(number)) for number, offset in enumerate(given)
    ]


async def test_a_failing_unit_leaves_no_gap_and_no_event(database: ProjectDatabase) -> None:
    await database.write(set_value("before"))
    with pytest.raises(LookupError):
        await database.write(fail)
    await database.write(set_value("after"))
    assert [each.offset for each in await logged(database)] == [1, 2]
    assert not await written(database, "failed")


async def test_a_unit_that_raises_is_undone_alone(database: ProjectDatabase) -> None:
    held = threading.Event()
    first = asyncio.create_task(database.write(lambda _: held.wait(10)))
    units = [asyncio.create_task(database.write(unit)) for unit in (set_value("a"), fail, set_value("b"))]
    await asyncio.sleep(0.01)
    held.set()
    await first
    results = await asyncio.gather(*units, return_exceptions=True)
    assert results[::2] == ["a", "b"]
    assert isinstance(results[1], LookupError)
    assert [each.event.payload for each in await logged(database)] == [b"a", b"b"]


async def test_units_of_one_caller_run_in_order(database: ProjectDatabase) -> None:
    ran: list[int] = []

    def unit(number: int) -> Any:
        return lambda _: ran.append(number)

    await asyncio.gather(*(database.write(unit(number)) for number in range(300)))
    assert ran == list(range(300))


async def test_check_then_insert_is_safe_between_nodes(node: Open) -> None:
    nodes = [await node() for _ in range(2)]

    def claim(transaction: Transaction) -> bool:
        if read_state(transaction.connection, "claimed") is not None:
            return False
        write_state(transaction.connection, "claimed", "")
        return True

    claims = await asyncio.gather(*(nodes[number % 2].write(claim) for number in range(40)))
    assert claims.count(True) == 1


async def test_a_commit_is_visible_to_every_node_once_it_is_answered(node: Open) -> None:
    one, other = await node(), await node()
    for number in range(20):
        await write(one, f"n{number}")
        assert await written(other, f"n{number}")


async def test_listeners_get_events_before_writers_get_answers(database: ProjectDatabase) -> None:
    offsets: list[int] = []
    database.listen(lambda events: offsets.extend(logged.offset for logged in events))

    async def write(number: int) -> None:
        own = await database.write(lambda transaction: transaction.append(event(number)))
        assert own.offset in offsets
        assert own.project_id == "shop"

    await asyncio.gather(*(write(number) for number in range(522)))
    assert offsets == list(range(1, 523))


async def test_a_cancelled_write_is_written_all_the_same(database: ProjectDatabase) -> None:
    seen: list[LoggedEvent] = []
    database.listen(seen.extend)
    release = threading.Event()
    blocker = asyncio.create_task(database.write(lambda _: release.wait(10)))
    cancelled = asyncio.create_task(database.write(set_value("cancelled")))
    failing = asyncio.create_task(database.write(fail))
    await asyncio.sleep(0.01)
    cancelled.cancel()
    failing.cancel()
    await asyncio.gather(cancelled, failing, return_exceptions=True)
    release.set()
    await blocker
    assert await database.write(set_value("later")) == "later"
    assert await written(database, "cancelled")
    assert len(seen) == 2


async def test_events_without_a_change_and_changes_without_an_event(database: ProjectDatabase) -> None:
    seen: list[LoggedEvent] = []
    database.listen(seen.extend)
    await database.write(lambda transaction: write_state(transaction.connection, "quiet", ""))
    assert seen == []
    await database.write(lambda transaction: [transaction.append(event(1)), transaction.append(event(2))])
    assert [logged.offset for logged in seen] == [1, 2]


async def test_read_sees_one_moment(database: ProjectDatabase) -> None:
    await write(database, "name", "old")
    loop = asyncio.get_running_loop()

    def unit(connection: Connection) -> list[str | None]:
        before = read_state(connection, "name")
        asyncio.run_coroutine_threadsafe(write(database, "name", "new"), loop).result(10)
        return [before, read_state(connection, "name")]

    assert await database.read(unit) == ["old", "old"]
    assert await database.read(lambda connection: read_state(connection, "name")) == "new"


async def test_reads_cannot_write(database: ProjectDatabase) -> None:
    with pytest.raises(DBAPIError):
        await database.read(lambda connection: write_state(connection, "name", ""))
    assert await database.read(lambda connection: read_state(connection, "name")) is None


async def test_what_was_found_counts_until_anyone_commits(database: ProjectDatabase, node: Open) -> None:
    found = await database.find(event_log.last_offset, NEVER)
    assert await database.find(event_log.last_offset, found) is found
    await write(database, "own")
    own = await database.find(event_log.last_offset, found)
    assert own is not found
    assert await database.find(event_log.last_offset, own) is own
    other = await node()
    await write(other, "foreign")
    assert await database.find(event_log.last_offset, own) is not own
