"""The mesh of processes, here several in one: order, bounds, and those that come, go and die."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tidewire.bus import asking
from tidewire.bus import mesh as mesh_module
from tidewire.bus.doorbell import Doorbell
from tidewire.bus.mesh import Mesh
from tidewire.store.machine.processes import LivingProcess


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


class Process:
    """A process that greets with its name and keeps what it is told."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self.name = name.encode()
        self.living = LivingProcess(data_dir)
        self.mesh = Mesh(data_dir, self.living.id, self, self.answer, self)
        self.told: list[bytes] = []
        self.greeted_by: list[bytes] = []
        self.losses = 0
        self.rings: list[str] = []
        self.overlookings = 0
        self.links: list[Any] = []
        self.asked = asyncio.Event()
        self.gave_up = asyncio.Event()

    def received(self, link: object, frame: bytes) -> None:
        if frame.startswith(b"I am "):
            self.greeted_by.append(frame[5:])
            self.links.append(link)
        elif frame == b"fail":
            raise ValueError
        else:
            self.told.append(frame)

    def lost(self, link: object) -> None:  # noqa: ARG002
        self.losses += 1

    def rung(self, project_id: str) -> None:
        self.rings.append(project_id)

    def overlooked(self) -> None:
        self.overlookings += 1

    def greeting(self) -> list[bytes]:
        return [b"I am " + self.name]

    async def answer(self, question: bytes) -> bytes:
        if question == b"fail":
            raise ValueError
        if question == b"wait":
            self.asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.gave_up.set()
        return self.name + b": " + question

    async def die(self) -> None:
        """End as if killed: the socket's file stays, nobody listens, the lock is given back."""
        file = self.mesh._meeting.path / self.living.id
        kept = file.with_name("kept")
        file.rename(kept)
        await self.mesh.close()
        kept.rename(file)
        self.living.close()


Make = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    async with contextlib.AsyncExitStack() as stack:

        async def make_one(name: str) -> Process:
            process = Process(tmp_path, name)
            await process.mesh.start()

            async def end() -> None:
                with contextlib.suppress(OSError):
                    await process.mesh.close()

            stack.push_async_callback(end)
            return process

        yield make_one


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not come about")


async def test_all_hear_each_one_in_order(make: Make) -> None:
    processes = [await make(name) for name in "abc"]
    await until(lambda: all(each.mesh.peers == 2 for each in processes))
    for number in range(200):
        for each in processes:
            each.mesh.send(each.name + b" %d" % number)
    await until(lambda: all(len(each.told) == 400 for each in processes))
    for each in processes:
        assert sorted(each.greeted_by) == sorted({b"a", b"b", b"c"} - {each.name})
        for other in {b"a", b"b", b"c"} - {each.name}:
            own = [frame for frame in each.told if frame.startswith(other)]
            assert own == [other + b" %d" % number for number in range(200)]


async def test_a_new_process_has_been_greeted_when_it_begins(make: Make) -> None:
    await make("a")
    await make("b")
    newest = await make("c")
    assert sorted(newest.greeted_by) == [b"a", b"b"]


async def test_frames_of_all_sizes_arrive_whole(make: Make) -> None:
    first, second = await make("a"), await make("b")
    frames = [bytes([number % 256]) * size for number, size in enumerate((0, 1, 3, 4, 70_000, 1_000_000, 5))]
    await until(lambda: first.mesh.peers == 1)
    for frame in frames:
        first.mesh.send(frame)
    await until(lambda: len(second.told) == len(frames))
    assert second.told == frames


async def test_sockets_are_private_and_removed(make: Make, tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    directory = tmp_path / "mesh"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.name for path in directory.iterdir()} == {first.living.id, second.living.id}
    await first.mesh.close()
    first.living.close()
    await until(lambda: second.losses == 1 and second.mesh.peers == 0)
    await until(lambda: not second.mesh._links)
    assert [path.name for path in directory.iterdir()] == [second.living.id]


