"""HTTP/1.1 as the engine speaks it: bodies have a length, connections are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http.client import responses as reasons
from typing import Optional

Handler = Callable[[str, str, "dict[str, str]", bytes], Awaitable[bytes]]
"""From method, target, headers (names in lower case) and body to the bytes of the answer."""

_REASONS = {status: reason.encode() for status, reason in reasons.items()}


def encode(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of an answer. Raises ValueError for headers that cannot be sent."""
    lines = [b"HTTP/1.1 %d %b" % (status, _REASONS.get(status, b"-"))]
    for name, value in headers.items():
        line = f"{name}: {value}"
        if not name or not line.isprintable() or not name.isascii() or " " in name:
            raise ValueError(f"the header {name!r} cannot be sent")
        lines.append(line.encode("latin-1", "replace"))
    if status not in (204, 304):
        lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Wire(asyncio.Protocol):
    """One connection: one request after the other."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._received = bytearray()
        self._transport: Optional[asyncio.Transport] = None  # noqa: UP045 - older Pythons run it
        self._task: Optional[asyncio.Task[None]] = None  # noqa: UP045

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._task is None:
            self._next()

    def connection_lost(self, exc: Optional[Exception]) -> None:  # noqa: ARG002, UP045 - asyncio's
        self._transport = None

    def _next(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        try:
            first, *lines = self._received[:end].decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers: dict[str, str] = {}
            for line in lines:
                name, _, value = line.partition(":")
                name, value = name.lower(), value.strip()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            whole = end + 4 + int(headers.get("content-length", 0))
        except ValueError:
            if self._transport is not None:
                self._transport.close()
            return
        if len(self._received) < whole:
            return
        body = bytes(self._received[end + 4 : whole])
        del self._received[:whole]
        self._task = asyncio.get_running_loop().create_task(self._answer(method, target, headers, body))

    async def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        answer = await self._handler(method, target, headers, body)
        self._task = None
        if self._transport is not None:
            self._transport.write(answer)
            self._next()
