"""What only connections to the console's project get: events of projects, counts, tests, live tails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import delete
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import PROJECT, START, RealtimeServer, ask, close_status, receive, subscribe
from tests.realtime.session.test_sign_in import TEAM, console_user, own_project
from tests.store.samples import event
from tidewire.realtime import housekeeping
from tidewire.store.engine.database import Transaction
from tidewire.store.schema import memberships

TAIL = f"console.tail.{PROJECT}"
SCHEMA = {"channels": ["console", f"projects.{PROJECT}"], "roles": [f"team:{TEAM}"], "audience": "console"}


@asynccontextmanager
async def console(server: RealtimeServer, user_id: str = "") -> AsyncIterator[ClientConnection]:
    """A connection to the console's project, of a guest or of a user in the team that owns a project."""
    headers = {}
    if user_id:
        membership = {} if user_id == "stranger" else {"confirmed": True, "roles": ["owner"]}
        headers["x_appwrite_session"] = await console_user(server, user_id, **membership)
        await own_project(server)
    async with server.client("project=console", **headers) as client:
        await receive(client)
        yield client


@pytest.mark.parametrize("channel", ["console", f"projects.{PROJECT}"])
async def test_events_of_projects_come_though_nobody_is_connected_to_them(
    server: RealtimeServer, channel: str
) -> None:
    async with console(server, "ada") as ada, console(server) as guest:
        await subscribe(guest, channel)
        await subscribe(ada, channel)
        await server.publish(1, **SCHEMA)
        event = (await receive(ada))["data"]
        assert (event["channels"], event["subscriptions"]) == (SCHEMA["channels"], ["s"])
        assert "offset" not in event, "it is in another log than the connection's"
        assert (await ask(guest, "ping"))["type"] == "pong", "nothing came before it"
        assert server.realtime.projects.by_id[PROJECT].feed._watcher is not None
        await ask(ada, "unsubscribe", [{"subscriptionId": "s"}])
        server.realtime.wake("console")
        await subscribe(ada, "console.else")
        await subscribe(ada, "projects.none")
        assert server.realtime.projects.by_id[PROJECT].feed._watcher is None


async def test_events_of_projects_come_to_channels_in_the_url(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    async with server.client("project=console&channels[]=console", x_appwrite_session=session) as ada:
        await receive(ada)
        await ask(ada, "ping")
        await server.publish(1, **SCHEMA)
        assert (await receive(ada))["data"]["channels"] == SCHEMA["channels"]


async def test_who_signs_in_by_message_hears_of_projects_from_then_on(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    async with server.client("project=console") as ada:
        await receive(ada)
        await subscribe(ada, "console")
        assert (await ask(ada, "authentication", {"session": session}))["data"]["user"]["$id"] == "ada"
        await server.publish(1, **SCHEMA)
        assert (await receive(ada))["data"]["subscriptions"] == ["s"]
        assert (await ask(ada, "ping"))["type"] == "pong"


async def test_counts_of_connections_and_tests_are_told(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch, start: START
) -> None:
    monkeypatch.setattr(housekeeping, "TELL_SECONDS", 0.05)
    server = await start()
    async with console(server, "ada") as ada, console(server) as guest, server.client() as caller:
        await receive(caller)
        await subscribe(ada, "project", "tests")
        told = await receive(ada)
        assert list(told["data"]) == ["events", "channels", "timestamp", "payload"]
        assert (told["data"]["events"], told["data"]["channels"]) == (["stats.connections"], ["project"])
        assert told["data"]["payload"] == {PROJECT: 1}
        await subscribe(guest, "project", "tests")
        test = (await receive(guest))["data"]
        assert (test["events"], test["channels"]) == (["test.event"], ["tests"])
        assert (test["payload"], test["subscriptions"]) == ({"response": "WS:/v1/realtime:passed"}, ["s"])


async def test_a_live_tail_shows_every_event_but_no_payload(server: RealtimeServer) -> None:
    query = json.dumps({"method": "equal", "attribute": "action", "values": ["delete"]})
    async with console(server, "ada") as ada:
        rows: list[Any] = [
            {"subscriptionId": "all", "channels": [TAIL]},
            {"subscriptionId": "deletions", "channels": [TAIL], "queries": [query]},
        ]
        assert (await ask(ada, "subscribe", rows))["type"] == "response"
        await server.publish(1, roles=["user:u1"], payload=b'{"$id":"f1","secret":1}')
        frame = await receive(ada)
        assert list(frame["data"]) == ["channels", "events", "subscriptions", "payload"]
        assert (frame["data"]["events"], frame["data"]["subscriptions"]) == (["console.tail"], ["all"])
        [entry] = frame["data"]["payload"]
        assert (entry["event"], entry["resourceId"]) == ("buckets.b1.files.f1.create", "f1")
        await server.publish(2, pattern="buckets.[bucketId].files.[fileId].delete")
        both = [(await receive(ada))["data"] for _ in range(2)]
        assert sorted(each["subscriptions"][0] for each in both) == ["all", "deletions"]


async def test_a_live_tail_is_bounded_and_says_what_it_leaves_out(start: START) -> None:
    server = await start(realtime_tail_rate=3)
    async with console(server, "ada") as ada:
        await subscribe(ada, TAIL)
        for number in range(5):
            await server.publish(number)
        entries, told = (await receive(ada))["data"], (await receive(ada))["data"]
        assert len(entries["payload"]) == 3
        assert told["events"] == ["console.tail.stats"]
        assert told["payload"] == {"$type": "tail.stats", "delivered": 3, "dropped": 2}


async def test_a_live_tail_ends_with_the_role(server: RealtimeServer) -> None:
    async with console(server, "ada") as ada:
        await subscribe(ada, TAIL)

        def leave(transaction: Transaction) -> None:
            transaction.connection.execute(delete(memberships))
            transaction.append(event(1, permissions_changed=True, user_id="ada", channels=[], roles=[]))

        await server.instance.database.write(leave)
        [member] = server.realtime.projects.by_id["console"].hub.index.connections_of("ada")
        while f"team:{TEAM}" in member.roles:
            await ask(ada, "ping")
        await server.publish(1)
        answers = [await ask(ada, "ping") for _ in range(20)]
        assert all(answer["type"] == "pong" for answer in answers)


@pytest.mark.parametrize("channel", [TAIL, "console.tail.nowhere"])
@pytest.mark.parametrize("who", ["", "stranger"])
async def test_a_live_tail_is_refused_to_others(server: RealtimeServer, who: str, channel: str) -> None:
    async with console(server, who) as client:
        rows = [
            {"subscriptionId": "a", "channels": ["files"]},
            {"subscriptionId": "b", "channels": [channel]},
        ]
        assert (await ask(client, "subscribe", rows))["data"]["code"] == 1008
        assert await close_status(client) == 1008


async def test_there_is_no_live_tail_elsewhere(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        assert (await subscribe(client, TAIL))["data"]["code"] == 1008
        assert await close_status(client) == 1008
    async with server.client(f"project=console&channels[]={TAIL}") as client:
        assert (await receive(client))["data"]["code"] == 1008
        assert await close_status(client) == 1008
