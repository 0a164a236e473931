"""Guests who ask a server for as much as they can: ``python -m benchmarks.attackers KIND PORT PROJECT``.

They come from an address of their own (127.0.0.2) and go on until the program is ended. What a server refuses
or closes they ask for again, as programs do that mean harm.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

ADDRESS: Final = "127.0.0.2"
NICENESS: Final = 19
"""Those whose times are measured run on the same core, and first."""
PAUSE_SECONDS: Final = 0.01
"""Before a closed connection is opened again."""

Attack = Callable[["Place"], Awaitable[None]]


class Place:
    """The server that is attacked."""

    def __init__(self, port: int, project: str) -> None:
        self.port = port
        self.project = project

    async def connect(self, received: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from the attackers' address; ``received``: bytes that its system takes unread."""
        connection = socket.socket()
        if received:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
        connection.bind((ADDRESS, 0))
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=connection)

    def request(self, method: str, path: str, length: int = 0) -> bytes:
        """The head of a request with a JSON body of so many bytes."""
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Appwrite-Project: {self.project}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    async def socket(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A realtime connection, upgraded."""
        reader, writer = await self.connect()
        writer.write(
            f"GET /v1/realtime?project={self.project} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer


async def costly_lists(place: Place) -> None:
    """Lists that a whole large table is read for."""
    query = msgspec.json.encode(
        {"method": "contains", "attribute": "title", "values": [secrets.token_hex()]}
    ).decode()
    escaped = "".join(f"%{ord(sign):02X}" if sign in '{}"[] ' else sign for sign in query)
    request = place.request("GET", f"/v1/tablesdb/rows/tables/open/rows?queries[0]={escaped}")
    reader, writer = await place.connect()
    while True:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))


async def unread_answers(place: Place) -> None:
    """Large answers that are never read."""
    query = "%7B%22method%22:%22limit%22,%22values%22:%5B50000%5D%7D"
    path = f"/v1/tablesdb/rows/tables/open/rows?queries[0]={query}&total=false"
    _, writer = await place.connect(received=4096)
    writer.write(place.request("GET", path))
    await asyncio.sleep(3600)


async def unfinished_bodies(place: Place) -> None:
    """Large bodies of which the end never comes."""
    size = 9_000_000
    reader, writer = await place.connect()
    writer.write(place.request("POST", "/v1/account", size) + b'{"name":"')
    piece = b"x" * 100_000
    for _ in range(size // len(piece) - 1):
        writer.write(piece)
        await writer.drain()
    await reader.read()


async def nested_bodies(place: Place) -> None:
    """Large bodies of very many values."""
    body = b'{"userId":[' + b"[]," * 3_000_000 + b"[]]}"
    reader, writer = await place.connect()
    while True:
        writer.write(place.request("POST", "/v1/account", len(body)))
        writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))


async def short_frames(place: Place) -> None:
    """Frames that mean nothing, as fast as they are taken."""
    await _flood(place, _frame(b'{"type":"nothing"}') * 500)


async def subscribe_frames(place: Place) -> None:
    """Subscribe frames of many rows, as fast as they are taken."""
    rows = [{"channels": ["files", f"rooms.{row}"]} for row in range(100)]
    await _flood(place, _frame(msgspec.json.encode({"type": "subscribe", "data": rows})) * 20)


async def costly_queries(place: Place) -> None:
    """Subscriptions to what is measured, with queries that take long to match."""
    values = [f"a title that nobody has {value}" for value in range(100)]
    query = msgspec.json.encode({"method": "contains", "attribute": "title", "values": values}).decode()
    either = msgspec.json.encode({"method": "or", "values": [msgspec.Raw(query.encode())] * 5}).decode()
    channel = "tablesdb.rows.tables.open.rows"
    reader, writer = await place.socket()
    for row in range(20):
        rows = [{"subscriptionId": f"s{row}", "channels": [channel], "queries": [either]}]
        writer.write(_frame(msgspec.json.encode({"type": "subscribe", "data": rows})))
    while await reader.read(65536):
        continue


async def _flood(place: Place, frames: bytes) -> None:
    reader, writer = await place.socket()

    async def read() -> None:
        while await reader.read(65536):
            continue

    reading = asyncio.create_task(read())
    try:
        while not reading.done():
            writer.write(frames)
            await writer.drain()
    finally:
        reading.cancel()


def _frame(payload: bytes) -> bytes:
    """A client's text frame, masked with zeros (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 65536:
        head = bytes((0x81, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((0x81, 0x80 | 127)) + size.to_bytes(8)
    return head + bytes(4) + payload


ATTACKS: Final[dict[str, tuple[int, Attack]]] = {
    "costly lists": (16, costly_lists),
    "costly queries of subscriptions": (20, costly_queries),
    "floods of frames": (10, short_frames),
    "floods of subscribe frames": (10, subscribe_frames),
    "bodies of very many values": (4, nested_bodies),
    "unfinished bodies": (150, unfinished_bodies),
    "unread answers": (60, unread_answers),
}
"""Kinds of attacks, and by how many guests at once."""


async def attack(kind: str, place: Place) -> None:
    """Attack until the program is ended."""
    count, attacking = ATTACKS[kind]

    async def again_and_again() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await attacking(place)
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*(again_and_again() for _ in range(count)))


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(attack(sys.argv[1], Place(int(sys.argv[2]), sys.argv[3])))
