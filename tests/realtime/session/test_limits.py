"""Bounds: on how many there are, on what each may hold, on how long the dead are kept."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Opcode

from tests.realtime.conftest import (
    PROJECT,
    START,
    RealtimeServer,
    ask,
    close_status,
    receive,
    rejection,
)
from tests.realtime.raw_client import frame, raw_client
from tests.realtime.world import Json, read_messages
from tidewire.realtime.housekeeping import ROUNDS
from tidewire.realtime.protocol.errors import MessageError
from tidewire.realtime.protocol.messages import RefusedRow
from tidewire.realtime.session.connection_limits import OpenConnections
from tidewire.realtime.session.subscribing import Subscribing
from tidewire.realtime.wire.socket import SocketWire

TRUSTING = {"trusted_proxies": True}


async def _accepted(client: ClientConnection) -> None:
    assert (await receive(client))["type"] == "connected"


@pytest.mark.parametrize(
    "limit",
    [
        "realtime_max_connections",
        "realtime_max_connections_per_project",
        "realtime_max_connections_per_address",
    ],
)
async def test_connections_at_once(start: START, limit: str) -> None:
    server = await start(**{limit: 2})
    async with server.client() as first:
        await _accepted(first)
        async with server.client() as second:
            await _accepted(second)
            async with server.client() as third:
                assert await rejection(third) == (1013, 1013)
        await _place_is_free(server)
    assert await server.is_left_empty()
    assert server.realtime.open_connections.count == 0


async def _place_is_free(server: RealtimeServer) -> None:
    """A place that was left can be taken again, after a moment."""
    for _ in range(200):
        async with server.client() as next_one:
            if (await receive(next_one))["type"] == "connected":
                return
        await asyncio.sleep(0.01)
    raise AssertionError("no place became free")


async def test_addresses_are_counted_apart(start: START) -> None:
    server = await start(realtime_max_connections_per_address=1, **TRUSTING)
    async with server.client(x_forwarded_for="10.0.0.1") as first:
        await _accepted(first)
        async with server.client(x_forwarded_for="10.0.0.2") as other:
            await _accepted(other)
        async with server.client(x_forwarded_for="10.0.0.1") as again:
            assert await rejection(again) == (1013, 1013)


async def test_addresses_of_one_network_are_counted_together(start: START) -> None:
    """Who has one IPv6 address has 2^64 of them."""
    server = await start(realtime_max_connections_per_address=1, **TRUSTING)
    async with server.client(x_forwarded_for="2001:db8::1") as first:
        await _accepted(first)
        async with server.client(x_forwarded_for="2001:db8::ffff:2") as same:
            assert await rejection(same) == (1013, 1013)
        async with server.client(x_forwarded_for="2001:db8:0:1::1") as other:
            await _accepted(other)


async def test_connections_of_a_user(start: START) -> None:
    server = await start(realtime_max_connections_per_user=1)
    session = await server.sign_up("ada")
    async with server.client(x_appwrite_session=session) as first:
        await _accepted(first)
        async with server.client(x_appwrite_session=session) as second:
            assert await rejection(second) == (1013, 1013)
        async with server.client() as guest:
            await _accepted(guest)
            error = await ask(guest, "authentication", {"session": session})
            assert error["data"]["code"] == 1013
            assert (await ask(guest, "ping"))["type"] == "pong"
        again = await ask(first, "authentication", {"session": session})
        assert again["data"]["success"]


def _rows(count: int, channels: int = 1, prefix: str = "s") -> list[dict[str, Any]]:
    names = [f"c{number}" for number in range(channels)]
    return [{"subscriptionId": f"{prefix}{number}", "channels": names} for number in range(count)]


async def test_subscriptions_of_a_connection(start: START) -> None:
    server = await start(realtime_max_subscriptions=3)
    async with server.client() as client:
        await _accepted(client)
        assert (await ask(client, "subscribe", _rows(3)))["type"] == "response"
        assert (await ask(client, "subscribe", _rows(3)))["type"] == "response"
        for more in (_rows(1, prefix="t"), _rows(4)):
            assert (await ask(client, "subscribe", more))["data"]["code"] == 1013
        assert (await ask(client, "unsubscribe", [{"subscriptionId": "s0"}]))["data"]["success"]
        assert (await ask(client, "subscribe", _rows(1, prefix="t")))["type"] == "response"


async def test_each_row_is_answered_by_itself(start: START) -> None:
    server = await start(realtime_max_subscriptions=3)
    limit = '{"method":"limit","values":[5]}'
    wrong = [{"subscriptionId": "s1", "channels": ["c"], "queries": [limit]}, {"channels": None}]
    async with server.client() as client:
        await _accepted(client)
        error = await ask(client, "subscribe", wrong)
        assert error["data"]["code"] == 1003, "nothing of it can be done: no row is answered"
        await ask(client, "subscribe", [{"subscriptionId": "s1", "channels": ["files"]}])
        error = await ask(client, "subscribe", [*_rows(1), *wrong, *_rows(3, prefix="t")])
        assert error["data"]["code"] == 1003
        assert "limit" in error["data"]["message"]
        rows = (await receive(client))["data"]["subscriptions"]
        assert [row["subscriptionId"] for row in rows] == ["s0", "s1", "", "t0", "t1", "t2"]
        codes = [row.get("error", {}).get("code") for row in rows]
        assert codes == [None, 1003, 1003, None, 1013, 1013]
        assert [row["channels"] for row in rows] == [["c0"], [], [], ["c0"], [], []]
        await server.publish(1)
        data = (await receive(client))["data"]
        assert data["subscriptions"] == ["s1"], "what could not be changed is as it was"


async def test_the_parts_of_an_answer_are_one_write(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = SocketWire.write

    def observed(self: SocketWire, framed: bytes) -> None:
        written.append(framed)
        write(self, framed)

    async with server.client() as client:
        await _accepted(client)
        monkeypatch.setattr(SocketWire, "write", observed)
        assert (await ask(client, "subscribe", [*_rows(1), {"channels": None}]))["type"] == "error"
        assert (await receive(client))["type"] == "response"
    assert [message["type"] for message in read_messages(written[0])] == ["error", "response"]


async def test_all_that_a_connection_may_hold_comes_back_in_one_frame(start: START) -> None:
    """And a text of the same size that asks for nothing ends the connection."""
    server = await start(realtime_max_message_bytes=1000, realtime_max_subscription_bytes=100_000)
    rows: list[dict[str, Any]] = []
    async with server.client() as client:
        await _accepted(client)
        while True:
            number = len(rows)
            values = [f'"ż{number}"' * 20]
            query = json.dumps({"method": "equal", "attribute": "name", "values": values}, ensure_ascii=False)
            row = {"subscriptionId": f"{number:036}", "channels": [f"files.{number}"], "queries": [query]}
            if (await ask(client, "subscribe", [row]))["type"] == "error":
                break
            rows.append(row)
    assert len(rows) > 100
    async with server.client() as client:
        await _accepted(client)
        answer = await ask(client, "subscribe", rows)
        assert not any("error" in row for row in answer["data"]["subscriptions"])
        await client.send(json.dumps({"type": "unsubscribe", "data": rows}))
        assert await close_status(client) == 1009


async def test_channels_of_a_connection(start: START) -> None:
    server = await start(realtime_max_channels=10)
    async with server.client() as client:
        await _accepted(client)
        assert (await ask(client, "subscribe", _rows(2, channels=5)))["type"] == "response"
        assert (await ask(client, "subscribe", _rows(1, prefix="t")))["data"]["code"] == 1013
        assert (await ask(client, "subscribe", _rows(1, channels=4)))["type"] == "response"


async def test_bytes_of_the_subscriptions_of_a_connection(start: START) -> None:
    """Without a bound on them a single guest could make every event cost tens of milliseconds."""
    server = await start(realtime_max_subscription_bytes=14_000)
    query = '{"method":"or","values":[' + ",".join(['{"method":"isNull","attribute":"a"}'] * 100) + "]}"
    rows = [{"subscriptionId": f"s{number}", "channels": ["c"], "queries": [query]} for number in range(3)]
    async with server.client() as client:
        await _accepted(client)
        for row in (*rows[:2], rows[0]):
            assert (await ask(client, "subscribe", [row]))["type"] == "response"
        for more in (rows[2], {"channels": ["x" * 9_000]}):
            error = (await ask(client, "subscribe", [more]))["data"]
            assert (error["code"], "14000 bytes" in error["message"]) == (1013, True)
        assert (await ask(client, "subscribe", [rows[0] | {"queries": []}, rows[2]]))["type"] == "response"


@pytest.mark.parametrize(
    ("limit", "query"),
    [
        ("realtime_max_subscription_bytes", "channels[]=file"),
        ("realtime_max_channels", "&".join(f"channels[]=c{number}" for number in range(4))),
        ("realtime_max_subscriptions", "channels[]=files&" + "&".join(f"files[{n}][]=" for n in range(1, 5))),
    ],
)
async def test_what_the_url_may_ask_for(start: START, limit: str, query: str) -> None:
    server = await start(**{limit: 3})
    query = query.replace("[]=&", '[]={"method":"select","values":["*"]}&')
    query = (
        query.removesuffix("[]=") + '[]={"method":"select","values":["*"]}' if "files[" in query else query
    )
    async with server.client(f"project={PROJECT}&{query}") as client:
        assert await rejection(client) == (1008, 1008)


def test_addresses_are_forgotten_with_their_last_connection() -> None:
    places = OpenConnections(total=3, per_address=2)
    held = [places.enter(address) for address in ("a", "a", "b")]
    with pytest.raises(MessageError):
        places.enter("c")
    for address in held:
        places.leave(address)
    assert (places.count, places._by_address) == (0, {})


def _connection(server: RealtimeServer) -> SocketWire:
    [found] = [each for each in server.uvicorn.server_state.connections if isinstance(each, SocketWire)]
    return found


async def test_a_silent_client_is_pinged_and_then_closed(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say('{"type":"ping"}')
        await client.message()
        for _ in range(ROUNDS):
            _connection(server).look(ROUNDS)
        assert server.connections == 1
        _connection(server).look(ROUNDS)
        seen = [await client.frame() for _ in range(ROUNDS - ROUNDS // 2 + 1)]
        assert [each.opcode for each in seen] == [Opcode.PING] * (len(seen) - 1) + [Opcode.CLOSE]
        assert seen[-1].status == 1001
    assert await server.is_left_empty()


async def test_silent_clients_are_looked_for(start: START) -> None:
    server = await start(realtime_idle_seconds=0.5)
    async with raw_client(server) as client:
        while (seen := await client.frame()).opcode != Opcode.CLOSE:
            assert seen.opcode in {Opcode.TEXT, Opcode.PING}
        assert seen.status == 1001
    assert await server.is_left_empty()


@pytest.mark.parametrize("sign", ["ping frame", "message", "part of a frame"])
async def test_whatever_arrives_keeps_a_client_that_never_pongs(server: RealtimeServer, sign: str) -> None:
    part = [b"\x81", b"\xfe", b"\x0f", b"\xff", *([b"\x00"] * 100)]
    async with raw_client(server) as client:
        await client.message()
        for number in range(5 * ROUNDS):
            if sign == "part of a frame":
                client.send(part[number])
            elif sign == "message":
                client.say('{"type":"ping"}')
            else:
                client.send(frame(Opcode.PING, b"apple"))
            for _ in range(ROUNDS):
                _connection(server).look(ROUNDS)
            await _heard(server)
        assert server.connections == 1


async def _heard(server: RealtimeServer) -> None:
    """Wait until something of the client has arrived."""
    for _ in range(1000):
        if _connection(server)._silence == 0:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nothing arrived")


async def test_a_client_that_answers_pings_stays(server: RealtimeServer) -> None:
    async with server.client() as client:
        await _accepted(client)
        for _ in range(3 * ROUNDS):
            for _ in range(ROUNDS - 1):
                _connection(server).look(ROUNDS)  # the last of them pings
            await _heard(server)
        assert (await ask(client, "ping"))["type"] == "pong"


async def test_no_timer_for_each_idle_connection(server: RealtimeServer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(server.client()) for _ in range(5)]
        for client in clients:
            await _accepted(client)
        for client in clients:
            assert (await ask(client, "ping"))["type"] == "pong"
        names = [str(task.get_coro()) for task in asyncio.all_tasks()]
        assert len([name for name in names if ".watch " in name]) == 1
        assert not [name for name in names if " Session._" in name or " WebSocket._" in name]


async def test_a_storm_of_clients_is_set_up_few_at_once(
    start: START, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(realtime_handshakes_at_once=3)
    at_once, most = 0, 0
    project = server.instance.project

    async def slow(project_id: str) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        try:
            return await project(project_id)
        finally:
            at_once -= 1

    monkeypatch.setattr(server.instance, "project", slow)
    async with contextlib.AsyncExitStack() as stack:
        clients = await asyncio.gather(*(stack.enter_async_context(server.client()) for _ in range(12)))
        for client in clients:
            await _accepted(client)
    assert most == 3
    assert await server.is_left_empty()


async def test_a_client_that_cannot_be_set_up_in_time_is_told_to_come_later(
    start: START, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(realtime_handshakes_at_once=1, realtime_handshake_seconds=1)

    async def never(project_id: str) -> Any:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(server.instance, "project", never)
        async with server.client() as first, server.client() as waiting:
            assert await rejection(first) == (1013, 1013)
            assert await rejection(waiting) == (1013, 1013)
    assert not server.realtime.setting_up.locked()
    assert await server.is_left_empty()


async def test_a_client_that_leaves_while_it_waits_costs_nothing_more(
    start: START, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(realtime_handshakes_at_once=1)
    asked: list[str] = []
    project, gate = server.instance.project, asyncio.Event()

    async def waiting(project_id: str) -> Any:
        asked.append(project_id)
        await gate.wait()
        return await project(project_id)

    monkeypatch.setattr(server.instance, "project", waiting)
    async with server.client() as first:
        for _ in range(5):
            _, writer = await server.raw()
            writer.close()
        for _ in range(500):
            if server.connections == 1:
                break
            await asyncio.sleep(0.01)
        gate.set()
        await _accepted(first)
    assert await server.is_left_empty()
    assert len(asked) == 1


async def test_a_message_over_the_size_ends_with_1009(start: START) -> None:
    server = await start(realtime_max_message_bytes=1000)
    async with connect(server.url(), proxy=None, compression=None) as client:
        await _accepted(client)
        await client.send(json.dumps({"type": "ping", "data": "x" * 1000}))
        assert await close_status(client) == 1009


_ROW: Json = {"subscriptionId": "s", "channels": ["files"]}
_NOT_A_ROW: Json = {"channels": None}


@pytest.mark.parametrize(
    "rows",
    [
        [_NOT_A_ROW],
        [_NOT_A_ROW] * 300,
        [_ROW, _NOT_A_ROW],
        [_ROW] + [_NOT_A_ROW] * 300,
        [{"channels": ["files.1"]}],
        [{"channels": [f"files.{number}"]} for number in range(200)],
    ],
    ids=["a row", "rows", "beside a row", "rows beside a row", "over the limit", "many over the limit"],
)
async def test_refused_subscribes_leave_no_garbage(start: START, rows: list[Json]) -> None:
    """Nor may an error and the frames that it went through keep each other: that waits for the collector."""
    server = await start(realtime_max_subscriptions=1, realtime_messages_per_minute=1000)
    async with server.client() as client:
        await _accepted(client)
        await ask(client, "subscribe", [_ROW])
        gc.collect()
        gc.disable()
        try:
            assert (await ask(client, "subscribe", rows))["type"] == "error"
            await asyncio.sleep(0.1)
            kept = [
                each for each in gc.get_objects() if isinstance(each, Subscribing | MessageError | RefusedRow)
            ]
        finally:
            gc.enable()
    assert not kept
