"""What two processes know of their connections, as one answer: its bounds, and who goes meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import PROJECT, START, RealtimeServer, ask, receive, subscribe
from tests.realtime.console.test_console import console
from tests.realtime.world import Json
from tidewire.bus.mesh import Mesh
from tidewire.core.inspection import Occurrence
from tidewire.core.models.realtime import RealtimeConnectionList
from tidewire.realtime.survey import inspection, inspector
from tidewire.realtime.survey.survey import Answer, CountConnections, DescribeConnections, Question
from tidewire.store.instance.commits import Commits

EVENT = Occurrence(["c0"], ["any"], b"{}")


@pytest.fixture
async def pair(start: START, tmp_path: Path) -> AsyncIterator[list[RealtimeServer]]:
    """Two processes, as far as they can tell."""
    async with AsyncExitStack() as stack:
        servers = [await start(), await start()]
        for server in servers:
            realtime = server.realtime
            mesh = Mesh(
                tmp_path,
                realtime.process.id,
                realtime.peers,
                realtime.survey.answer,
                Commits(lambda _: None),
            )
            await mesh.start()
            stack.push_async_callback(mesh.close)
            realtime.survey.connect(mesh)
        yield servers


@pytest.fixture
async def opened(pair: list[RealtimeServer]) -> AsyncIterator[list[ClientConnection]]:
    """Connections by turns to the one and the other process, each with a channel of its own."""
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(7):
            client = await stack.enter_async_context(pair[number % 2].client())
            await receive(client)
            await subscribe(client, f"c{number}")
            clients.append(client)
        yield clients


async def _page(server: RealtimeServer, limit: int = 100, offset: int = 0) -> RealtimeConnectionList:
    return await server.realtime.inspector.connections(PROJECT, None, limit, offset)


def _channels(page: RealtimeConnectionList) -> list[str]:
    return [each.subscriptions[0].channels[0] for each in page.connections]


async def test_pages_are_bounded_in_bytes_and_leave_nobody_out(
    pair: list[RealtimeServer], opened: list[ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = [f"c{number}" for number in range(7)]
    for server in pair:
        assert _channels(await _page(server)) == everybody
        assert _channels(await _page(server, 3, 2)) == everybody[2:5]
        far = await _page(server, 3, 2**53)
        assert (far.total, far.connections) == (7, [])
    monkeypatch.setattr(inspector, "MAX_BYTES", 2)
    found: list[str] = []
    while len(found) < 7:
        page = await _page(pair[0], offset=len(found))
        assert 1 <= len(page.connections) <= 2, "one of each process, where these come next"
        found += _channels(page)
    assert found == everybody
    explained = await pair[0].realtime.inspector.explain(PROJECT, EVENT, None, "")
    assert len(explained.verdicts) == 2


async def test_who_goes_while_a_page_is_made_is_not_on_it(
    pair: list[RealtimeServer], opened: list[ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = pair[1].realtime.survey
    find = there._find

    async def late(question: Question) -> Answer:
        if isinstance(question, DescribeConnections):
            await opened[1].close()
            for _ in range(100):
                await asyncio.sleep(0)  # in which the process notices it
        return await find(question)

    monkeypatch.setattr(there, "_find", late)
    assert _channels(await _page(pair[0])) == ["c0", "c2", "c3", "c4", "c5", "c6"]


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "9" * 20, "9" * 43, "\u0661"])
async def test_a_connection_that_cannot_be_is_not_explained(pair: list[RealtimeServer], number: str) -> None:
    for holder in pair:
        wanted = f"{holder.realtime.process.id}-{number}"
        explained = await pair[0].realtime.inspector.explain(PROJECT, EVENT, wanted, "")
        assert (explained.verdicts, explained.missing_processes) == ([], [])


async def test_a_process_that_cannot_answer_is_named(
    pair: list[RealtimeServer], opened: list[ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(question: Question) -> Answer:
        raise ValueError

    monkeypatch.setattr(pair[1].realtime.survey, "_find", fail)
    page = await _page(pair[0])
    assert (_channels(page), page.total) == (["c0", "c2", "c4", "c6"], 4)
    assert page.missing_processes == [pair[1].realtime.process.id]


async def test_what_is_too_long_to_be_told_is_cut_and_said_so(
    pair: list[RealtimeServer], opened: list[ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "MAX_TEXT", 200)
    await subscribe(opened[1], *(f"long{number:03}" for number in range(50)), name="long")
    query = json.dumps({"method": "equal", "attribute": "x" * 300, "values": ["y"]})
    await ask(opened[1], "subscribe", [{"subscriptionId": "q", "channels": ["c0"], "queries": [query]}])
    connections = (await _page(pair[0])).connections
    assert [each.truncated for each in connections] == [number == 1 for number in range(7)]
    assert [held.id for held in connections[1].subscriptions] == ["s"]
    explained = await pair[0].realtime.inspector.explain(PROJECT, EVENT, connections[1].id, "")
    assert [each.truncated for each in explained.verdicts] == [True]


async def test_the_console_is_told_the_connections_of_all_processes(
    pair: list[RealtimeServer], opened: list[ClientConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = pair[1].realtime.survey
    find = there._find
    counted = asyncio.Event()

    async def fail_once(question: Question) -> Answer:
        if isinstance(question, CountConnections) and not counted.is_set():
            counted.set()
            raise ValueError
        return await find(question)

    monkeypatch.setattr(there, "_find", fail_once)
    async with console(pair[0], "ada") as ada:
        await subscribe(ada, "project")
        for _ in range(2):
            project = pair[0].realtime.projects.by_id["console"]
            assert project.hub.console is not None
            await pair[0].realtime.housekeeping.tell_console_once(project, project.hub.console)
        told: Json = (await receive(ada))["data"]
        assert counted.is_set()
        assert told["payload"] == {PROJECT: 7}, "a sum without the other process is not told"
