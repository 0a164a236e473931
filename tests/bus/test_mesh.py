"""The mesh: sockets, broken frames, processes that are killed, and the rings of those who commit.

What every bus promises is in ``tests/contracts/test_bus.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bus.processes import Make, MeshProcess, making, until
from tidewire.bus import asking
from tidewire.bus.doorbell import Doorbell


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make[MeshProcess]]:
    async with making(lambda name: MeshProcess(tmp_path, name)) as make_one:
        yield make_one


async def test_sockets_are_private_and_removed(make: Make[MeshProcess], tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    directory = tmp_path / "mesh"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.name for path in directory.iterdir()} == {first.id, second.id}
    await first.bus.close()
    first.living.close()
    await until(lambda: second.losses == 1 and second.bus.peers == 0)
    await until(lambda: not second.bus._links)
    assert [path.name for path in directory.iterdir()] == [second.id]


async def test_what_a_killed_process_left_is_removed(make: Make[MeshProcess], tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    await until(lambda: first.bus.peers == second.bus.peers == 1)
    await second.die()
    await until(lambda: first.losses == 1 and not first.bus._links)
    assert [path.name for path in (tmp_path / "mesh").iterdir()] == [first.id]
    third = await make("c")
    assert third.greeted_by == [b"a"]


async def test_strangers_and_broken_frames_end_their_own_link_only(make: Make[MeshProcess]) -> None:
    first, second = await make("a"), await make("b")
    address = first.bus._meeting.address(first.id)
    for opening in (b"\0\0\0\x03../", b"\xff\xff\xff\xff", b"\0\0\0\x02\xff\xff"):
        reader, writer = await asyncio.open_unix_connection(address)
        writer.write(opening)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    await until(lambda: second.bus.peers == 1)
    second.bus.send(b"fail")
    second.bus.send(b"fine")
    await until(lambda: first.told == [b"fine"])


async def test_who_dies_before_it_answers_is_gone_at_once(
    make: Make[MeshProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 3600)
    first, second = await make("a"), await make("b")
    asking_it = asyncio.create_task(first.bus.ask({second.id: b"wait"}))
    await second.asked.wait()
    await second.die()
    assert await asking_it == {}
    await until(lambda: first.bus.others() == [])
    assert await first.bus.ask({second.id: b"still there?"}) == {}


async def test_answers_are_bounded(make: Make[MeshProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await make("a"), await make("b")
    monkeypatch.setattr(asking, "MAX_FRAME", 1000)
    assert await first.bus.ask({second.id: b"x" * 1000}) == {second.id: None}


async def test_a_connection_that_asked_may_not_do_more(make: Make[MeshProcess]) -> None:
    first = await make("a")
    reader, writer = await asyncio.open_unix_connection(first.bus._meeting.address(first.id))
    writer.write(asking.framed(b"?wait") + asking.framed(b"another"))
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    await first.gave_up.wait()
    writer.close()


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    first, second = MeshProcess(directory, "a"), MeshProcess(directory, "b")
    await first.bus.start()
    await second.bus.start()
    assert second.greeted_by == [b"a"]
    await first.bus.close()
    await second.bus.close()


async def test_who_commits_rings_at_all_processes_and_says_goodbye(
    make: Make[MeshProcess], tmp_path: Path
) -> None:
    first, second = await make("a"), await make("b")
    doorbell = Doorbell(tmp_path)
    doorbell.ring("p1")
    doorbell.ring("p2")
    third = await make("c")
    doorbell.ring("p3")
    await until(lambda: first.rings == second.rings == ["p1", "p2", "p3"] and third.rings == ["p3"])
    doorbell.close()
    doorbell.ring("late")
    await until(lambda: not any(link.rings for each in (first, second, third) for link in each.bus._incoming))
    assert first.overlookings == second.overlookings == third.overlookings == 0


async def test_a_process_does_not_ring_at_itself(make: Make[MeshProcess], tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    doorbell = Doorbell(tmp_path)
    doorbell.own = first.id
    doorbell.ring("p")
    await until(lambda: second.rings == ["p"])
    assert first.rings == []
    doorbell.close()


async def test_where_nobody_has_served_nobody_is_rung_at(tmp_path: Path) -> None:
    doorbell = Doorbell(tmp_path)
    doorbell.ring("p")
    doorbell.close()
    assert not list(tmp_path.iterdir())


async def test_without_a_goodbye_something_may_have_been_overlooked(
    make: Make[MeshProcess], tmp_path: Path
) -> None:
    first, second = await make("a"), await make("b")
    await until(lambda: first.bus.peers == second.bus.peers == 1)
    doorbell = Doorbell(tmp_path)
    await until(lambda: any(link.rings for link in first.bus._incoming))
    for connection in doorbell._connections.values():
        connection.close()  # as the system does when a process is killed
    await until(lambda: first.overlookings == second.overlookings == 1)
    await second.die()
    await until(lambda: first.overlookings == 2)


async def test_who_does_not_read_is_given_up_without_waiting(make: Make[MeshProcess], tmp_path: Path) -> None:
    first = await make("a")
    doorbell = Doorbell(tmp_path)
    for _ in range(2000):  # far more than the system keeps, while nobody here reads
        doorbell.ring("p" * 36)
    await until(lambda: first.overlookings > 0)
    doorbell.ring("again")
    await until(lambda: "again" in first.rings)
    doorbell.close()
