"""The feed: every event once, in order, whoever committed it; and roles before the events that need them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import PROJECT, RealtimeServer, ask, close_status, receive, subscribe, told_of
from tests.store.samples import event
from tidewire.core.events import LoggedEvent
from tidewire.realtime.hub import feed
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import trim
from tidewire.store.schema import users


async def _other_process(server: RealtimeServer) -> Database:
    """The project's database, opened once more: its commits are not announced to this server."""
    path = Path(server.instance.settings.data_dir) / "projects" / PROJECT / "database.sqlite3"
    return await Database.open(path, PROJECT, synchronous="normal")


async def _append(database: Database, number: int, **changes: Any) -> LoggedEvent:
    return await database.write(lambda transaction: transaction.append(event(number, **changes)))


async def _received(client: ClientConnection, count: int) -> list[str]:
    return [(await receive(client))["data"]["payload"]["$id"] for _ in range(count)]


async def _nothing_more(client: ClientConnection) -> bool:
    """Whether an answer comes before any event."""
    await client.send('{"type":"ping"}')
    return bool((await receive(client))["type"] == "pong")


async def test_commits_of_others_arrive_when_they_are_told_of(server: RealtimeServer) -> None:
    other = await _other_process(server)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        for number in range(450):
            await _append(other, number)
        server.realtime.wake(PROJECT)
        assert await _received(client, 450) == [f"f{number}" for number in range(450)]
        server.realtime.wake(PROJECT)
        assert await _nothing_more(client)
    await other.close()


async def test_a_gap_shows_that_others_committed(server: RealtimeServer) -> None:
    other = await _other_process(server)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        await server.publish(1)
        await _append(other, 2)
        await _append(other, 3)
        await server.publish(4)
        await server.publish(5)
        assert await _received(client, 5) == ["f1", "f2", "f3", "f4", "f5"]
        assert await _nothing_more(client)
    await other.close()


async def test_events_that_were_trimmed_before_they_were_read_send_clients_back(
    server: RealtimeServer,
) -> None:
    """They would miss them, and never be told."""
    other = await _other_process(server)
    async with server.client() as client:
        place = (await receive(client))["data"]
        await subscribe(client, "files")
        for number in range(3):
            await _append(other, number)
        await other.write(lambda transaction: trim(transaction.connection, 10**15, 1))
        await server.publish(4)
        assert await close_status(client) == 1013
    async with server.client() as client:
        await receive(client)
        since = {"offset": place["offset"], "epoch": place["epoch"]}
        row = {"subscriptionId": "s", "channels": ["files"], "since": since}
        assert told_of(await ask(client, "subscribe", [row]), "s")["recovered"] is False
        await server.publish(5)
        assert await _received(client, 1) == ["f5"]
    await other.close()


async def test_only_what_is_committed_after_the_subscription_arrives(server: RealtimeServer) -> None:
    await server.publish(1)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        await server.publish(2)
        assert await _received(client, 1) == ["f2"]
    assert await server.is_left_empty()
    await server.publish(3)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        assert await _nothing_more(client)
        await server.publish(4)
        assert await _received(client, 1) == ["f4"]


async def test_every_event_after_the_answer_arrives_while_others_commit(server: RealtimeServer) -> None:
    """Connections come while events are committed without pause; none has a hole in what it gets."""
    stop = asyncio.Event()

    async def commit() -> None:
        while not stop.is_set():
            await asyncio.gather(*(server.publish() for _ in range(5)))

    async def follow() -> None:
        async with server.client() as client:
            await receive(client)
            await client.send('{"type":"subscribe","data":[{"channels":["files"]}]}')
            while (await receive(client))["type"] != "response":
                raise AssertionError("an event came before the answer")
            after_answer = await server.publish()
            offsets = [(await receive(client))["data"]["offset"]]
            while len(offsets) < 50:
                offsets.append((await receive(client))["data"]["offset"])
            assert offsets == list(range(offsets[0], offsets[0] + 50))
            assert offsets[0] <= after_answer.offset

    committing = asyncio.create_task(commit())
    await asyncio.gather(*(follow() for _ in range(8)))
    stop.set()
    await committing


async def test_more_events_than_are_queued_are_read_from_the_log(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_QUEUE", 3)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        logged = await asyncio.gather(*(server.publish(number) for number in range(100)))
        expected = [each.event.payload for each in sorted(logged, key=lambda one: one.offset)]
        assert await _received(client, 100) == [json.loads(payload)["$id"] for payload in expected]


async def test_a_feed_survives_a_database_that_fails(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "RETRY_SECONDS", 0.01)
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")

        async def fail(unit: Any, *, lane: str = "") -> Any:
            monkeypatch.delattr(store.database, "read")
            raise OSError("the disk is gone")

        monkeypatch.setattr(store.database, "read", fail)
        server.realtime.wake(PROJECT)
        await server.publish(1)
        await server.publish(2)
        assert await _received(client, 2) == ["f1", "f2"]


async def test_roles_are_fresh_before_the_event_that_changed_them(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client(x_appwrite_session=session) as client:
        await receive(client)
        await subscribe(client, "teams")
        for labels, number in ((["vip"], 1), ([], 2)):
            change = update(users).values(labels=labels)
            logged = event(
                number, channels=["teams"], roles=["label:vip"], user_id="u1", permissions_changed=True
            )

            def commit(transaction: Any, change: Any = change, logged: Any = logged) -> None:
                transaction.connection.execute(change)
                transaction.append(logged)

            await store.database.write(commit)
        await server.publish(3, channels=["teams"], roles=["label:vip"])
        await server.publish(4, channels=["teams"], roles=["users"])
        received = await _received(client, 1)
        if received == ["f1"]:
            # Delivered unless the label was gone again before the event was looked at.
            received = await _received(client, 1)
        assert received == ["f4"]


async def test_events_for_the_console_reach_its_connections_only(server: RealtimeServer) -> None:
    async with server.client() as client, server.client("project=console") as console:
        for each in (client, console):
            await receive(each)
            await subscribe(each, "console", "files")
        await server.publish(1, channels=["console", "projects.p"], audience="console")
        assert await _received(console, 1) == ["f1"]
        assert await _nothing_more(client)
        await server.publish(2)
        assert await _received(client, 1) == ["f2"]
        assert await _nothing_more(console)
