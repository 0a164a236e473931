"""What queries of subscriptions may cost, and that those of one client cost nobody else an event."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import PROJECT, START, RealtimeServer, ask, close_status, receive, rejection
from tidewire.core.queries import MAX_VALUES
from tidewire.realtime.wire.socket import SocketWire

TRUSTING = {"trusted_proxies": True}
GUEST_ID = "s" * 20


def _query(method: str, *values: object, attribute: str = "v") -> str:
    return json.dumps({"method": method, "attribute": attribute, "values": values})


def _row(*queries: str, name: str = GUEST_ID, channel: str = "files") -> dict[str, Any]:
    return {"subscriptionId": name, "channels": [channel], "queries": list(queries)}


async def _subscribe(client: ClientConnection, *rows: dict[str, Any]) -> dict[str, Any]:
    return await ask(client, "subscribe", list(rows))


async def _publish(server: RealtimeServer, number: int = 1, **payload: Any) -> int:
    encoded = json.dumps(payload).encode()
    logged = await server.publish(number, channels=["files"], roles=["any"], payload=encoded)
    return logged.offset


async def _offsets(client: ClientConnection, until: int) -> list[int]:
    """Of the events that come, up to one."""
    found: list[int] = []
    while not found or found[-1] < until:
        message = await receive(client)
        if message["type"] == "event":
            found.append(message["data"]["offset"])
    return found


async def test_a_guest_whose_queries_hold_very_many_containers_delays_nobody(server: RealtimeServer) -> None:
    """It took a minute for each event when they were compared one with another."""
    wanted = [[{"k": [number, part]} for number in range(100)] for part in range(40)]
    queries = [_query("contains", *each) for each in wanted]
    async with server.client() as attacker, server.client() as healthy:
        await receive(attacker)
        await receive(healthy)
        for number, query in enumerate(queries):
            answer = await _subscribe(attacker, _row(query, name=f"{GUEST_ID}{number}"))
            assert answer["type"] == "response", answer
        await _subscribe(healthy, _row())
        async with asyncio.timeout(10):
            for number in range(3):
                value = [{"k": [each, -1]} for each in range(1000)] + [{"k": [99, number]}]
                offset = await _publish(server, v=value)
                assert await _offsets(healthy, offset) == [offset]
                event = await receive(attacker)
                assert event["data"]["subscriptions"] == [f"{GUEST_ID}{number}"]


@pytest.mark.parametrize(
    ("limits", "queries", "told"),
    [
        ({"realtime_max_query_work": 5}, [_query("isNull")] * 6, "these cost 6"),
        ({"realtime_max_query_work": 99}, [_query("contains", "a")], "these cost 101"),
        ({"realtime_max_query_memory": 2_000}, [_query("equal", *range(20))], "bytes of memory"),
        ({"realtime_max_query_work_per_address": 5}, [_query("isNull")] * 6, "from your address"),
        ({"realtime_max_query_memory_per_address": 2_000}, [_query("equal", *range(20))], "your address"),
    ],
)
async def test_what_the_queries_of_a_connection_may_cost(
    start: START, limits: dict[str, int], queries: list[str], told: str
) -> None:
    server = await start(**limits)
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client, _row(_query("isNull"))))["type"] == "response"
        error = (await _subscribe(client, _row(*queries)))["data"]
        assert (error["code"], told in error["message"]) == (1013, True), error
        assert (await _subscribe(client, _row(_query("isNotNull"))))["type"] == "response"
    status = 1013 if "address" in told else 1008
    url = "&".join(f"files[0][]={quote(query)}" for query in queries)
    async with server.client(f"project={PROJECT}&channels[]=files&{url}") as client:
        assert await rejection(client) == (status, status)
    assert await server.is_left_empty()
    assert server.realtime.query_costs.is_empty


async def test_a_query_has_as_many_values_as_a_filter_of_a_list(start: START) -> None:
    server = await start(realtime_max_query_work=60_000)
    many = [f"v{number}" for number in range(MAX_VALUES)]
    async with server.client() as client:
        await receive(client)
        for method in ("contains", "exists"):
            taken = await _subscribe(client, _row(_query(method, *many)))
            assert taken["type"] == "response", taken
            error = (await _subscribe(client, _row(_query(method, *many, "more"))))["data"]
            assert (error["code"], f"1 to {MAX_VALUES}" in json.dumps(error)) == (1003, True), error
        assert (await _subscribe(client, _row(_query("contains", *many))))["type"] == "response"
        offset = await _publish(server, v="it is v499 that it holds")
        assert await _offsets(client, offset) == [offset]


async def test_values_on_many_channels_count_on_each_of_them(start: START) -> None:
    """A frame of 20 kB could make millions of entries in the index."""
    server = await start()
    row = _row(_query("equal", *range(1_000))) | {"channels": [f"c{number}" for number in range(1_000)]}
    async with server.client() as client:
        await receive(client)
        error = (await _subscribe(client, row))["data"]
        assert (error["code"], "bytes of memory" in error["message"]) == (1013, True), error


async def test_equal_queries_are_compiled_and_counted_once(start: START) -> None:
    server = await start(realtime_max_query_work_per_address=3, **TRUSTING)
    queries = [_query("greaterThan", 1), _query("notEqual", 2.0)]
    same = [_query("greaterThan", 1.0), _query("notEqual", 2)]
    async with (
        server.client(x_forwarded_for="10.0.0.1") as first,
        server.client(x_forwarded_for="10.0.0.1") as second,
        server.client(x_forwarded_for="10.0.0.2") as elsewhere,
    ):
        for client, texts in ((first, queries), (second, same), (elsewhere, same)):
            await receive(client)
            assert (await _subscribe(client, _row(*texts)))["type"] == "response"
        held = {
            held.filter
            for each in server.uvicorn.server_state.connections
            if isinstance(each, SocketWire)
            for held in each.session.subscriptions.values()
        }
        assert len(held) == 1
        other = _row(_query("lessThan", 1), _query("notEqual", 5), name="t" * 20)
        assert (await _subscribe(second, other))["data"]["code"] == 1013
        assert (await _subscribe(elsewhere, _row(), _row(*queries, name="u" * 20)))["type"] == "response"
        offset = await _publish(server, v=3)
        for client in (first, second, elsewhere):
            assert await _offsets(client, offset) == [offset]
    assert await server.is_left_empty()
    assert server.realtime.query_costs.is_empty


@pytest.fixture
def every_query_takes_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewire.realtime.matching.query_pass.TURN_SECONDS", 0.0)
    monkeypatch.setattr("tidewire.realtime.matching.query_pass.CLOCK_INTERVAL", 1)


@pytest.mark.usefixtures("every_query_takes_a_turn")
async def test_who_changes_while_queries_are_asked_misses_nothing(server: RealtimeServer) -> None:
    """Replaced subscriptions, sign-ins and those who leave come in between the turns."""
    session = await server.sign_up("ada")
    rows = [_row(_query("notEqual", number), name=f"{GUEST_ID}{number}") for number in range(30)]
    async with server.client() as idle, server.client() as busy, server.client() as plain:
        for client in (idle, busy, plain):
            await receive(client)
        await _subscribe(idle, *rows)
        await _subscribe(busy, *rows)
        await _subscribe(plain, _row())

        async def change() -> None:
            await busy.send(json.dumps({"type": "authentication", "data": {"session": session}}))
            for number in range(200):
                row = _row(_query("notEqual", -number), name=f"{GUEST_ID}0")
                await busy.send(json.dumps({"type": "subscribe", "data": [row]}))
                await asyncio.sleep(0)
            await busy.send(json.dumps({"type": "unsubscribe", "data": [{"subscriptionId": f"{GUEST_ID}0"}]}))

        async def leave() -> None:
            for _ in range(10):
                async with server.client() as passing:
                    await receive(passing)
                    await passing.send(json.dumps({"type": "subscribe", "data": rows}))
                    await asyncio.sleep(0.01)

        async def publish() -> list[int]:
            return [await _publish(server, v="x") for _ in range(40)]

        published, _, _ = await asyncio.gather(publish(), change(), leave())
        for client in (idle, busy, plain):
            assert await _offsets(client, published[-1]) == published
    assert await server.is_left_empty()
    assert server.realtime.query_costs.is_empty


@pytest.mark.usefixtures("every_query_takes_a_turn")
async def test_after_the_answer_that_a_subscription_is_gone_no_event_comes_for_it(
    server: RealtimeServer,
) -> None:
    rows = [_row(_query("notEqual", number), name=f"{GUEST_ID}{number}") for number in range(200)]
    async with server.client() as client:
        await receive(client)
        await _subscribe(client, *rows)
        for row in rows[:20]:
            name = row["subscriptionId"]
            await _publish(server, v="x")
            await client.send(json.dumps({"type": "unsubscribe", "data": [{"subscriptionId": name}]}))
            is_gone = is_there = False
            while not (is_gone and is_there):
                message = await receive(client)
                if message["type"] == "response":
                    is_gone = True
                else:
                    is_there = True
                    assert not (is_gone and name in message["data"]["subscriptions"])


@pytest.mark.usefixtures("every_query_takes_a_turn")
async def test_who_asks_too_much_of_an_event_comes_back_and_gets_it(start: START) -> None:
    server = await start(realtime_max_match_seconds=1e-9, **TRUSTING)
    rows = [_row(_query("notEqual", number), name=f"{GUEST_ID}{number}") for number in range(30)]
    async with server.client(x_forwarded_for="10.0.0.1") as healthy:
        await receive(healthy)
        await _subscribe(healthy, _row(_query("equal", "x")))
        async with server.client(x_forwarded_for="10.0.0.2") as costly:
            await receive(costly)
            await _subscribe(costly, *rows)
            offset = await _publish(server, v="x")
            assert await close_status(costly) == 1013
            assert await _offsets(healthy, offset) == [offset]
        async with server.client(x_forwarded_for="10.0.0.2") as back:
            await receive(back)
            await _subscribe(back, *rows)
            assert await _offsets(back, offset) == [offset]
