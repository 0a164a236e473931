"""Open connections on the wire: order, limits, slow and broken clients, endings."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import weakref
from typing import Any

import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tests.realtime.conftest import (
    PROJECT,
    START,
    UPGRADE,
    RealtimeServer,
    ask,
    close_status,
    receive,
    rejection,
    reset,
    subscribe,
)
from tests.realtime.world import read_frames
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.wire.budgets import AddressBudgets
from tidewire.realtime.wire.contract import WireUser
from tidewire.realtime.wire.frame_decoder import FrameDecoder
from tidewire.realtime.wire.socket import SocketWire, WireContext
from tidewire.realtime.wire.websocket import WebSocket
from tidewire.settings import Settings
from tidewire.store.instance.instance import ProjectStore


def _text(message: Any) -> str:
    return msgspec.json.encode(message).decode()


def _frame(message: Any) -> bytes:
    return Frame(Opcode.TEXT, _text(message).encode()).serialize(mask=True)


async def test_an_event_reaches_its_subscriber(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        logged = await server.publish(7, payload='{"$id":"f7","name":"żółć"}'.encode())
        data = (await receive(client))["data"]
        assert data["payload"] == {"$id": "f7", "name": "żółć"}
        assert data["offset"] == logged.offset
        assert data["subscriptions"] == ["s"]
        assert data["channels"] == ["files", "buckets.b1.files"]
        assert "buckets.*.files.*.create" in data["events"]


async def test_events_arrive_in_the_order_of_their_commits(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        await asyncio.gather(*(server.publish(number) for number in range(300)))
        offsets = [(await receive(client))["data"]["offset"] for _ in range(300)]
        assert offsets == sorted(set(offsets))


@pytest.mark.parametrize("text", ["x" * 40_000, "漢😀" * 20_000])
async def test_large_events_come_in_fragments(server: RealtimeServer, text: str) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        await server.publish(payload=msgspec.json.encode({"text": text}))
        pieces = [piece async for piece in client.recv_streaming(decode=False)]
        assert len(pieces) > 2
        assert all(len(piece) <= 16_384 for piece in pieces)
        assert "".join(bytes(piece).decode() for piece in pieces)
        assert json.loads(b"".join(pieces))["data"]["payload"] == {"text": text}


async def test_messages_may_come_in_fragments(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await client.send(['{"type":', '"pi', 'ng"}'])
        assert await receive(client) == {"type": "pong"}


async def test_answers_keep_the_order_of_the_messages(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    row = {"subscriptionId": "s", "channels": ["account"]}
    async with server.client() as client:
        await receive(client)
        for kind, data in [
            ("subscribe", [row]),
            ("authentication", {"session": session}),
            ("subscribe", [row | {"subscriptionId": "t"}]),
            ("ping", None),
            ("authentication", {"session": "wrong"}),
            ("nonsense", None),
            ("unsubscribe", [row]),
        ]:
            await client.send(_text({"type": kind, "data": data}))
        replies = [await receive(client) for _ in range(7)]
        kinds = [reply.get("data", {}).get("to", reply["type"]) for reply in replies]
        assert kinds == [
            "subscribe",
            "authentication",
            "subscribe",
            "pong",
            "error",
            "error",
            "unsubscribe",
        ]
        assert replies[0]["data"]["subscriptions"][0]["channels"] == ["account"]
        assert replies[2]["data"]["subscriptions"][0]["channels"] == ["account", "account.u1"]
        assert replies[1]["data"]["user"]["$id"] == "u1"


async def test_many_messages_behind_a_login_all_get_their_turn(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    async with server.client() as client:
        await receive(client)
        login = {"type": "authentication", "data": {"session": session}}
        for _ in range(200):
            await client.send(_text(login))
            await client.send(_text({"type": "ping"}))
        replies = [(await receive(client))["type"] for _ in range(400)]
        assert replies == ["response", "pong"] * 200


async def test_before_being_let_in_pings_are_answered_and_the_rest_waits(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    look_up = server.instance.project

    async def slow_look_up(project_id: str) -> ProjectStore | None:
        await gate.wait()
        return await look_up(project_id)

    monkeypatch.setattr(server.instance, "project", slow_look_up)
    async with server.client() as client:
        await client.send(
            _text({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": ["files"]}]})
        )
        await client.send(_text({"type": "ping"}))
        assert await receive(client) == {"type": "pong"}
        gate.set()
        assert (await receive(client))["type"] == "connected"
        assert (await receive(client))["data"]["to"] == "subscribe"
        monkeypatch.undo()
        await server.publish()
        assert (await receive(client))["type"] == "event"


async def test_the_message_limit(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=5)
    async with server.client() as client:
        await receive(client)
        for _ in range(30):
            await client.send('{"type":"nonsense"}')
        codes = [(await receive(client))["data"]["code"] for _ in range(30)]
        assert 5 <= codes.count(1003) <= 10, "a minute may end in between"
        assert set(codes) == {1003, 1013}


async def test_pings_and_unsubscribe_frames_are_not_limited(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=1)
    async with server.client() as client:
        await receive(client)
        for _ in range(30):
            assert await ask(client, "ping") == {"type": "pong"}
            assert (await ask(client, "unsubscribe", [{"subscriptionId": "s"}]))["data"]["success"]


async def test_what_is_subscribed_to_too_fast_is_delayed_and_not_lost(start: START) -> None:
    """A chat that switches rooms: each time one subscription less, and another one."""
    server = await start(rate_limits=True, realtime_messages_per_minute=5, realtime_delay_seconds=0.3)
    async with server.client() as client:
        await receive(client)
        for room in range(30):
            await client.send(_text({"type": "unsubscribe", "data": [{"subscriptionId": f"room{room - 1}"}]}))
            row = {"subscriptionId": f"room{room}", "channels": ["files"]}
            await client.send(_text({"type": "subscribe", "data": [row]}))
        answers = [(await receive(client))["data"] for _ in range(60)]
        assert {answer["to"] for answer in answers} == {"subscribe", "unsubscribe"}
        rows = [answer["subscriptions"][0] for answer in answers]
        assert [row["subscriptionId"] for row in rows if "channels" in row] == [f"room{n}" for n in range(30)]
        removed = {row["subscriptionId"]: row["removed"] for row in rows if "removed" in row}
        assert [name for name, was_there in removed.items() if not was_there] == ["room-1"]
        await server.publish()
        assert (await receive(client))["data"]["subscriptions"] == ["room29"]


async def test_what_comes_behind_a_long_message_is_not_done_before_it(start: START) -> None:
    """A ``subscribe`` that takes a while to understand may have to wait: what follows waits behind it."""
    server = await start(rate_limits=True, realtime_messages_per_minute=1, realtime_delay_seconds=0.2)
    async with server.client() as client:
        await receive(client)
        for _ in range(2):  # a minute may end in between
            await subscribe(client, "files", name="first")
        ended = {"subscriptionId": "ended", "channels": ["files", "c" * 5000]}
        changed = {"subscriptionId": "changed", "channels": ["files"]}
        await client.send(_text({"type": "subscribe", "data": [ended, changed]}))
        await client.send(_text({"type": "subscribe", "data": [{**changed, "channels": ["teams"]}]}))
        await client.send(_text({"type": "unsubscribe", "data": [{"subscriptionId": "ended"}]}))
        answers = [(await receive(client))["data"] for _ in range(3)]
        assert [answer["to"] for answer in answers] == ["subscribe", "subscribe", "unsubscribe"]
        assert answers[2]["subscriptions"] == [{"subscriptionId": "ended", "removed": True}]
        await server.publish()
        assert (await receive(client))["data"]["subscriptions"] == ["first"]


async def test_what_may_wait_is_bounded_and_refusals_are_told(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=1, realtime_max_subscriptions=3)
    async with server.client() as client:
        await receive(client)
        frames = [
            _text({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": [f"c{number}"]}]})
            for number in range(20)
        ]
        for frame in frames:
            await client.send(frame)
        answers = [await receive(client) for _ in frames]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert {answer["data"]["code"] for answer in refused} == {1013}
        assert 12 <= len(refused) <= 16, "a minute may end in between"
        [connection] = server.realtime.sessions()
        assert connection.refusals is not None
        assert connection.refusals.number == len(refused)
        assert server.realtime.meters.refused["1013"] == len(refused)


async def test_what_is_unsubscribed_from_is_never_refused(start: START) -> None:
    """However much waits: a name that is to be subscribed to goes when it came, all others at once."""
    server = await start(
        rate_limits=True,
        realtime_messages_per_minute=1,
        realtime_max_subscriptions=3,
        realtime_delay_seconds=0.5,
    )
    async with server.client() as client:
        await receive(client)
        for _ in range(2):  # a minute may end in between
            await subscribe(client, "files", name="old")
        rows = [{"subscriptionId": name, "channels": ["files"]} for name in ("one", "two")]
        await client.send(_text({"type": "subscribe", "data": rows}))
        ended = [{"subscriptionId": name} for name in ("one", "one", "old", *map(str, range(9)))]
        for _ in range(3):
            await client.send(_text({"type": "unsubscribe", "data": ended}))
        answers = [(await receive(client))["data"] for _ in range(5)]
        assert [answer["to"] for answer in answers] == 3 * ["unsubscribe"] + ["subscribe", "unsubscribe"]
        removed = [
            row["subscriptionId"] for each in answers for row in each["subscriptions"] if row.get("removed")
        ]
        assert removed == ["old", "one"]
        await server.publish()
        assert (await receive(client))["data"]["subscriptions"] == ["two"]


async def test_what_waits_is_gone_with_its_connection(start: START) -> None:
    server = await start(rate_limits=True, realtime_messages_per_minute=1, realtime_delay_seconds=0.2)
    async with server.client() as client:
        await receive(client)
        for _ in range(3):
            await client.send(_text({"type": "subscribe", "data": [{"channels": ["files"]}]}))
        await receive(client)
    assert await server.is_left_empty()
    await asyncio.sleep(0.3)  # in which it would be done
    assert await server.is_left_empty()


async def test_the_live_tail_is_not_open_to_anyone(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        error = await subscribe(client, "console.tail.p1")
        assert error["data"]["code"] == 1008
        assert await close_status(client) == 1008


@pytest.mark.parametrize("kind", ["authentication", "presence", "publish", "subscribe", "ping"])
async def test_what_follows_a_message_that_ends_the_connection_means_nothing(
    server: RealtimeServer, kind: str
) -> None:
    data: dict[str, Any] = {
        "authentication": {"session": await server.sign_up("ada")},
        "presence": {"status": "here"},
        "publish": [{"channel": "c", "payload": {}}],
        "subscribe": [{"channels": ["c"]}],
    }
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with server.client() as client:
        await receive(client)
        refused = _frame({"type": "subscribe", "data": [{"channels": ["console.tail.p1"]}]})
        client.transport.write(refused + _frame({"type": kind, "data": data.get(kind)}))
        assert await rejection(client) == (1008, 1008)
    assert await server.is_left_empty()
    gc.collect()  # tasks that failed are told of when nobody keeps them any more
    assert not failures


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (Frame(Opcode.TEXT, b"x" * 64_001).serialize(mask=True), 1009),
        (Frame(Opcode.TEXT, b"x" * 1_000_000).serialize(mask=True), 1009),
        (Frame(Opcode.TEXT, b"\xff").serialize(mask=True), 1007),
        (Frame(Opcode.BINARY, b"x").serialize(mask=True), 1003),
        (Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
async def test_a_client_that_breaks_the_protocol_learns_why(
    server: RealtimeServer, wire: bytes, status: int
) -> None:
    async with server.client() as client:
        await receive(client)
        client.transport.write(wire)
        assert await close_status(client) == status
    assert await server.is_left_empty()
    reason = "too_large" if status == 1009 else "protocol"
    assert +server.realtime.meters.closes == {reason: 1}


async def test_a_message_of_64000_bytes_is_read(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await client.send('{"type":"ping"}' + " " * (64_000 - 15))
        assert await receive(client) == {"type": "pong"}


@pytest.mark.parametrize("status", [1000, 1008, 1001])
async def test_a_client_that_closes_is_answered(server: RealtimeServer, status: int) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        await client.close(status)
        assert client.close_code == status
    assert await server.is_left_empty()


async def test_clients_that_vanish_leave_nothing(server: RealtimeServer) -> None:
    subscription = _frame({"type": "subscribe", "data": [{"channels": ["account", "files"]}]})
    for ending in range(3):
        reader, writer = await server.raw()
        writer.write(subscription)
        await reader.readuntil(b'"subscribe"')
        if ending == 0:
            writer.close()
        elif ending == 1:
            writer.write_eof()
            assert await reader.read() is not None
            writer.close()
        else:
            writer.write(b"\x81\xfe")
            reset(writer)
    assert await server.is_left_empty()
    await server.publish()


async def test_a_client_that_does_not_read_is_bounded_and_cut_off(start: START) -> None:
    server = await start(realtime_max_queue_bytes=256_000)
    head = f"GET /v1/realtime?project={PROJECT}&channels[]=files HTTP/1.1\r\n{UPGRADE}"
    _, writer = await server.open_raw(head, receive_buffer=4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with server.client() as quick:
        await receive(quick)
        await subscribe(quick, "files")
        connections = [
            each for each in server.uvicorn.server_state.connections if isinstance(each, SocketWire)
        ]
        assert len(connections) == 2
        payload = msgspec.json.encode({"text": "x" * 50_000})
        largest = 0
        for _ in range(300):
            await server.publish(payload=payload)
            await receive(quick)
            queued = [each.queued_bytes for each in connections if each.session.roles]
            largest = max(largest, *queued)
        assert 256_000 < largest < 256_000 + 2 * 51_000
        assert +server.realtime.meters.closes == {"slow": 1}
    for _ in range(800):
        if server.connections == 0:
            break
        await asyncio.sleep(0.01)
    writer.close()
    assert await server.is_left_empty()


async def test_a_quick_client_is_not_taken_for_a_slow_one(start: START) -> None:
    server = await start(realtime_max_queue_bytes=100_000)
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        payload = msgspec.json.encode({"text": "x" * 20_000})
        publishing = asyncio.gather(*(server.publish(payload=payload) for _ in range(200)))
        received = [await receive(client) for _ in range(200)]
        await publishing
        assert {message["type"] for message in received} == {"event"}


async def test_the_server_leaves_with_1012(server: RealtimeServer) -> None:
    async with server.client() as one, server.client() as other:
        await receive(one)
        await receive(other)
        server.uvicorn.should_exit = True
        assert await close_status(one) == 1012
        assert await close_status(other) == 1012
        await server.serving


async def test_a_client_that_does_not_answer_the_close_is_cut_off(server: RealtimeServer) -> None:
    reader, writer = await server.raw()
    writer.write(_frame({"type": "subscribe", "data": [{"channels": ["console.tail.p"]}]}))
    data = await reader.read()
    [*_, last] = read_frames(data)
    assert last.opcode is Opcode.CLOSE
    assert await server.is_left_empty()
    writer.close()


async def test_nothing_of_the_http_connection_is_kept(server: RealtimeServer) -> None:
    made: list[weakref.ref[HttpToolsProtocol]] = []
    create = HttpToolsProtocol.__init__

    def remember(self: HttpToolsProtocol, *arguments: Any, **named: Any) -> None:
        create(self, *arguments, **named)
        made.append(weakref.ref(self))

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HttpToolsProtocol, "__init__", remember)
            async with server.client() as client:
                await receive(client)
                assert [each() for each in made] == [None]
    finally:
        gc.enable()


async def test_what_decoded_a_message_in_parts_is_freed_without_the_garbage_collector(
    server: RealtimeServer,
) -> None:
    made: list[weakref.ref[ServerProtocol]] = []
    create = FrameDecoder.__init__

    def remember(self: FrameDecoder, *arguments: Any, **named: Any) -> None:
        create(self, *arguments, **named)
        made.append(weakref.ref(self._protocol))

    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FrameDecoder, "__init__", remember)
            async with server.client() as client:
                await receive(client)
                await client.send(['{"type":', '"ping"}'])
                assert (await receive(client))["type"] == "pong"
                assert [each() for each in made] == [None]
    finally:
        gc.enable()


async def test_what_the_http_connection_has_still_to_write_makes_a_slow_reader() -> None:
    """Else frames would go past what the transport keeps, or pile up there without a bound."""
    near, far = socket.socketpair()
    with far:
        far.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        transport.write(b"x" * 4_000_000)
        settings = Settings(realtime_max_queue_bytes=8_000_000)
        context = WireContext(settings, AddressBudgets(1), LoopScheduler(), lambda _: WireUser())
        connection = WebSocket(context)
        connection.connection_made(transport)
        transport.set_protocol(connection)
        connection._open(f"GET /v1/realtime HTTP/1.1\r\n{UPGRADE}".encode())
        assert [connection.congested, connection.session.direct] == [True, False]
        connection.send(b"frame")
        received = b""
        while not received.endswith(b"frame"):
            chunk = await loop.sock_recv(far, 1 << 20)
            assert chunk
            received += chunk
        assert received.lstrip(b"x").startswith(b"HTTP/1.1 101")
        assert [connection.congested, connection.session.direct] == [False, True]
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_ping_frames_are_answered_with_their_payload(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await (await client.ping(b"hello"))


async def test_events_after_a_refused_frame_still_arrive(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await subscribe(client, "files")
        assert (await ask(client, "subscribe", "wrong"))["data"]["code"] == 1003
        await server.publish()
        assert (await receive(client))["type"] == "event"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.recv()
