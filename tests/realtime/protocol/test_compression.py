"""permessage-deflate: whatever a client offers, it reads every event, with at least 5 times fewer bytes."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from tests.realtime.conftest import PROJECT, START, UPGRADE, RealtimeServer, close_status, receive, subscribe
from tests.realtime.protocol.test_frames import event_frame
from tests.realtime.world import Json
from tidewire.realtime.protocol.compression import MIN_COMPRESSED
from tidewire.realtime.protocol.event_frames import subscription_tail
from tidewire.realtime.protocol.framing import MAX_FRAGMENT
from tidewire.realtime.wire.socket import SocketWire

PAYLOAD = msgspec.json.encode(
    {
        "$id": "66f0c2a1b3d4e5f60718",
        "$permissions": [
            f'{action}("user:66f0c2a1b3d4e5{number * 7919:06x}")'
            for number in range(20)
            for action in ("read", "update", "delete")
        ],
        "name": "tide.txt",
        "note": "High water at seven, low water at one; the harbour opens two hours before.",
    }
)
WINDOWS = range(9, 16)
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def inflate(data: bytes, window: int) -> list[tuple[list[Frame], Json]]:
    """The messages of a client that keeps only a window of this size, each with its frames."""
    client = ClientProtocol(parse_uri("ws://test"), state=OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None or "reserved" in str(client.parser_exc)
    messages, frames = [], list[Frame]()
    for frame in _frames(data):
        frames.append(frame)
        if frame.fin:
            body = b"".join(each.data for each in frames)
            if frames[0].rsv1:
                body = zlib.decompressobj(-window).decompress(body + b"\x00\x00\xff\xff")
            messages.append((frames, msgspec.json.decode(body)))
            frames = []
    return messages


def _frames(data: bytes) -> list[Frame]:
    frames, position = [], 0
    while position < len(data):
        first, length = data[position], data[position + 1]
        position += 2
        if length == 126:
            length = int.from_bytes(data[position : position + 2], "big")
            position += 2
        assert length <= MAX_FRAGMENT
        body = data[position : position + length]
        frames.append(Frame(Opcode(first & 15), body, bool(first & 128), bool(first & 64)))
        position += length
    return frames


@given(
    st.one_of(
        st.text(max_size=3000),
        st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=9), st.integers(1, 9000)),
        st.binary(max_size=60_000).map(bytes.hex),
    ),
    st.lists(st.uuids().map(str), min_size=1, max_size=500),
    st.sampled_from(WINDOWS),
)
def test_every_compressed_event_inflates(text: str, ids: list[str], window: int) -> None:
    frame = event_frame(text)
    for names in (ids[:1], ids, ids[:1]):
        [(frames, event)] = inflate(frame.message(subscription_tail(names), window), window)
        assert event["data"]["payload"] == {"text": text}
        assert event["data"]["subscriptions"] == names
        assert [each.rsv1 for each in frames[1:]] == [False] * (len(frames) - 1)
        assert [each.fin for each in frames] == [False] * (len(frames) - 1) + [True]


@pytest.mark.parametrize("length", range(16_000, 16_500, 7))
def test_fragments_at_the_boundary(length: int) -> None:
    noise = zlib.compress(bytes(range(256)) * 200, 0)  # only to have an object of bytes
    text = "".join(chr(48 + (byte * 7 + index * index) % 75) for index, byte in enumerate(noise[:length]))
    for tail in (1, 120, 16_000):
        [(_, event)] = inflate(event_frame(text).message(subscription_tail(["s" * tail]), 15), 15)
        assert event["data"]["payload"] == {"text": text}


def test_small_events_go_as_they_are() -> None:
    [(frames, _)] = inflate(event_frame("x").message(subscription_tail(["s"]), 15), 15)
    assert not frames[0].rsv1
    assert len(frames[0].data) < MIN_COMPRESSED


async def _event_of(server: RealtimeServer, client: ClientConnection) -> Json:
    assert (await receive(client))["type"] == "connected"
    await subscribe(client, "files", name="mine")
    await server.publish(payload=PAYLOAD)
    event: Json = (await receive(client))["data"]
    return event


OFFERED = [
    {
        "server_max_window_bits": server,
        "client_max_window_bits": client,
        "server_no_context_takeover": number % 2 == 0,
        "client_no_context_takeover": number % 4 < 2,
    }
    for number, (server, client) in enumerate(itertools.product((None, *WINDOWS), (None, True, 9, 12, 15)))
]


async def test_all_windows_that_a_client_can_offer(server: RealtimeServer) -> None:
    for offered in OFFERED:
        factory = ClientPerMessageDeflateFactory(**offered)
        async with connect(server.url(), extensions=[factory], compression=None, proxy=None) as client:
            [agreed] = client.protocol.extensions
            assert isinstance(agreed, PerMessageDeflate)
            assert agreed.local_no_context_takeover
            assert agreed.remote_no_context_takeover
            assert agreed.remote_max_window_bits == (offered["server_max_window_bits"] or 15)
            event = await _event_of(server, client)
            assert event["payload"] == msgspec.json.decode(PAYLOAD)
            assert event["subscriptions"] == ["mine"]


async def test_a_window_of_8_bits_is_declined_or_the_next_offer_taken(server: RealtimeServer) -> None:
    eight = ClientPerMessageDeflateFactory(server_max_window_bits=8)
    for extensions in ([eight], [eight, ClientPerMessageDeflateFactory()]):
        async with connect(server.url(), extensions=extensions, compression=None, proxy=None) as client:
            assert len(client.protocol.extensions) == len(extensions) - 1
            assert (await _event_of(server, client))["subscriptions"] == ["mine"]


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", AGREED),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("x-webkit-deflate-frame", None),
        (
            'permessage-deflate; unknown, permessage-deflate; server_max_window_bits="10"',
            f"{AGREED}; server_max_window_bits=10",
        ),
    ],
)
async def test_offers_and_their_answers(server: RealtimeServer, offer: str, answer: str | None) -> None:
    headers = await _handshake(server, f"Sec-WebSocket-Extensions: {offer}\r\n")
    assert headers.get("sec-websocket-extensions") == answer


async def test_a_malformed_offer_is_refused(server: RealtimeServer) -> None:
    assert (await _handshake(server, "Sec-WebSocket-Extensions: =;=\r\n"))["status"] == "400"


async def test_it_can_be_switched_off(start: START) -> None:
    server = await start(realtime_compression=False)
    headers = await _handshake(server, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert "sec-websocket-extensions" not in headers


async def _handshake(server: RealtimeServer, more: str) -> dict[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /v1/realtime?project={PROJECT} HTTP/1.1\r\n{more}{UPGRADE}".encode())
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    writer.close()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return {"status": first.split(" ")[1], **headers}


async def test_an_event_takes_five_times_fewer_bytes(server: RealtimeServer) -> None:
    assert 2_500 < len(PAYLOAD) < 3_000
    assert await _bytes_of_event(server, "permessage-deflate") * 5 <= await _bytes_of_event(server, "other")


async def _bytes_of_event(server: RealtimeServer, offer: str) -> int:
    head = f"GET /v1/realtime?project={PROJECT}&channels[]=files HTTP/1.1\r\n"
    reader, writer = await server.open_raw(f"{head}Sec-WebSocket-Extensions: {offer}\r\n{UPGRADE}")
    assert (await reader.read(10_000)).endswith(b"}}")
    await server.publish(payload=PAYLOAD)
    data = await reader.read(10_000)
    [(_, event)] = inflate(data, 15)
    assert event["data"]["payload"] == msgspec.json.decode(PAYLOAD)
    writer.close()
    return len(data)


async def test_compressed_and_plain_clients_get_the_same(server: RealtimeServer) -> None:
    async with server.client() as plain, connect(server.url(), proxy=None) as compressed:
        for client in (plain, compressed):
            await receive(client)
            await subscribe(client, "files")
        large = msgspec.json.encode({"text": [hex(number**3) for number in range(10_000)]})
        for payload in (PAYLOAD, large, b'{"a":1}'):
            await server.publish(payload=payload)
            assert await receive(plain) == await receive(compressed)


def _compressed(text: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def test_a_small_frame_that_inflates_beyond_the_limit_is_refused(server: RealtimeServer) -> None:
    bomb = _compressed(b" " * 50_000_000)
    assert len(bomb) < 64_000
    async with connect(server.url(), proxy=None, max_size=None) as client:
        await receive(client)
        client.transport.write(_unchecked(Frame(Opcode.TEXT, bomb, rsv1=True)))
        assert await close_status(client) == 1009


async def test_fragments_that_inflate_beyond_the_limit_together_are_refused(server: RealtimeServer) -> None:
    whole = _compressed(b'{"type":"ping"}' + b" " * 64_000)
    pieces = [whole[start : start + 10] for start in range(0, len(whole), 10)]
    async with connect(server.url(), proxy=None, max_size=None) as client:
        await receive(client)
        for number, piece in enumerate(pieces):
            opcode = Opcode.CONT if number else Opcode.TEXT
            frame = Frame(opcode, piece, number == len(pieces) - 1, rsv1=number == 0)
            client.transport.write(_unchecked(frame))
        assert await close_status(client) == 1009


async def test_a_compressed_message_at_the_limit_is_read(server: RealtimeServer) -> None:
    async with connect(server.url(), proxy=None) as client:
        await receive(client)
        await client.send('{"type":"ping"}' + " " * (64_000 - 15))
        assert await receive(client) == {"type": "pong"}


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"\xff\xff\xff", rsv1=True),
        Frame(Opcode.PING, b"x", rsv1=True),
        Frame(Opcode.TEXT, b"x", rsv2=True),
        Frame(Opcode.CONT, b"x", rsv1=True),
    ],
    ids=["not deflate", "control frame", "other bit", "continuation"],
)
async def test_broken_compression_ends_with_1002(server: RealtimeServer, frame: Frame) -> None:
    async with connect(server.url(), proxy=None) as client:
        await receive(client)
        if frame.opcode is Opcode.CONT:
            start = Frame(Opcode.TEXT, _compressed(b"x")[:1], fin=False, rsv1=True)
            client.transport.write(_unchecked(start))
        client.transport.write(_unchecked(frame))
        assert await close_status(client) == 1002


def _unchecked(frame: Frame) -> bytes:
    """A client's frame, whatever it holds; its mask is zero."""
    bits = frame.fin << 7 | frame.rsv1 << 6 | frame.rsv2 << 5 | frame.opcode
    length = len(frame.data)
    header = bytes((bits, 0x80 | length)) if length < 126 else bytes((bits, 0xFE)) + length.to_bytes(2, "big")
    return header + bytes(4) + bytes(frame.data)


async def test_compressed_frames_without_agreement_end_with_1002(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        client.transport.write(_unchecked(Frame(Opcode.TEXT, _compressed(b"{}"), rsv1=True)))
        assert await close_status(client) == 1002


async def test_an_idle_connection_keeps_no_more_than_a_number(server: RealtimeServer) -> None:
    async with connect(server.url(), proxy=None) as client:
        await receive(client)
        await client.send('{"type":"ping"}')
        await receive(client)
        [connection] = [
            each for each in server.uvicorn.server_state.connections if isinstance(each, SocketWire)
        ]
        assert connection.session.form == 15
        kept: dict[str, Any] = {name: getattr(connection, name, None) for name in ("_inbound", "_backlog")}
        assert kept == {"_inbound": None, "_backlog": None}
