"""Clients that send as fast as they can: what is done for them at once, and how long it is put up with."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs
from websockets.frames import Opcode

from tests.realtime.conftest import START, RealtimeServer, ask, receive
from tests.realtime.raw_client import RawClient, frame, raw_client, text
from tidewire.realtime.recovery.recovery import Known
from tidewire.realtime.session.session import Session
from tidewire.realtime.session.subscribing import SLICE, Rows, Subscribing
from tidewire.realtime.wire import budgets, socket
from tidewire.realtime.wire.budgets import AddressBudgets, LargeMessages
from tidewire.realtime.wire.socket import SocketWire
from tidewire.realtime.wire.websocket import STEP_BYTES, WebSocket

PING = frame(Opcode.PING)


async def test_what_arrives_in_one_go_is_read_a_little_at_a_time(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read at once, they would hold up everybody else for half a second."""
    pieces: list[tuple[int, int]] = []
    rounds = 0
    receive_bytes = WebSocket._receive

    def observed(self: WebSocket, data: bytes) -> None:
        pieces.append((rounds, len(data)))
        receive_bytes(self, data)

    monkeypatch.setattr(WebSocket, "_receive", observed)
    async with raw_client(server) as client:
        await client.message()
        client.send(PING * 40_000)
        counted = 0
        while counted < 40_000:
            rounds += 1
            await asyncio.sleep(0)
            counted = sum(size for _, size in pieces) // len(PING)
            await asyncio.wait_for(_drain(client), 10)
        assert max(size for _, size in pieces) <= STEP_BYTES
        assert len({number for number, _ in pieces}) > 10, "others had their turns"


