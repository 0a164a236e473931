"""Work in turns: all of it, in order, with others served in between."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from tidewire.realtime.runtime.loop_scheduler import PER_ROUND, LoopScheduler


async def test_all_is_done_in_order_and_others_get_their_turn() -> None:
    turns, done = LoopScheduler(), list[int]()
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
    turns, done = LoopScheduler(), list[str]()
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


async def test_between_rounds_that_leave_something_there_is_a_rest() -> None:
    """In which other threads get the interpreter: a loop that is never idle starves them."""
    turns, done = LoopScheduler(per_round=1, rest=0.05), list[int]()
    loop = asyncio.get_running_loop()
    for number in range(3):
        turns.enter(lambda number=number: done.append(number))  # type: ignore[misc]
    began = loop.time()
    await asyncio.sleep(0)
    assert done == [0], "the first round waits for nothing"
    await turns.turn()
    assert done == [0, 1, 2]
    assert loop.time() - began > 0.1, "three rests, less what the clock rounds"
    await asyncio.sleep(0.06)
    turns.enter(lambda: done.append(3))
    await asyncio.sleep(0)
    assert done == [0, 1, 2, 3], "who comes when nothing waited does not wait either"


async def test_work_may_enter_more_work() -> None:
    turns = LoopScheduler()
    more = asyncio.Event()
    turns.enter(lambda: turns.enter(more.set))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await more.wait()
    await more.wait()


async def test_who_waits_for_a_turn_has_it_alone() -> None:
    """What a caller does with its turn counts as the round's work: many callers do not run in one go."""
    turns, done = LoopScheduler(seconds=0.001, rest=0.001), list[int]()

    async def work(number: int) -> None:
        await turns.turn()
        time.sleep(0.002)  # noqa: ASYNC251 - it holds the event loop, as work does
        done.append(number)

    workers = [asyncio.create_task(work(number)) for number in range(PER_ROUND)]
    seen = [0]
    while not all(worker.done() for worker in workers):
        await asyncio.sleep(0)
        seen.append(len(done))
    assert max(later - earlier for earlier, later in pairwise(seen)) == 1
    assert done == list(range(PER_ROUND))


async def test_who_goes_away_leaves_the_turn_to_the_next() -> None:
    turns = LoopScheduler(per_round=1)
    gone, waiting = asyncio.create_task(turns.turn()), asyncio.create_task(turns.turn())
    await asyncio.sleep(0)
    gone.cancel()
    await waiting
