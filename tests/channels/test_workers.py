"""Custom channels over several worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.channels.conftest import Listener, Party, partying, refusal, send
from tests.support.server import TidewireServer

WORKERS = 3
CLIENTS = 12
"""Connections that are spread over the workers by chance: to miss one is all but impossible."""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    running = TidewireServer(
        tmp_path_factory.mktemp("workers") / "data",
        ["--workers", str(WORKERS), "--drain-seconds", "0.2", "--realtime-leave-seconds", "0.2"],
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


async def _members(party: Party, channel: str) -> set[str]:
    """Who is on a channel, as a process of chance says."""
    async with httpx.AsyncClient(
        base_url=party.server.endpoint, headers=party.admin.headers, timeout=30
    ) as client:
        page = (await client.get(f"/realtime/channels/{channel}/members")).json()
    return {each["$id"] for each in page["members"]}


async def _agree(party: Party, channel: str, expected: set[str]) -> None:
    """Wait until all processes, as far as many questions show, say that these are on a channel."""
    same = 0
    for _ in range(3000):
        same = same + 1 if await _members(party, channel) == expected else 0
        if same == 4 * WORKERS:
            return
        if not same:
            await asyncio.sleep(0.02)
    raise AssertionError(f"not all say {expected}")


async def test_members_are_known_and_told_in_all_processes(party: Party) -> None:
    await party.rule("everywhere", read=["any"], presence=True)
    watchers = [await party.listen("everywhere.members") for _ in range(6)]
    people = [await party.user() for _ in range(4)]
    tabs = [
        (user_id, await party.listen("everywhere", session=session))
        for user_id, session in people
        for _ in range(3)
    ]
    everybody = {user_id for user_id, _ in people}
    await _agree(party, "everywhere", everybody)
    for watcher in watchers:
        joined = [(await watcher.event())["events"][0] for _ in everybody]
        assert set(joined) == {f"channels.everywhere.members.{each}.join" for each in everybody}
    gone = people[0][0]
    for user_id, tab in tabs:
        if user_id == gone:
            await tab.socket.close()
    for watcher in watchers:
        assert (await watcher.event())["events"][0] == f"channels.everywhere.members.{gone}.leave"
    await _agree(party, "everywhere", everybody - {gone})


async def test_members_of_a_killed_process_leave_and_a_new_one_knows_the_others(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = TidewireServer(
        tmp_path_factory.mktemp("killed") / "data",
        ["--workers", str(WORKERS), "--drain-seconds", "0.2", "--realtime-leave-seconds", "0.2"],
    ).start()
    try:
        async with partying(server) as party:
            await party.rule("mortal", read=["any"], presence=True)
            people = [await party.user() for _ in range(CLIENTS)]
            tabs = {user_id: await party.listen("mortal", session=session) for user_id, session in people}
            await _agree(party, "mortal", set(tabs))
            assert server.process
            number = server.process.pid
            workers = Path(f"/proc/{number}/task/{number}/children").read_text().split()
            os.kill(int(workers[0]), signal.SIGKILL)
            # Who was connected to it sees the end of the connection; the others are still there.
            left = {user_id for user_id, tab in tabs.items() if await _is_open(tab, party)}
            await _agree(party, "mortal", left)
    finally:
        server.stop()


async def _is_open(listener: Listener, party: Party) -> bool:
    """Whether a connection is alive: it answers."""
    try:
        return bool((await listener.ask("ping", None))["type"] == "pong")
    except ConnectionClosed:
        return False