def _wire(session: Session) -> SocketWire:
    assert isinstance(session.wire, SocketWire)
    return session.wire


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for what comes soon, a round of the loop at a time."""
    for _ in range(1_000_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


async def _drain(client: RawClient) -> None:
    """Take what the server has answered so far."""
    await client.writer.drain()
    if client.reader._buffer:  # type: ignore[attr-defined]
        await client.reader.read(1_000_000)


async def _pongs(client: RawClient, most: int) -> int:
    """Pongs that come until nothing came for a moment."""
    count = 0
    while count < most:
        try:
            async with asyncio.timeout(0.5):
                await client.reader.readexactly(2)
        except TimeoutError:
            break
        count += 1
    return count


async def test_who_sends_too_much_is_not_read_and_then_read_again(start: START) -> None:
    server = await start(rate_limits=True, realtime_flood_rate=100)
    async with raw_client(server) as client:
        await client.message()
        client.send(PING * 3000)
        answered = await _pongs(client, 3000)
        assert 1000 <= answered < 2000
        [connection] = server.realtime.sessions()
        assert _wire(connection)._is_overloaded
        async with server.client() as other:
            await receive(other)
            assert await ask(other, "ping") == {"type": "pong"}


async def test_who_comes_back_has_no_new_budget(start: START) -> None:
    server = await start(rate_limits=True, realtime_flood_rate_per_address=20)
    async with raw_client(server) as client:
        await client.message()
        client.send(PING * 150)
        assert await _pongs(client, 150) == 150
    async with raw_client(server) as client, raw_client(server) as other:
        await client.message()
        client.send(PING * 200)
        answered = await _pongs(client, 200)
        assert 40 <= answered < 120
        await other.message()
        other.send(PING)
        assert await _pongs(other, 1) == 1, "the first frame finds out"
        other.send(PING)
        assert await _pongs(other, 1) == 0
        await server.publish(1)
        assert [_wire(each).state for each in server.realtime.sessions()] == [1, 1], "nobody is closed"


async def test_answers_to_pings_are_no_flood_of_an_address(start: START) -> None:
    """However many are behind it: the server asks each of them once a second."""
    server = await start(rate_limits=True, realtime_flood_rate_per_address=1)
    async with raw_client(server) as client:
        await client.message()
        [connection] = server.realtime.sessions()
        for number in range(20):
            connection.asked = number + 1
            client.send(frame(Opcode.PONG, b"%d" % (number + 1)))
            await _until(lambda: not connection.asked)
        client.send(PING)
        assert await _pongs(client, 1) == 1
        assert not _wire(connection)._is_overloaded


async def test_what_is_costly_to_decode_counts_more(start: START) -> None:
    server = await start(rate_limits=True, realtime_flood_rate=50)
    nested = text('{"type":"ping","data":[' + "[]," * 1000 + "[]]}")
    async with raw_client(server) as client:
        await client.message()
        client.send(nested * 60)
        [connection] = server.realtime.sessions()
        await _until(lambda: _wire(connection)._is_overloaded)
        assert await _answers(client) < 55


async def _answers(client: RawClient) -> int:
    """Messages that come until nothing came for a moment."""
    count = 0
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.5):
                await client.message()
            count += 1
    return count


async def test_what_nests_too_deeply_is_refused_before_it_is_decoded(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = msgspec.json.decode

    def observed(data: Any, *rest: Any, **more: Any) -> Any:
        decoded.append(len(data))
        return decode(data, *rest, **more)

    for size in (200, 2000, 30_000):
        async with raw_client(server) as client:
            await client.message()
            client.send(text('{"type":"ping","data":' + "[" * size + "]" * size + "}"))
            with monkeypatch.context() as patched:
                patched.setattr(msgspec.json, "decode", observed)
                assert json.loads(await client.message())["data"]["code"] == 1003
    assert not decoded


async def test_a_large_frame_is_decoded_a_little_at_a_time(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is refused as a whole if it has more rows than could ever be."""
    decoded: list[int] = []
    decode = msgspec.json.decode

    def observed(data: Any, *rest: Any, **more: Any) -> Any:
        decoded.append(len(data))
        return decode(data, *rest, **more)

    async with raw_client(server) as client:
        await client.message()
        monkeypatch.setattr(msgspec.json, "decode", observed)
        rows = '{"channels":["files"]},' + "{}," * 100_000 + "{}"
        client.send(text('{"type":"subscribe","data":[' + rows + "]}"))
        answer = decode(await client.message())
        monkeypatch.undo()
        assert answer["data"]["code"] == 1003
        assert "2000" in answer["data"]["message"]
        assert len(decoded) > 10
        assert max(decoded) < 25_000
        [connection] = server.realtime.sessions()
        assert not connection.subscriptions


def test_addresses_that_owe_nothing_are_forgotten() -> None:
    budgets = AddressBudgets(10)
    assert budgets.spend("a", 150, 0.0) == 15
    for number in range(2000):
        budgets.spend(f"b{number}", 1, 1.0 + number)
    assert len(budgets._paid_until) <= 1001
    assert budgets.spend("a", 10_000, 3000.0) == 20, "as far ahead as anybody gets"


