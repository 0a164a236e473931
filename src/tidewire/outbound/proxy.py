"""A proxy for a program that must call allowed addresses only, whatever it is asked to: a browser.

It listens on a socket in the file system, for one program at a time that has no other network. Each name is
resolved here, by a :class:`~tidewire.outbound.guard.Guard`, for every connection: those of redirects, of what
a page loads, and of sockets that its scripts open.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tidewire.outbound.guard import ForbiddenAddressError, Guard

_HEAD_BYTES: Final = 64 * 1024
_PIECE: Final = 64 * 1024
_CONNECTIONS: Final = 64
"""At the same time; a browser opens fewer by a proxy."""
_CONNECT_SECONDS: Final = 10.0
_HOP_HEADERS: Final = (b"proxy-connection:", b"proxy-authorization:", b"connection:", b"keep-alive:")


class GuardedProxy:
    """Forwards ``CONNECT`` and plain HTTP requests, of ``most_bytes`` in all directions together."""

    def __init__(self, guard: Guard, most_bytes: int) -> None:
        self._guard = guard
        self._left = most_bytes
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, path: Path) -> None:
        """Listen on a socket at ``path``."""
        self._server = await asyncio.start_unix_server(self._accepted, path, limit=_HEAD_BYTES)

    async def close(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) <= _CONNECTIONS:
                await self._serve(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the program sees that the connection ends
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request, *lines = head[:-4].split(b"\r\n")
        method, target, version = request.split(b" ")
        tunnel = method == b"CONNECT"
        address = urlsplit(("//" if tunnel else "") + target.decode("ascii"))
        host, port = address.hostname or "", address.port or 80
        if not host or not (tunnel or address.scheme == "http"):
            return
        try:
            there, sink = await self._connected(host, port)
        except (ForbiddenAddressError, OSError):
            # Without an answer, which a plain request would show as a page.
            return
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = address.path or "/"
                asked = f"{path}?{address.query}" if address.query else path
                kept = [line for line in lines if not line.lower().startswith(_HOP_HEADERS)]
                begin = b"%b %b %b" % (method, asked.encode(), version)
                sink.write(b"\r\n".join([begin, *kept, b"Connection: close", b"", b""]))
            await asyncio.gather(self._pump(reader, sink), self._pump(there, writer))
        finally:
            sink.close()

    async def _connected(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._guard.check(host)
        failure: OSError = OSError("no address")
        async with asyncio.timeout(_CONNECT_SECONDS):
            for address in await self._guard.addresses(host, port):
                try:
                    return await asyncio.open_connection(address, port)
                except OSError as error:
                    failure = error
        raise failure

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(_PIECE):
            self._left -= len(piece)
            if self._left < 0:
                raise ConnectionAbortedError("too many bytes")
            sink.write(piece)
            await sink.drain()
        with contextlib.suppress(OSError, RuntimeError):
            if sink.can_write_eof():
                sink.write_eof()