async def test_what_a_killed_process_left_is_removed(make: Make, tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    await until(lambda: first.mesh.peers == second.mesh.peers == 1)
    await second.die()
    await until(lambda: first.losses == 1 and not first.mesh._links)
    assert [path.name for path in (tmp_path / "mesh").iterdir()] == [first.living.id]
    third = await make("c")
    assert third.greeted_by == [b"a"]


async def test_who_does_not_read_is_bounded_and_begins_anew(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh_module, "MAX_QUEUE", 1_000_000)
    first, second = await make("a"), await make("b")
    await until(lambda: bool(second.links) and first.mesh.peers == 1)
    [link] = second.links
    link.transport.pause_reading()
    [outgoing] = first.mesh._links.values()
    assert sum(first.mesh.send(b"x" * 100_000) for _ in range(100)) > 50
    assert outgoing.transport is not None
    assert outgoing.transport.get_write_buffer_size() <= 1_000_000 + 100_004
    first.mesh.send(b"important", may_be_lost=False)
    await until(lambda: second.greeted_by == [b"a", b"a"])
    await until(lambda: first.mesh.peers == 1)
    first.mesh.send(b"after")
    await until(lambda: second.told[-1:] == [b"after"])


async def test_strangers_and_broken_frames_end_their_own_link_only(make: Make) -> None:
    first, second = await make("a"), await make("b")
    address = first.mesh._meeting.address(first.living.id)
    for opening in (b"\0\0\0\x03../", b"\xff\xff\xff\xff", b"\0\0\0\x02\xff\xff"):
        reader, writer = await asyncio.open_unix_connection(address)
        writer.write(opening)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    await until(lambda: second.mesh.peers == 1)
    second.mesh.send(b"fail")
    second.mesh.send(b"fine")
    await until(lambda: first.told == [b"fine"])


async def test_questions_are_answered_by_each(make: Make) -> None:
    first, second, third = [await make(name) for name in "abc"]
    assert first.mesh.others() == sorted([second.living.id, third.living.id])
    question = b"x" * 3_000_000
    asked = {second.living.id: b"", third.living.id: question}
    assert await first.mesh.ask(asked) == {second.living.id: b"b: ", third.living.id: b"c: " + question}
    assert second.losses == third.losses == 0, "the end of a question is not the end of a process"
    assert await first.mesh.ask({}) == {}


async def test_who_does_not_answer_is_left_out_and_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.1)
    first, second, third = [await make(name) for name in "abc"]
    answers = await first.mesh.ask({second.living.id: b"wait", third.living.id: b"well?"})
    assert answers == {second.living.id: None, third.living.id: b"c: well?"}
    await second.gave_up.wait()
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 60)
    assert await first.mesh.ask({second.living.id: b"fail"}) == {second.living.id: None}
    assert await first.mesh.ask({second.living.id: b"now"}) == {second.living.id: b"b: now"}


async def test_who_dies_before_it_answers_is_gone_at_once(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 3600)
    first, second = await make("a"), await make("b")
    asking_it = asyncio.create_task(first.mesh.ask({second.living.id: b"wait"}))
    await second.asked.wait()
    await second.die()
    assert await asking_it == {}
    await until(lambda: first.mesh.others() == [])
    assert await first.mesh.ask({second.living.id: b"still there?"}) == {}


async def test_answers_are_bounded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await make("a"), await make("b")
    monkeypatch.setattr(asking, "MAX_FRAME", 1000)
    assert await first.mesh.ask({second.living.id: b"x" * 1000}) == {second.living.id: None}


async def test_a_connection_that_asked_may_not_do_more(make: Make) -> None:
    first = await make("a")
    reader, writer = await asyncio.open_unix_connection(first.mesh._meeting.address(first.living.id))
    writer.write(asking.framed(b"?wait") + asking.framed(b"another"))
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    await first.gave_up.wait()
    writer.close()


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    first, second = Process(directory, "a"), Process(directory, "b")
    await first.mesh.start()
    await second.mesh.start()
    assert second.greeted_by == [b"a"]
    await first.mesh.close()
    await second.mesh.close()


async def test_who_commits_rings_at_all_processes_and_says_goodbye(make: Make, tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    doorbell = Doorbell(tmp_path)
    doorbell.ring("p1")
    doorbell.ring("p2")
    third = await make("c")
    doorbell.ring("p3")
    await until(lambda: first.rings == second.rings == ["p1", "p2", "p3"] and third.rings == ["p3"])
    doorbell.close()
    doorbell.ring("late")
    await until(
        lambda: not any(link.rings for each in (first, second, third) for link in each.mesh._incoming)
    )
    assert first.overlookings == second.overlookings == third.overlookings == 0


async def test_a_process_does_not_ring_at_itself(make: Make, tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    doorbell = Doorbell(tmp_path)
    doorbell.own = first.living.id
    doorbell.ring("p")
    await until(lambda: second.rings == ["p"])
    assert first.rings == []
    doorbell.close()


async def test_where_nobody_has_served_nobody_is_rung_at(tmp_path: Path) -> None:
    doorbell = Doorbell(tmp_path)
    doorbell.ring("p")
    doorbell.close()
    assert not list(tmp_path.iterdir())


async def test_without_a_goodbye_something_may_have_been_overlooked(make: Make, tmp_path: Path) -> None:
    first, second = await make("a"), await make("b")
    await until(lambda: first.mesh.peers == second.mesh.peers == 1)
    doorbell = Doorbell(tmp_path)
    await until(lambda: any(link.rings for link in first.mesh._incoming))
    for connection in doorbell._connections.values():
        connection.close()  # as the system does when a process is killed
    await until(lambda: first.overlookings == second.overlookings == 1)
    await second.die()
    await until(lambda: first.overlookings == 2)


async def test_who_does_not_read_is_given_up_without_waiting(make: Make, tmp_path: Path) -> None:
    first = await make("a")
    doorbell = Doorbell(tmp_path)
    for _ in range(2000):  # far more than the system keeps, while nobody here reads
        doorbell.ring("p" * 36)
    await until(lambda: first.overlookings > 0)
    doorbell.ring("again")
    await until(lambda: "again" in first.rings)
    doorbell.close()