async def test_who_goes_on_is_closed(start: START, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (budgets, socket):
        monkeypatch.setattr(module, "BUDGET_SECONDS", 0.4)
    server = await start(rate_limits=True, realtime_flood_rate=100)
    async with raw_client(server) as client:
        await client.message()
        client.send(PING * 10_000)
        last = await client.frame()
        while last.opcode != Opcode.CLOSE:
            last = await client.frame()
        assert last.status == 1013
    assert await server.is_left_empty()
    assert server.realtime.meters.closes["flood"] == 1


async def test_who_waits_is_forgiven(start: START, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (budgets, socket):
        monkeypatch.setattr(module, "BUDGET_SECONDS", 0.4)
    server = await start(rate_limits=True, realtime_flood_rate=100)
    async with raw_client(server) as client:
        await client.message()
        for _ in range(4):
            client.send(PING * 60)
            for _ in range(60):
                assert (await client.frame()).opcode == Opcode.PONG
            await asyncio.sleep(0.8)
    assert server.realtime.meters.closes["flood"] == 0


async def test_without_limits_nobody_rests(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.send(PING * 5000)
        for _ in range(5000):
            assert (await client.frame()).opcode == Opcode.PONG


async def test_a_long_message_is_answered_in_its_turn(server: RealtimeServer) -> None:
    rows = [{"subscriptionId": f"s{number}", "channels": [f"c{number}"]} for number in range(1000)]
    async with raw_client(server) as client:
        await client.message()
        sent: list[dict[str, Any]] = [
            {"type": "subscribe", "data": rows},
            {"type": "ping"},
            {"type": "unsubscribe", "data": [{"subscriptionId": "s999"}]},
            {"type": "subscribe", "data": [*rows[:500], {"channels": None}]},
        ]
        client.send(*(text(json.dumps(message)) for message in sent))
        first, pong, removed, error, second = [json.loads(await client.message()) for _ in range(5)]
        assert len(first["data"]["subscriptions"]) == 1000
        assert pong == {"type": "pong"}
        assert removed["data"]["subscriptions"] == [{"subscriptionId": "s999", "removed": True}]
        assert error["data"]["code"] == 1003
        assert len(second["data"]["subscriptions"]) == 501
    assert await server.is_left_empty()


async def test_many_subscriptions_are_made_a_few_at_a_time(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have their turns; what happens meanwhile comes after the answer, once, and in order."""
    done: list[int] = []
    do = Subscribing.do

    def observed(self: Subscribing, rows: Rows, known: Known) -> None:
        done.append(len(rows))
        do(self, rows, known)

    monkeypatch.setattr(Subscribing, "do", observed)
    async with server.client() as client:
        since = (await receive(client))["data"]
        missed = [(await server.publish(number)).offset for number in range(3)]
        place = {"offset": since["offset"], "epoch": since["epoch"]}
        rows = [
            {"subscriptionId": f"s{number}", "channels": ["files" if number % 2 else f"c{number}"]}
            | ({"since": place} if number == 1 else {})
            for number in range(1000)
        ]
        await client.send(json.dumps({"type": "subscribe", "data": rows}))
        await _until(lambda: sum(done) >= 500)
        meanwhile = [(await server.publish(number)).offset for number in range(3)]
        answer = await receive(client)
        assert [row["subscriptionId"] for row in answer["data"]["subscriptions"]] == [
            row["subscriptionId"] for row in rows
        ]
        assert max(done) <= SLICE
        events = [(await receive(client))["data"] for _ in range(6)]
        assert [event["offset"] for event in events] == missed + meanwhile
        assert all("s1" in event["subscriptions"] for event in events)
        last = await server.publish(9)
        told = (await receive(client))["data"]
        assert told["offset"] == last.offset
        assert len(told["subscriptions"]) == 500
    assert await server.is_left_empty()


async def test_limits_hold_over_all_of_a_long_message(start: START) -> None:
    server = await start(realtime_max_subscriptions=100)
    rows = [{"subscriptionId": f"s{number}", "channels": ["files"]} for number in range(200)]
    async with server.client() as client:
        await receive(client)
        assert (await ask(client, "subscribe", rows))["data"]["code"] == 1013
        made = (await receive(client))["data"]["subscriptions"]
        assert [bool(row["channels"]) for row in made] == [True] * 100 + [False] * 100


async def test_who_leaves_while_subscriptions_are_made_leaves_nothing(server: RealtimeServer) -> None:
    rows = [{"subscriptionId": f"s{number}", "channels": ["files"]} for number in range(1000)]
    async with raw_client(server) as client:
        await client.message()
        client.send(text(json.dumps({"type": "subscribe", "data": rows})))
        [connection] = server.realtime.sessions()
        await _until(lambda: bool(connection.subscriptions))
        client.writer.transport.abort()
    assert await server.is_left_empty()


async def test_who_breaks_the_protocol_while_subscriptions_are_made_is_told_so(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream has its end then, and the answer is none any more, however far it came."""
    rows = [{"subscriptionId": f"s{number}", "channels": ["files"]} for number in range(1000)]
    do = Subscribing.do

    def then_break(self: Subscribing, some: Rows, known: Known) -> None:
        do(self, some, known)
        if len(connection.subscriptions) == len(rows):
            wire = connection.wire
            assert isinstance(wire, WebSocket)
            wire.data_received(frame(Opcode.BINARY, b"x"))

    monkeypatch.setattr(Subscribing, "do", then_break)
    async with raw_client(server) as client:
        await client.message()
        [connection] = server.realtime.sessions()
        with capture_logs() as lines:
            client.send(text(json.dumps({"type": "subscribe", "data": rows})))
            assert await client.failed() == 1003
            assert await server.is_left_empty()
    assert lines == []


async def test_of_large_messages_only_some_may_be_unfinished(server: RealtimeServer) -> None:
    """Each may take ten times the memory of any other message: the one that has taken longest gives way."""
    server.realtime.wires.large_messages._most = 2
    begun = b"\x81\xff" + (300_000).to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 100_000
    async with raw_client(server) as first, raw_client(server) as second, raw_client(server) as third:
        for client in (first, second, third):
            await client.message()
            client.send(begun)
            if client is not third:
                for _ in range(500):
                    if server.realtime.wires.large_messages.count == 1 + (client is second):
                        break
                    await asyncio.sleep(0.01)
        assert await first.failed() == 1013
        assert server.realtime.wires.large_messages.count == 2
    assert await server.is_left_empty()
    assert server.realtime.wires.large_messages.count == 0


def test_the_oldest_gives_way() -> None:
    unfinished, gone = LargeMessages(2), list[str]()
    for name in ("a", "b", "a", "c"):
        unfinished.begin(name, lambda name=name: gone.append(name))  # type: ignore[misc]
    assert gone == ["a"]
    unfinished.end("b")
    unfinished.begin("d", lambda: gone.append("d"))
    assert gone == ["a"]


async def test_limits_that_are_reached_are_told_in_the_log(start: START) -> None:
    """Once in a while for each kind, with the number of those between."""
    server = await start(realtime_max_subscriptions=1, realtime_max_connections_per_address=1)
    rows = [{"channels": ["files"]}, {"channels": ["files"]}]
    with capture_logs() as lines:
        server.realtime.limits_reached._write = structlog.get_logger().warning
        async with server.client() as client:
            await receive(client)
            for _ in range(3):
                await ask(client, "subscribe", rows)
            async with server.client() as other:
                assert (await receive(other))["data"]["code"] == 1013
    told = [line["limit"] for line in lines if line["event"] == "limit_reached"]
    assert told == ["subscriptions", "connections of an address"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (text("x" * 2000), "bytes of a message"),
        (frame(Opcode.TEXT, b"x" * 100_000), "bytes of a message"),
        (text('{"a":' * 150 + "1" + "}" * 150), "structure of a message"),
        (text(json.dumps({"type": "subscribe", "data": [{}] * 9})), "subscriptions in one frame"),
        (PING * 600, "frames of a connection"),
    ],
)
async def test_what_bites_is_told_in_the_log(start: START, sent: bytes, told: str) -> None:
    server = await start(
        rate_limits=True,
        realtime_flood_rate=50,
        realtime_max_subscriptions=4,
        realtime_max_message_bytes=1000,
        realtime_max_subscription_bytes=10_000,
    )
    with capture_logs() as lines:
        server.realtime.limits_reached._write = structlog.get_logger().warning
        async with raw_client(server) as client:
            await client.message()
            client.send(sent)
            await _until_told(lines)
    assert [line["limit"] for line in lines if line["event"] == "limit_reached"] == [told]


async def _until_told(lines: Sequence[Mapping[str, Any]]) -> None:
    for _ in range(1000):
        if any(line["event"] == "limit_reached" for line in lines):
            return
        await asyncio.sleep(0.01)
