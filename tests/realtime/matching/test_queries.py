"""Queries of subscriptions on a real server: which are allowed, and what changes to a row bring."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.realtime.conftest import START, RealtimeServer, ask, receive, rejection
from tidewire.core.events import LoggedEvent

ROW = "databases.[databaseId].tables.[tableId].rows.[rowId]."
CONTAINS = '{"method":"contains","attribute":"tags","values":["red"]}'
ROOM = '{"method":"equal","attribute":"room","values":["a"]}'


async def _change(server: RealtimeServer, action: str, **row: object) -> LoggedEvent:
    """Commit the event of a change that left the row, or for a deletion found it, like this."""
    return await server.publish(
        pattern=ROW + action,
        parameters={"databaseId": "d", "tableId": "t", "rowId": "r"},
        database_type="tablesdb",
        channels=["rows"],
        payload=json.dumps({"$id": "r", **row}).encode(),
    )


async def test_more_methods_than_the_reference_has(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        data = [{"subscriptionId": "s", "channels": ["rows"], "queries": [CONTAINS]}]
        assert (await ask(client, "subscribe", data))["data"]["subscriptions"][0]["queries"] == [CONTAINS]
        await _change(server, "create", tags=["blue"])
        matching = await _change(server, "create", tags=["blue", "red"])
        assert (await receive(client))["data"]["offset"] == matching.offset
    async with server.client(f"project=default&channels[]=rows&rows[1][]={quote(CONTAINS)}") as client:
        assert (await receive(client))["type"] == "connected"


async def test_the_reference_setting_refuses_them_by_name(start: START) -> None:
    server = await start(realtime_queries="reference")
    async with server.client() as client:
        await receive(client)
        error = await ask(client, "subscribe", [{"channels": ["rows"], "queries": [CONTAINS]}])
        assert error["type"] == "error"
        assert error["data"]["code"] == 1003
        assert "contains is not supported in Realtime queries" in error["data"]["message"]
        assert (await ask(client, "ping"))["type"] == "pong", "the connection stays"
    query = f"project=default&channels[]=rows&rows[1][]={quote(CONTAINS)}"
    async with server.client(query) as client:
        error = await receive(client)
        assert error["data"]["code"] == 1008
        assert "contains is not supported in Realtime queries" in error["data"]["message"]
    async with server.client(query) as client:
        assert await rejection(client) == (1008, 1008)


@pytest.mark.parametrize("query", [ROOM, ROOM.replace("equal", "contains")])
async def test_an_update_counts_as_the_row_is_after_it_and_a_deletion_as_it_was_last(
    server: RealtimeServer, query: str
) -> None:
    async with server.client() as client:
        await receive(client)
        await ask(client, "subscribe", [{"subscriptionId": "s", "channels": ["rows"], "queries": [query]}])
        await _change(server, "create", room="b")
        moved_in = await _change(server, "update", room="a")
        await _change(server, "update", room="b")  # out: nothing tells of it
        await _change(server, "update", room="b", colour="red")
        await _change(server, "delete", room="b")
        await _change(server, "create", room="a")
        deleted = await _change(server, "delete", room="a")
        received = [await receive(client) for _ in range(3)]
        assert [each["data"]["offset"] for each in received] == [
            moved_in.offset,
            deleted.offset - 1,
            deleted.offset,
        ]
        assert received[0]["data"]["events"][0].endswith(".update"), "moving in is no creation"
