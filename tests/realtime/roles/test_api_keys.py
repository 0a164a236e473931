"""ApiKeyConnections with an API key get every event of their project, and lose it with the key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.realtime.conftest import (
    PROJECT,
    START,
    RealtimeServer,
    ask,
    close_status,
    receive,
    rejection,
    running,
    subscribe,
)
from tests.realtime.session.test_sign_in import console_user, own_project
from tests.store.samples import event
from tests.support.unanswering import unanswering
from tidewire.core.time import now
from tidewire.store.records.api_keys import ApiKey, KeyOwner, delete_api_key, update_api_key
from tidewire.store.secrets.credentials import encode_key

Json = dict[str, Any]
OWNER = KeyOwner(project_id=PROJECT)


async def _key(
    server: RealtimeServer, *scopes: str, expires: int = 0, project: str = PROJECT
) -> tuple[ApiKey, str]:
    return await server.instance.create_key(project, "test", scopes or ["realtime.read"], expires)


async def _events(client: Any, count: int) -> list[int]:
    return [(await receive(client))["data"]["offset"] for _ in range(count)]


async def test_all_events_of_the_channels_whatever_the_permissions(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    async with server.client(x_appwrite_key=secret) as program, server.client() as guest:
        await receive(program)
        await receive(guest)
        await subscribe(program, "files", "account.somebody")
        await subscribe(guest, "files", "account.somebody")
        offsets = [
            (await server.publish(1, roles=["user:u1"])).offset,
            (await server.publish(2, roles=["team:t/owner", "member:m"])).offset,
            (await server.publish(3, roles=[])).offset,
            (await server.publish(4, roles=["user:somebody"], channels=["account.somebody"])).offset,
        ]
        await server.publish(5, channels=["others"])
        last = (await server.publish(6)).offset
        assert await _events(program, 5) == [*offsets, last]
        assert await _events(guest, 1) == [last]
    assert await server.is_left_empty()


async def test_queries_count(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    query = '{"method":"equal","attribute":"n","values":[2]}'
    async with server.client(x_appwrite_key=secret) as program:
        await receive(program)
        row = {"subscriptionId": "s", "channels": ["files"], "queries": [query]}
        await ask(program, "subscribe", [row])
        await server.publish(1, payload=b'{"n":1}', roles=["user:u1"])
        wanted = await server.publish(2, payload=b'{"n":2}', roles=["user:u1"])
        assert await _events(program, 1) == [wanted.offset]


async def test_the_key_may_be_the_first_message(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    async with server.client() as program:
        await receive(program)
        answer = await ask(program, "authentication", {"key": secret})
        assert answer["data"] == {"to": "authentication", "success": True, "user": None}
        await subscribe(program, "files")
        logged = await server.publish(1, roles=["user:u1"])
        assert await _events(program, 1) == [logged.offset]


async def test_what_was_missed_is_replayed_with_the_same_right(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    async with server.client(x_appwrite_key=secret) as program:
        await receive(program)
        await subscribe(program, "files")
    missed = await server.publish(1, roles=["user:u1"])
    async with server.client(x_appwrite_key=secret) as program:
        await receive(program)
        answer = await subscribe(program, "files")
        assert answer["data"]["subscriptions"][0]["recovered"] is True
        assert await _events(program, 1) == [missed.offset]
    async with server.client() as guest:
        await receive(guest)
        answer = await subscribe(guest, "files")
        assert "recovered" not in answer["data"]["subscriptions"][0]


async def test_a_key_without_the_scope_makes_a_guest_and_is_refused_where_it_is_meant(
    server: RealtimeServer,
) -> None:
    _, secret = await _key(server, "files.read")
    async with server.client(x_appwrite_key=secret) as guest:
        assert "program" not in (await receive(guest))["data"]
        await subscribe(guest, "files")
        await server.publish(3, roles=["user:u1"])
        last = await server.publish(4)
        assert await _events(guest, 1) == [last.offset]
    async with server.client() as program:
        await receive(program)
        assert (await ask(program, "authentication", {"key": secret}))["data"]["code"] == 401
        await subscribe(program, "files")
        await server.publish(1, roles=["user:u1"])
        last = await server.publish(2)
        assert await _events(program, 1) == [last.offset]


async def test_an_expired_key_is_refused(server: RealtimeServer) -> None:
    _, secret = await _key(server, expires=now() - 1)
    async with server.client(x_appwrite_key=secret) as program:
        assert await rejection(program) == (401, 1008)


async def test_ephemeral_keys_serve_until_they_expire(server: RealtimeServer) -> None:
    def ephemeral(seconds: int, *scopes: str, project: str = PROJECT) -> str:
        return encode_key(project, scopes, now() + seconds * 1000, server.instance.jwt_secret)

    row = [{"subscriptionId": "subscription-of-a-program", "channels": ["files"]}]
    async with server.client(x_appwrite_key=ephemeral(3, "realtime.read")) as program:
        await receive(program)
        await ask(program, "subscribe", row)
        first = (await server.publish(1, roles=["user:u1"])).offset
        assert await _events(program, 1) == [first]
        assert await close_status(program) == 1008
    missed = (await server.publish(2, roles=["user:u1"])).offset
    async with server.client() as program:
        await receive(program)
        key = ephemeral(600, "realtime.read", *(f"scope.{number}" for number in range(300)))
        assert (await ask(program, "authentication", {"key": key}))["type"] == "response"
        answer = await ask(program, "subscribe", row)
        assert answer["data"]["subscriptions"][0]["recovered"] is True
        received = await _events(program, 1)
        assert (received + (await _events(program, 1) if received == [first] else []))[-1] == missed
    async with server.client(x_appwrite_key=ephemeral(-1, "realtime.read")) as late:
        assert await rejection(late) == (401, 1008)
    for key in (
        ephemeral(600, "files.read"),
        ephemeral(600, "realtime.read", project="other"),
        "ephemeral_x",
    ):
        async with server.client(x_appwrite_key=key) as guest:
            assert "program" not in (await receive(guest))["data"]


async def test_messages_of_programs_are_not_counted(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=3)
    _, secret = await _key(server)
    async with server.client(x_appwrite_key=secret) as program, server.client() as guest:
        await receive(program)
        await receive(guest)
        answers = [await ask(program, "nonsense") for _ in range(20)]
        assert {answer["data"]["code"] for answer in answers} == {1003}
        answers = [await ask(guest, "nonsense") for _ in range(20)]
        assert {answer["data"]["code"] for answer in answers} == {1003, 1013}


@pytest.mark.parametrize("shown", ["nonsense", "standard_" + "0" * 256, "x" * 5000])
async def test_who_shows_no_key_is_a_guest(server: RealtimeServer, shown: str) -> None:
    async with server.client(x_appwrite_key=shown) as stranger:
        assert (await receive(stranger))["data"]["user"] is None
        await subscribe(stranger, "files")
        await server.publish(1, roles=["user:u1"])
        last = await server.publish(2)
        assert await _events(stranger, 1) == [last.offset]


async def test_the_key_of_another_project_is_none(server: RealtimeServer) -> None:
    await server.instance.create_project("other", "Other")
    _, secret = await _key(server, project="other")
    async with server.client(x_appwrite_key=secret) as stranger:
        await receive(stranger)
        await subscribe(stranger, "files")
        await server.publish(1, roles=["user:u1"])
        last = await server.publish(2)
        assert await _events(stranger, 1) == [last.offset]


async def test_a_key_counts_before_a_session(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    session = await server.sign_up("u1")
    async with server.client(x_appwrite_key=secret, x_appwrite_session=session) as program:
        connected = (await receive(program))["data"]
        assert connected["program"] is True
        assert not connected.get("user")
        await subscribe(program, "files")
        other = await server.publish(1, roles=["user:u2"])
        assert await _events(program, 1) == [other.offset]


@pytest.mark.parametrize("how", ["deleted", "stripped", "expired"])
async def test_who_loses_the_key_gets_nothing_more(server: RealtimeServer, how: str) -> None:
    key, secret = await _key(server)
    async with server.client(x_appwrite_key=secret) as program:
        await receive(program)
        await subscribe(program, "files")
        first = await server.publish(1, roles=["user:u1"])
        assert await _events(program, 1) == [first.offset]
        await server.instance.database.write(lambda transaction: _end(transaction.connection, key, how))
        await server.publish(2, roles=["user:u1"])
        assert await close_status(program) == 1008


async def test_the_loss_counts_in_other_processes_too(server: RealtimeServer) -> None:
    key, secret = await _key(server)
    async with (
        running(server.instance.database.path.parents[2]) as other,
        other.client(x_appwrite_key=secret) as program,
    ):
        await receive(program)
        await subscribe(program, "files")
        await server.instance.database.write(lambda transaction: _end(transaction.connection, key, "deleted"))
        await other.publish(1, roles=["user:u1"])
        assert await close_status(program) == 1008


def _end(connection: Any, key: ApiKey, how: str) -> None:
    if how == "deleted":
        delete_api_key(connection, OWNER, key.id)
    elif how == "stripped":
        update_api_key(connection, OWNER, key.id, "test", ["files.read"], 0)
    else:
        update_api_key(connection, OWNER, key.id, "test", ["realtime.read"], now() - 1)


async def test_a_program_has_no_presence(server: RealtimeServer) -> None:
    _, secret = await _key(server)
    async with server.client(x_appwrite_key=secret) as program:
        await receive(program)
        assert (await ask(program, "presence", {"status": "online"}))["data"]["code"] == 401


async def test_a_database_that_cannot_answer_just_now_ends_nothing_for_good(server: RealtimeServer) -> None:
    """Close status 1013 brings programs back, 1008 does not."""
    _, secret = await _key(server)
    _, other = await _key(server)
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client(x_appwrite_key=secret) as program, server.client() as guest:
        await receive(program)
        await receive(guest)
        with unanswering(server.instance.database):
            await store.database.write(lambda transaction: transaction.append(event(1)))
            assert await close_status(program) == 1013
            async with server.client(x_appwrite_key=other) as early:
                assert await rejection(early) == (1013, 1013)
            await guest.send(json.dumps({"type": "authentication", "data": {"key": other}}))
            assert await rejection(guest) == (1013, 1013)
    async with server.client(x_appwrite_key=secret) as again:
        assert (await receive(again))["data"]["program"] is True
    assert await server.is_left_empty()


async def test_a_session_that_cannot_be_looked_up_just_now_is_not_refused(server: RealtimeServer) -> None:
    session = await server.sign_up("ada")
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client() as guest:
        await receive(guest)
        with unanswering(store.database):
            async with server.client(x_appwrite_session=session) as early:
                assert await rejection(early) == (1013, 1013)
            await guest.send(json.dumps({"type": "authentication", "data": {"session": session}}))
            assert await rejection(guest) == (1013, 1013)
    async with server.client(x_appwrite_session=session) as again:
        assert (await receive(again))["data"]["user"]["$id"] == "ada"


async def test_an_admin_who_cannot_be_looked_up_just_now_comes_back(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    async with server.client(f"project={PROJECT}&mode=admin", x_appwrite_session=session) as admin:
        await receive(admin)
        with unanswering(server.instance.database):
            await server.realtime.admins.review()
            assert await close_status(admin) == 1013
