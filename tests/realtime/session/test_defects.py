"""Defects that other servers of this protocol have, and that clients must not meet here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.realtime.conftest import PROJECT, START, RealtimeServer, ask, close_status, receive, subscribe
from tests.realtime.raw_client import raw_client


async def _ids(server: RealtimeServer, client: Any, number: int = 1, **changes: Any) -> list[str]:
    await server.publish(number, **changes)
    ids: list[str] = (await receive(client))["data"]["subscriptions"]
    return ids


async def test_a_refusal_ends_with_a_close_frame_and_not_with_a_dropped_connection(
    server: RealtimeServer,
) -> None:
    async with raw_client(server, "project=nowhere") as client:
        error = json.loads(await client.message())
        assert error["data"]["code"] == 1008
        assert error["data"]["message"] == "Missing or unknown project ID"
        assert error["data"]["explanation"] == "There is no such project."
        assert await client.failed() == 1008


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (f"project={PROJECT}", {"origin": "https://stranger.example"}),
        (f"project={PROJECT}&jwt=broken", {}),
        (f"project={PROJECT}&channels=files", {}),
        (f"project={PROJECT}&channels[]=files&files[1][]=nonsense", {}),
    ],
    ids=["origin", "jwt", "json type", "query"],
)
async def test_close_statuses_are_legal_and_final_when_a_retry_cannot_help(
    server: RealtimeServer, query: str, headers: dict[str, str]
) -> None:
    async with raw_client(server, query, **headers) as client:
        assert json.loads(await client.message())["type"] == "error"
        assert await client.failed() == 1008


async def test_an_update_that_drops_a_channel_stops_its_events(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files", "rows")
        await subscribe(client, "rows")
        await server.publish(1)
        assert await _ids(server, client, 2, channels=["rows"]) == ["s"]


async def test_an_update_replaces_the_queries_of_all_channels(server: RealtimeServer) -> None:
    query = {"method": "equal", "attribute": "name", "values": ["x"]}
    async with server.client() as client:
        await receive(client)
        row = {"subscriptionId": "s", "channels": ["files", "rows"]}
        await ask(client, "subscribe", [row | {"queries": [json.dumps(query)]}])
        await ask(client, "subscribe", [row | {"queries": []}])
        for number, channel in enumerate(["files", "rows"]):
            assert await _ids(server, client, number, channels=[channel]) == ["s"]


async def test_a_login_without_subscriptions_keeps_the_project(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    async with server.client() as client:
        await receive(client)
        assert (await ask(client, "authentication", {"session": session}))["data"]["success"]
        assert (await subscribe(client, "files"))["type"] == "response"
        assert await _ids(server, client, roles=["user:u1"]) == ["s"]


async def test_a_login_keeps_every_channel_and_the_queries_of_each_subscription(
    server: RealtimeServer,
) -> None:
    session = await server.sign_up("u1")
    query = json.dumps({"method": "equal", "attribute": "name", "values": ["x"]})
    async with server.client() as client:
        await receive(client)
        rows = [
            {"subscriptionId": "queried", "channels": ["files", "rows"], "queries": [query]},
            {"subscriptionId": "plain", "channels": ["rows", "files"]},
        ]
        await ask(client, "subscribe", rows)
        await ask(client, "authentication", {"session": session})
        for number, channel in enumerate(["files", "rows"]):
            assert await _ids(server, client, number, channels=[channel]) == ["plain"]
            ids = await _ids(server, client, number, channels=[channel], payload=b'{"name":"x"}')
            assert sorted(ids) == ["plain", "queried"]


async def test_ids_of_digits_stay_strings(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say('{"type":"subscribe","data":[{"subscriptionId":"123","channels":["files"]}]}')
        assert '"subscriptionId":"123"' in await client.message()
        await server.publish()
        assert (await client.message()).endswith(',"subscriptions":["123"],"offset":1}}')


async def test_slots_counted_from_zero_are_an_object(server: RealtimeServer) -> None:
    query = "%7B%22method%22%3A%22select%22%2C%22values%22%3A%5B%22*%22%5D%7D"
    async with raw_client(
        server, f"project={PROJECT}&channels[]=a&channels[]=b&a[0][]={query}&b[1][]={query}"
    ) as client:
        subscriptions = json.loads(await client.message())["data"]["subscriptions"]
        assert list(subscriptions) == ["0", "1"]


async def test_an_empty_payload_is_an_object_and_a_timestamp_always_there(server: RealtimeServer) -> None:
    async with raw_client(server, f"project={PROJECT}&channels[]=files") as client:
        await client.message()
        await server.publish(payload=b"{}")
        message = await client.message()
        assert '"payload":{}' in message
        assert json.loads(message)["data"]["timestamp"] == "2023-11-14T22:13:20.001+00:00"
        assert len(json.loads(message)["data"]["subscriptions"]) == 1


async def test_back_to_back_frames_are_answered_in_order(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say(
            *(
                f'{{"type":"subscribe","data":[{{"subscriptionId":"s{number}","channels":["c"]}}]}}'
                for number in range(100)
            )
        )
        ids = [
            json.loads(await client.message())["data"]["subscriptions"][0]["subscriptionId"]
            for _ in range(100)
        ]
        assert ids == [f"s{number}" for number in range(100)]


async def test_errors_say_what_was_wrong(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        for kind, data, word in [
            ("subscribe", None, "list"),
            ("subscribe", [{"subscriptionId": "-", "channels": []}], "subscriptionId"),
            ("authentication", {}, "session"),
            ("authentication", {"session": "x"}, "session"),
            ("nothing", None, "type"),
        ]:
            error = (await ask(client, kind, data))["data"]
            assert error["code"] == 1003
            assert word in error["message"] + error.get("explanation", "")


async def test_the_limit_of_messages_is_an_error_and_the_connection_stays(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=1)
    async with server.client() as client:
        await receive(client)
        replies = [await ask(client, "presence", {}) for _ in range(3)]
        assert replies[-1]["data"]["code"] == 1013
        await client.close(1000)
        assert client.close_code == 1000


async def test_a_message_over_the_size_gets_a_close_frame(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await client.send(" " * 64_001)
        assert await close_status(client) == 1009


async def test_roles_are_refreshed_on_connections_without_subscriptions(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    async with server.client(x_appwrite_session=session) as idle, server.client() as other:
        await receive(idle)
        await receive(other)
        await subscribe(other, "teams")
        store = await server.instance.project(PROJECT)
        assert store is not None
        await store.database.write(
            lambda transaction: transaction.connection.exec_driver_sql(
                "UPDATE users SET labels = '[\"vip\"]' WHERE id = 'u1'"
            )
        )
        await server.publish(1, channels=["teams"], permissions_changed=True, user_id="u1")
        await receive(other)
        await subscribe(idle, "files")
        assert await _ids(server, idle, 2, roles=["label:vip"]) == ["s"]
