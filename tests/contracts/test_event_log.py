"""What the event log of every engine promises."""

from __future__ import annotations

from tests.store.samples import event
from tidewire.core.events import Event
from tidewire.core.time import now
from tidewire.store.engine import event_log
from tidewire.store.engine.contract import ProjectDatabase


async def test_reading_goes_on_after_an_offset(database: ProjectDatabase) -> None:
    assert await database.read(event_log.last_offset) == 0
    assert await append(database, *map(event, range(10))) == list(range(1, 11))
    page = await database.read(lambda connection: event_log.read_after(connection, 4, 3))
    assert [logged.offset for logged in page] == [5, 6, 7]
    assert page[0].project_id == "shop"
    assert page[0].event == event(4)
    assert await database.read(lambda connection: event_log.read_after(connection, 10, 3)) == []
    assert await database.read(event_log.last_offset) == 10


async def test_trim_in_steps(database: ProjectDatabase) -> None:
    await append(database, *(event(number, payload=b"x" * 1000) for number in range(20)))
    assert await trim(database, 10**15, 5 * 1200, limit=10) == 10
    assert await database.read(event_log.trimmed_offset) == 10
    deleted = await trim(database, 10**15, 5 * 1200, limit=10)
    assert 3 <= deleted < 10
    assert await kept(database) == list(range(11 + deleted, 21))
    assert await trim(database, 10**15, 5 * 1200, limit=10) == 0


async def test_trimming_by_age_stops_at_the_first_young_event(database: ProjectDatabase) -> None:
    old, young = now() - 10_000, now()
    ages = [old, old, young, old, young]
    await append(database, *(event(number, timestamp=age) for number, age in enumerate(ages)))
    assert await trim(database, 5_000, 10**9) == 2
    assert await kept(database) == [3, 4, 5]


async def test_offsets_and_size_go_on_after_everything_was_trimmed(database: ProjectDatabase) -> None:
    await append(database, *map(event, range(5)))
    assert await trim(database, 10**15, 0) == 5
    assert await kept(database) == []
    assert await database.read(event_log.last_offset) == 5
    assert await trim(database, 0, 0) == 0
    assert await append(database, event(6), event(7)) == [6, 7]
    assert await trim(database, 10**15, 10**6) == 0
    assert await database.read(event_log.trimmed_offset) == 5


async def append(database: ProjectDatabase, *events: Event) -> list[int]:
    logged = await database.write(lambda transaction: [transaction.append(each) for each in events])
    return [each.offset for each in logged]


async def kept(database: ProjectDatabase) -> list[int]:
    events = await database.read(lambda connection: event_log.read_after(connection, 0, 1000))
    return [logged.offset for logged in events]


async def trim(database: ProjectDatabase, max_age_ms: int, max_bytes: int, limit: int = 500) -> int:
    return await database.write(
        lambda transaction: event_log.trim(transaction.connection, max_age_ms, max_bytes, limit)
    )


async def test_late_readers_are_told(database: ProjectDatabase) -> None:
    await append(database, *map(event, range(10)))
    await trim(database, 10**15, 0, limit=4)

    async def chunk(offset: int) -> list[int] | None:
        found = await database.read(lambda log: event_log.read_chunk(log, offset, 100, 10**6))
        return None if found is None else [each.offset for each in found]

    assert await chunk(3) is None
    assert await chunk(4) == [5, 6, 7, 8, 9, 10]


async def test_a_chunk_ends_at_its_bytes_and_has_one_event_at_least(database: ProjectDatabase) -> None:
    await append(database, *(event(payload=b"x" * 100) for _ in range(5)))
    for most, expected in ((1, 1), (150, 2), (10_000, 5)):
        found = await database.read(lambda log, most=most: event_log.read_chunk(log, 0, 100, most))  # type: ignore[misc]
        assert found is not None
        assert len(found) == expected
