"""Presences of connections, on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, select
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import PROJECT, RealtimeServer, ask, receive, subscribe
from tests.realtime.world import Json
from tidewire.core.time import now
from tidewire.store.engine.database import Database
from tidewire.store.engine.event_log import read_after
from tidewire.store.records.presences import end_presences_of, find_presence
from tidewire.store.schema import presence_connections, presences, sessions


async def _database(server: RealtimeServer) -> Database:
    store = await server.instance.project(PROJECT)
    assert store is not None
    return store.database


async def _log(server: RealtimeServer) -> list[tuple[str, list[str]]]:
    """Action and roles of all presence events."""
    database = await _database(server)
    logged = await database.read(lambda connection: read_after(connection, 0, 1000))
    return [
        (each.event.pattern.rpartition(".")[2], each.event.roles)
        for each in logged
        if each.event.pattern.startswith("presences.")
    ]


async def _is_left(server: RealtimeServer, presence_id: str = "p") -> bool:
    database = await _database(server)
    return await database.read(lambda connection: find_presence(connection, presence_id)) is not None


async def _ends(server: RealtimeServer, presence_id: str = "p") -> bool:
    """Whether it ends, after a moment."""
    for _ in range(500):
        if not await _is_left(server, presence_id):
            return True
        await asyncio.sleep(0.01)
    return False


async def _set(client: ClientConnection, status: str = "online", **data: Any) -> Json:
    return await ask(client, "presence", {"status": status, "presenceId": "p", **data})


async def test_others_see_it_as_far_as_they_may_and_its_end(server: RealtimeServer) -> None:
    anna, ben = await server.sign_up("anna"), await server.sign_up("ben")
    async with server.client(x_appwrite_session=ben) as watcher, server.client() as guest:
        for client in (watcher, guest):
            await receive(client)
            await subscribe(client, "presences")
        async with server.client(x_appwrite_session=anna) as client:
            await receive(client)
            answer = await _set(client, metadata={"at": "home"}, permissions=['read("users")'])
            assert answer["data"]["to"] == "presence"
            assert "success" not in answer["data"]
            presence = answer["data"]["presence"]
            assert (presence["$id"], presence["userId"], presence["source"]) == ("p", "anna", "realtime")
            assert (presence["metadata"], presence["$permissions"]) == ({"at": "home"}, ['read("users")'])
            event = (await receive(watcher))["data"]
            assert event["events"] == [
                "presences.p.upsert",
                "presences.*.upsert",
                "presences.p",
                "presences.*",
            ]
            assert event["payload"] == presence
            database = await _database(server)
            expires = select(presences.c.expires_at)
            left = (await database.read(lambda connection: connection.scalar(expires)) or 0) - now()
            assert abs(left - 30 * 24 * 3600 * 1000) < 60_000
        event = (await receive(watcher))["data"]
        assert event["events"][0] == "presences.p.delete"
        assert event["payload"] == presence
        assert (await subscribe(guest, "files"))["type"] == "response", "and nothing came before"
    assert await _log(server) == [("upsert", ["users"]), ("delete", ["users"])]


async def test_it_ends_with_the_last_connection_that_wrote_it(server: RealtimeServer) -> None:
    anna = await server.sign_up("anna")
    async with server.client(x_appwrite_session=anna) as second:
        await receive(second)
        async with server.client(x_appwrite_session=anna) as first:
            await receive(first)
            await _set(first)
            await _set(second, "away")
            async with server.client(x_appwrite_session=anna) as silent:
                await receive(silent)
        assert (await ask(second, "ping"))["type"] == "pong"
        await asyncio.sleep(0.1)
        assert await _is_left(server)
    assert await _ends(server)
    assert [action for action, _ in await _log(server)] == ["upsert", "upsert", "delete"]


async def test_a_connection_that_is_torn_off_ends_it_too(server: RealtimeServer) -> None:
    anna = await server.sign_up("anna")
    async with server.client(x_appwrite_session=anna) as client:
        await receive(client)
        await _set(client)
        client.transport.abort()
    assert await _ends(server)


async def test_what_was_ended_by_others_is_not_ended_twice(server: RealtimeServer) -> None:
    anna = await server.sign_up("anna")
    async with server.client(x_appwrite_session=anna) as client:
        await receive(client)
        await _set(client)
        database = await _database(server)
        await database.write(lambda transaction: end_presences_of(transaction, "anna"))
    assert await server.is_left_empty()
    await server.realtime.close()
    assert [action for action, _ in await _log(server)] == ["upsert", "delete"]
    links = select(presence_connections)
    assert not await database.read(lambda connection: connection.execute(links).all())
    await server.realtime.start()


async def test_a_login_as_somebody_else_leaves_nothing_behind(server: RealtimeServer) -> None:
    anna, ben = await server.sign_up("anna"), await server.sign_up("ben")
    async with server.client(x_appwrite_session=anna) as client:
        await receive(client)
        await _set(client)
        await ask(client, "authentication", {"session": ben})
        assert (await _set(client, presenceId="q"))["data"]["presence"]["userId"] == "ben"
        assert await _is_left(server, "p")
    assert await _ends(server, "p")
    assert await _ends(server, "q")


async def test_it_ends_when_the_session_does(server: RealtimeServer) -> None:
    anna = await server.sign_up("anna")
    async with server.client(x_appwrite_session=anna) as client:
        await receive(client)
        await _set(client)
        database = await _database(server)

        def sign_out(transaction: Any) -> None:
            transaction.connection.execute(delete(sessions))

        await database.write(sign_out)
        await server.publish(
            pattern="users.[userId].sessions.[sessionId].delete",
            parameters={"userId": "anna", "sessionId": "of-anna"},
            payload=b"{}",
        )
        assert await _ends(server)
        assert (await _set(client))["data"]["code"] == 401
        assert (await ask(client, "ping"))["type"] == "pong"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"status": "x" * 256}, 400),
        ({"permissions": ['read("team:other")']}, 401),
        ({"presenceId": "taken"}, 409),
        ({"metadata": [1]}, 1003),
    ],
)
async def test_refusals_leave_the_connection_open(server: RealtimeServer, data: Json, code: int) -> None:
    anna, ben = await server.sign_up("anna"), await server.sign_up("ben")
    async with server.client(x_appwrite_session=ben) as other:
        await receive(other)
        await _set(other, presenceId="taken")
        async with server.client(x_appwrite_session=anna) as client:
            await receive(client)
            error = await _set(client, **({"status": "on"} | data))
            assert (error["type"], error["data"]["code"]) == ("error", code)
            assert (await ask(client, "ping"))["type"] == "pong"
        assert await _is_left(server, "taken")


async def test_a_user_who_is_gone_has_no_presence(server: RealtimeServer) -> None:
    anna = await server.sign_up("anna")
    async with server.client(x_appwrite_session=anna) as client:
        await receive(client)
        database = await _database(server)
        await database.write(
            lambda transaction: transaction.connection.exec_driver_sql("DELETE FROM users") and None
        )
        assert (await _set(client))["data"]["code"] == 404
