"""Which processes are warm."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.functions.support import Function, Machine
from tidewire.functions.contract import (
    BadArchiveError,
    CrashedError,
    NotReadyError,
    TimedOutError,
    UnknownRuntimeError,
)
from tidewire.functions.engine import LocalEngine

SLOW = """
const id = Math.random();
module.exports = async ({req, res}) => {
  await new Promise((done) => setTimeout(done, Number(req.bodyText || 0)));
  return res.text(String(id));
};
"""


@pytest.fixture
def node(machine: Machine) -> str:
    return machine.runtime("node")


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.02)


async def test_many_at_once_start_one_process(engine: LocalEngine, node: str) -> None:
    function = Function(engine, node, SLOW)
    answers = await asyncio.gather(*(function() for _ in range(8)))
    assert len({each.body for each in answers}) == 1
    assert all(each.cold_start for each in answers)
    assert (function.fetched, engine.processes) == (1, 1)


async def test_load_starts_more_up_to_a_bound(machine: Machine, root: Path, node: str) -> None:
    engine = machine.engine(root, functions_requests_at_once=1, functions_processes_of_deployment=2)
    try:
        function = Function(engine, node, SLOW)
        answers = await asyncio.gather(*(function(body=b"100") for _ in range(6)))
        assert len({each.body for each in answers}) == 2
        assert (function.fetched, engine.processes) == (1, 2)
    finally:
        await engine.close()


async def test_idle_processes_end(machine: Machine, root: Path, node: str) -> None:
    engine = machine.engine(root, functions_idle_seconds=0.3)
    try:
        function = Function(engine, node, SLOW)
        first = await function()
        await function(body=b"400")
        assert engine.processes == 1
        await until(lambda: engine.processes == 0)
        second = await function()
        assert second.cold_start
        assert second.body != first.body
        assert function.fetched == 1
    finally:
        await engine.close()


async def test_beyond_the_bound_the_one_called_longest_ago_ends(
    machine: Machine, root: Path, node: str
) -> None:
    engine = machine.engine(root, functions_processes_max=2)
    try:
        functions = [Function(engine, node, SLOW, deployment=name) for name in "abc"]
        bodies = [(await each()).body for each in functions[:2]]
        assert (await functions[0]()).body == bodies[0]
        await functions[2]()
        assert engine.processes == 2
        assert (await functions[0]()).body == bodies[0]
        assert (await functions[1]()).cold_start
    finally:
        await engine.close()


async def test_a_busy_deployment_gives_way_to_another(machine: Machine, root: Path, node: str) -> None:
    engine = machine.engine(root, functions_processes_max=1, functions_requests_at_once=1)
    try:
        busy, other = (Function(engine, node, SLOW, deployment=name) for name in "ab")
        running = [asyncio.ensure_future(busy(body=b"300")) for _ in range(4)]
        await asyncio.sleep(0.4)
        assert (await other()).status == 200
        assert not all(each.done() for each in running)
        await asyncio.gather(*running)
    finally:
        await engine.close()


async def test_those_who_wait_are_bounded_in_number_and_time(machine: Machine, root: Path, node: str) -> None:
    engine = machine.engine(
        root, functions_processes_of_deployment=1, functions_requests_at_once=1, functions_requests_waiting=1
    )
    try:
        function = Function(engine, node, SLOW)
        await function()
        running = asyncio.ensure_future(function(body=b"1500"))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(function(timeout=0.5))
        await asyncio.sleep(0.1)
        with pytest.raises(NotReadyError, match="Too many executions"):
            await function()
        with pytest.raises(TimedOutError):
            await waiting
        assert (await running).status == 200
    finally:
        await engine.close()


async def test_a_process_that_ended_is_replaced(engine: LocalEngine, node: str) -> None:
    code = "module.exports = ({req, res}) => req.path === '/die' ? process.exit(3) : res.text('ok');"
    function = Function(engine, node, code)
    assert (await function()).body == b"ok"
    with pytest.raises(CrashedError, match="exit code 3"):
        await function("/die")
    response = await function()
    assert (response.body, response.cold_start) == (b"ok", True)


async def test_one_that_ends_while_idle_is_not_called(engine: LocalEngine, node: str) -> None:
    code = "module.exports = ({res}) => { setTimeout(() => process.exit(0), 50); return res.text('ok'); };"
    function = Function(engine, node, code)
    assert (await function()).body == b"ok"
    await until(lambda: engine.processes == 0)
    assert (await function()).body == b"ok"


async def test_stopping_a_deployment(engine: LocalEngine, node: str) -> None:
    function, other = (Function(engine, node, SLOW, deployment=name) for name in "ab")
    await other()
    running = asyncio.ensure_future(function(body=b"5000"))
    await until(lambda: engine.processes == 2)
    await asyncio.sleep(0.2)
    await engine.stop("project", "a")
    with pytest.raises(CrashedError):
        await running
    assert engine.processes == 1
    assert (await function()).cold_start
    assert function.fetched == 2


async def test_an_execution_that_nobody_waits_for_keeps_its_place(
    machine: Machine, root: Path, node: str
) -> None:
    engine = machine.engine(root, functions_processes_of_deployment=1, functions_requests_at_once=1)
    try:
        function = Function(engine, node, SLOW)
        await function()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(function(body=b"400"), 0.1)
        begun = asyncio.get_running_loop().time()
        await function()
        assert asyncio.get_running_loop().time() - begun > 0.2
    finally:
        await engine.close()


async def test_what_nobody_waits_for_any_more_takes_no_turn(machine: Machine, root: Path, node: str) -> None:
    engine = machine.engine(root, functions_processes_of_deployment=1, functions_requests_at_once=1)
    try:
        function = Function(
            engine,
            node,
            """
            let calls = 0;
            module.exports = async ({req, res}) => {
              calls += 1;
              await new Promise((done) => setTimeout(done, Number(req.bodyText || 0)));
              return res.text(String(calls));
            };
            """,
        )
        await function()
        for _ in range(3):
            running = asyncio.ensure_future(function(body=b"1000"))
            await asyncio.sleep(0)
            waiting = [asyncio.ensure_future(function()) for _ in range(3)]
            await until(lambda: engine.waiting == 3)
            for _ in range(2):
                waiting.pop().cancel()
            await until(lambda: engine.waiting == 1)
            await until(lambda: not engine.waiting)  # it has just been given the process
            waiting.pop().cancel()
            assert (await running).status == 200
        calls = int((await function(timeout=5)).body)
        assert calls <= 1 + 3 + 3 + 1  # of those who waited, only those who were given the process
    finally:
        await engine.close()


async def test_what_cannot_be_run(engine: LocalEngine, node: str) -> None:
    with pytest.raises(UnknownRuntimeError):
        await Function(engine, "node-4", SLOW)()
    function = Function(engine, node, {"../x": "x"}, entrypoint="index.js")
    for _ in range(2):
        with pytest.raises(BadArchiveError):
            await function()
    assert function.fetched == 2


async def test_many_deployments_that_are_idle_cost_no_process(
    machine: Machine, root: Path, node: str
) -> None:
    engine = machine.engine(root, functions_processes_max=2, functions_unpacked_kept=3)
    try:
        functions = [Function(engine, node, SLOW, deployment=str(number)) for number in range(6)]
        for function in functions:
            await function()
        await until(lambda: engine.processes <= 2)
        await until(lambda: len(list(root.glob("*/*.code"))) <= 3)
        assert (await functions[0]()).status == 200
        assert functions[0].fetched == 2
    finally:
        await engine.close()


async def test_a_process_ends_with_the_pipe_of_its_engine(engine: LocalEngine, runtime: str) -> None:
    """As when the server was killed before the process could ask the kernel to be killed with it."""
    code = {
        "node": "module.exports = ({res}) => res.empty();",
        "python": "def main(context): return context.res.empty()",
    }
    function = Function(engine, runtime, code[runtime.split("-")[0]])
    assert (await function()).status == 204
    process = next(iter(engine._folders))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, process._held)  # the last that held the pipe open
    os.close(nothing)
    async with asyncio.timeout(8):
        await process.ended
    assert (await function()).cold_start
