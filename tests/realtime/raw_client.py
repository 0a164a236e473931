"""A WebSocket client that does what it is told and nothing by itself: it answers no ping and no close."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from websockets.frames import Opcode

from tests.realtime.conftest import PROJECT, RealtimeServer

MASK = b"\x11\x22\x33\x44"


@dataclass(frozen=True)
class RawFrame:
    """A frame from the server, as it was on the wire."""

    opcode: int
    data: bytes
    final: bool = True
    reserved: int = 0
    """The three reserved bits, as a number."""

    @property
    def status(self) -> int | None:
        """Of a close frame; None if it has none."""
        assert self.opcode == Opcode.CLOSE
        return int.from_bytes(self.data[:2], "big") if self.data else None


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length_bytes: int | None = None,
) -> bytes:
    """Any frame, legal or not. ``length_bytes``: write the length in 0, 2 or 8 more bytes than needed."""
    length = len(data)
    needed = 0 if length < 126 else 2 if length < 65536 else 8
    extended = needed if length_bytes is None else length_bytes
    short = {0: length, 2: 126, 8: 127}[extended]
    header = bytes((final << 7 | reserved << 4 | opcode, masked << 7 | short))
    header += length.to_bytes(extended, "big") if extended else b""
    if not masked:
        return header + data
    return header + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(data))


def text(message: str | bytes, *, final: bool = True) -> bytes:
    """A text frame."""
    return frame(Opcode.TEXT, message.encode() if isinstance(message, str) else message, final=final)


def close(status: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame; without a status an empty one."""
    return frame(Opcode.CLOSE, b"" if status is None else status.to_bytes(2, "big") + reason)


@dataclass
class RawClient:
    """An open connection."""

    head: str
    """Of the answer to the upgrade."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pings: list[bytes] = field(default_factory=list)
    """Payloads of the pings that :meth:`message` passed over."""

    def send(self, *wire: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(b"".join(wire))

    def say(self, *messages: str) -> None:
        """Send text messages."""
        self.send(*map(text, messages))

    async def frame(self) -> RawFrame:
        """The next frame. Raises IncompleteReadError if the connection ends."""
        async with asyncio.timeout(10):
            first, length = await self.reader.readexactly(2)
            assert length < 128, "a server does not mask"
            if length >= 126:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
            data = await self.reader.readexactly(length)
        return RawFrame(first & 15, data, bool(first & 128), first >> 4 & 7)

    async def message(self) -> str:
        """The next text message, its fragments joined."""
        whole = b""
        while True:
            part = await self.frame()
            if part.opcode == Opcode.PING:
                self.pings.append(part.data)
                continue
            assert part.opcode in {Opcode.TEXT, Opcode.CONT}, part
            part.data.decode()  # each fragment by itself
            whole += part.data
            if part.final:
                return whole.decode()

    async def ended(self) -> bool:
        """Whether the server ends the connection, and says nothing more."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def failed(self) -> int | None:
        """Status of the close frame that comes next, after which the server ends the connection."""
        last = await self.frame()
        assert last.opcode == Opcode.CLOSE, last
        self.send(frame(Opcode.CLOSE, last.data))
        with contextlib.suppress(OSError):
            self.writer.write_eof()
        assert await self.ended()
        return last.status


@contextlib.asynccontextmanager
async def raw_client(
    server: RealtimeServer, query: str = f"project={PROJECT}", **headers: str
) -> AsyncIterator[RawClient]:
    """Upgrade a connection; header names with ``_`` for ``-``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [
        f"GET /v1/realtime?{query} HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    try:
        yield RawClient(head, reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
