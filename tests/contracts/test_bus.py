"""What every bus promises: order, at most once, bounds, and that losses and silence are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bus.processes import Make, Process, making, until
from tests.contracts.conftest import BUSES
from tidewire.bus.contract import LEAST_FRAME, MAX_QUEUE

SYSTEM_BUFFERS = 2 * 1024 * 1024
"""Bytes that may lie between two processes besides those that the bus keeps."""


@pytest.fixture(params=sorted(BUSES))
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make[Process]]:
    new = BUSES[request.param](tmp_path)
    async with making(new) as make_one:
        yield make_one


async def connected(make: Make[Process], names: str) -> list[Process]:
    """Processes that can all send to each other."""
    processes = [await make(name) for name in names]
    await until(lambda: all(each.bus.peers == len(names) - 1 for each in processes))
    return processes


async def test_in_order_of_one_publisher(make: Make[Process]) -> None:
    processes = await connected(make, "abc")
    for number in range(200):
        for each in processes:
            assert each.bus.send(each.name + b" %d" % number) == 0
    await until(lambda: all(len(each.told) == 400 for each in processes))
    for each in processes:
        assert sorted(each.greeted_by) == sorted({b"a", b"b", b"c"} - {each.name})
        for other in {b"a", b"b", b"c"} - {each.name}:
            own = [frame for frame in each.told if frame.startswith(other)]
            assert own == [other + b" %d" % number for number in range(200)]


async def test_at_most_once(make: Make[Process]) -> None:
    """However often the connection breaks; what arrives is in order still."""
    publisher, subscriber = await connected(make, "ab")
    for number in range(1000):
        publisher.bus.send(b"%d" % number)
        if number % 100 == 99:
            publisher.cut()
            await until(lambda: subscriber.losses == number // 100 + 1)  # noqa: B023
            await until(lambda: publisher.bus.peers == 1)
    publisher.bus.send(b"1000")
    await until(lambda: subscriber.told[-1:] == [b"1000"])
    told = [int(frame) for frame in subscriber.told]
    assert told == sorted(set(told))


async def test_lost_is_told_after_a_reconnect(make: Make[Process]) -> None:
    publisher, subscriber = await connected(make, "ab")
    for losses in range(1, 4):
        publisher.cut()
        await until(lambda: len(subscriber.greeted_by) == losses + 1)  # noqa: B023
        assert subscriber.losses == losses
        assert subscriber.overlookings >= losses
        await until(lambda: publisher.bus.peers == 1)
        publisher.bus.send(b"%d" % losses)
        await until(lambda: len(subscriber.told) == losses)  # noqa: B023
    assert subscriber.told == [b"1", b"2", b"3"]
    assert publisher.losses == 0, "the other direction is not concerned"


async def test_a_slow_subscriber_is_bounded(make: Make[Process]) -> None:
    publisher, slow, other = await connected(make, "abc")
    slow.stop_reading()
    frames = 2 * MAX_QUEUE // LEAST_FRAME
    dropped = 0
    for number in range(frames):
        dropped += publisher.bus.send(b"%05d" % number + bytes(LEAST_FRAME - 5))
        await until(lambda: len(other.told) == number + 1)  # noqa: B023 - it is not held up
    assert (frames - dropped) * LEAST_FRAME <= MAX_QUEUE + SYSTEM_BUFFERS
    assert slow.losses == 0, "what may be lost ends nothing"
    publisher.bus.send(b"important", may_be_lost=False)
    await until(lambda: slow.greeted_by.count(b"a") == 2)
    assert slow.losses == 1, "the end of a link is told before another begins"
    await until(lambda: publisher.bus.peers == 2)
    publisher.bus.send(b"after")
    await until(lambda: slow.told[-1:] == [b"after"])
    assert other.told[-2:] == [b"important", b"after"]
    assert [frame[:5] for frame in slow.told[:-1]] == [
        b"%05d" % number for number in range(len(slow.told) - 1)
    ]


async def test_frames_of_64_kb_or_it_says_no(make: Make[Process]) -> None:
    publisher, subscriber, _ = await connected(make, "abc")
    sent = []
    for number, size in enumerate((0, 1, 3, 4, 5, LEAST_FRAME, 2**20, 2**24 + 1, 7)):
        frame = bytes([number]) * size
        missed = publisher.bus.send(frame)
        assert missed in ({0} if size <= LEAST_FRAME else {0, 2})
        sent += [frame] * (not missed)
        await until(lambda: subscriber.told == sent)  # noqa: B023
    assert subscriber.losses == 0


async def test_a_new_process_has_been_greeted_when_it_begins(make: Make[Process]) -> None:
    await make("a")
    await make("b")
    newest = await make("c")
    assert sorted(newest.greeted_by) == [b"a", b"b"]


async def test_a_frame_that_its_receiver_fails_on_ends_nothing(make: Make[Process]) -> None:
    publisher, subscriber = await connected(make, "ab")
    publisher.bus.send(b"fail")
    publisher.bus.send(b"fine")
    await until(lambda: subscriber.told == [b"fine"])
    assert subscriber.losses == 0


async def test_questions_are_answered_by_each(make: Make[Process]) -> None:
    asking, second, third = await connected(make, "abc")
    assert asking.bus.others() == sorted([second.id, third.id])
    question = b"x" * 3_000_000
    asked = {second.id: b"", third.id: question}
    assert await asking.bus.ask(asked) == {second.id: b"b: ", third.id: b"c: " + question}
    assert second.losses == third.losses == 0, "the end of a question is not the end of a process"
    assert await asking.bus.ask({}) == {}


async def test_ask_names_who_did_not_answer(make: Make[Process]) -> None:
    asking, silent, failing, dead, fine = await connected(make, "abcde")
    await dead.die()
    asked = {silent.id: b"wait", failing.id: b"fail", dead.id: b"there?", fine.id: b"well?"}
    assert await asking.bus.ask(asked) == {silent.id: None, failing.id: None, fine.id: b"e: well?"}
    await silent.gave_up.wait()
    assert await asking.bus.ask({silent.id: b"now"}) == {silent.id: b"b: now"}


async def test_who_is_killed_is_gone_and_may_have_overlooked_something(make: Make[Process]) -> None:
    first, second, third = await connected(make, "abc")
    first.bus.send(b"last words")
    await until(lambda: second.told == third.told == [b"last words"])
    await first.die()
    await until(lambda: second.losses == third.losses == 1)
    assert second.overlookings == third.overlookings == 1
    await until(lambda: second.bus.peers == third.bus.peers == 1)
    second.bus.send(b"on we go")
    await until(lambda: third.told[-1:] == [b"on we go"])
    assert (await make("d")).greeted_by in ([b"b", b"c"], [b"c", b"b"])
