"""Work in turns: all of it, in order, with others served in between."""

from __future__ import annotations

import asyncio

import pytest

from tidewire.realtime.turns import PER_ROUND, Turns


async def test_all_is_done_in_order_and_others_get_their_turn() -> None:
    turns, done = Turns(), list[int]()
    for number in range(5 * PER_ROUND + 1):
        turns.enter(lambda number=number: done.append(number))  # type: ignore[misc]
    assert not done
    seen = []
    while len(done) < 5 * PER_ROUND + 1:
        await asyncio.sleep(0)
        seen.append(len(done))
    assert done == list(range(5 * PER_ROUND + 1))
    assert seen == sorted(seen)
    assert len(seen) >= 5


async def test_work_that_fails_does_not_stop_the_rest() -> None:
    turns, done = Turns(), list[str]()
    failures = list[object]()
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: failures.append(context["exception"])
    )

    def fail() -> None:
        raise ValueError("it fails")

    turns.enter(fail)
    turns.enter(lambda: done.append("the rest"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert done == ["the rest"]
    assert [type(each) for each in failures] == [ValueError]


async def test_work_may_enter_more_work() -> None:
    turns = Turns()
    more = asyncio.Event()
    turns.enter(lambda: turns.enter(more.set))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await more.wait()
    await more.wait()
