"""Custom channels over several worker processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.channels.conftest import Listener, Party, partying, refusal, send
from tests.support.server import TidewireServer

WORKERS = 3
CLIENTS = 12
"""Connections that are spread over the workers by chance: to miss one is all but impossible."""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    running = TidewireServer(
        tmp_path_factory.mktemp("workers") / "data", ["--workers", str(WORKERS), "--drain-seconds", "0.2"]
    ).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
async def party(workers: TidewireServer) -> AsyncIterator[Party]:
    async with partying(workers) as opened:
        yield opened


async def _processes(party: Party) -> set[str]:
    """The workers that have connections, as far as a few questions show."""
    found: set[str] = set()
    for _ in range(60):
        async with httpx.AsyncClient(base_url=party.server.endpoint, headers=party.admin.headers) as client:
            page = (await client.get("/realtime/connections")).json()
        found |= {each["$id"].rpartition("-")[0] for each in page["connections"]}
        if len(found) == WORKERS:
            break
    return found


async def test_messages_reach_the_subscribers_of_all_processes_in_order(party: Party) -> None:
    await party.rule("wide", read=["any"])
    listeners = [await party.listen("wide") for _ in range(CLIENTS)]
    assert len(await _processes(party)) > 1
    for number in range(100):
        await party.publish("wide", n=number)
    for listener in listeners:
        assert [(await listener.event())["payload"]["n"] for _ in range(100)] == list(range(100))


async def test_publishers_everywhere_are_heard_everywhere_once(party: Party) -> None:
    await party.rule("all", read=["any"], publish=["any"])
    talkers = [await party.listen("all") for _ in range(CLIENTS)]

    async def talk(talker: Listener, number: int) -> list[tuple[int, int]]:
        for turn in range(5):
            row = {"channel": "all", "payload": {"by": number, "turn": turn}}
            await talker.socket.send(json.dumps({"type": "publish", "data": [row]}))
        heard: list[tuple[int, int]] = []
        while len(heard) < CLIENTS * 5:
            frame = await talker.frame()
            if frame["type"] == "event":
                payload = frame["data"]["payload"]
                heard.append((payload["by"], payload["turn"]))
        return heard

    everything = {(number, turn) for number in range(CLIENTS) for turn in range(5)}
    for heard in await asyncio.gather(*(talk(each, number) for number, each in enumerate(talkers))):
        assert set(heard) == everything
        for number in range(CLIENTS):
            assert [turn for by, turn in heard if by == number] == list(range(5))


async def test_a_changed_rule_holds_in_all_processes_with_the_next_message(party: Party) -> None:
    await party.rule("rules", publish=["any"])
    listeners = [await party.listen("rules") for _ in range(CLIENTS)]
    guests = [await party.rest() for _ in range(6)]
    expected = []
    for round_ in range(12):
        is_open = round_ % 2 == 0
        await party.change("rules", read=["any"] if is_open else ["users"])
        answers = await asyncio.gather(
            *(send(guest, "rules", {"round": round_, "by": by}) for by, guest in enumerate(guests))
        )
        assert {answer.status_code for answer in answers} == {201}
        if is_open:
            expected += [(round_, by) for by in range(len(guests))]
    await party.change("rules", publish=[])
    for guest in guests:
        assert (await send(guest, "rules", {})).status_code == 401
    for listener in listeners:
        heard = [(await listener.event())["payload"] for _ in expected]
        assert sorted((each["round"], each["by"]) for each in heard) == expected


async def test_a_key_is_known_in_all_processes(party: Party) -> None:
    await party.rule("keyed", read=["any"])
    listeners = [await party.listen("keyed") for _ in range(CLIENTS)]
    first = await send(party.admin, "keyed", {"n": 1}, idempotencyKey="k")
    assert first.status_code == 201
    # What is sent next by the same process arrives next: after it, all know of the key.
    for listener in listeners:
        assert await listener.payloads() == [{"n": 1}]
    for _ in range(12):  # each over a connection of its own, to whichever process takes it
        async with httpx.AsyncClient(
            base_url=party.server.endpoint, headers=party.admin.headers, timeout=30
        ) as client:
            same = await send(client, "keyed", {"n": 1}, idempotencyKey="k")
            assert same.json() == first.json()
            other = await send(client, "keyed", {"n": 2}, idempotencyKey="k")
            assert refusal(other) == (409, "channel_message_conflict")
    assert await listeners[0].payloads() == []
