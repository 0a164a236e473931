"""A server without Tidewire's extensions: a real Tidewire behind a proxy that takes them away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_EXTENSIONS = ("epoch", "offset", "recovered")
_KNOWN = {"ping", "authentication", "subscribe", "unsubscribe", "presence"}
_PASSED_ON = ("x-appwrite-session", "x-appwrite-jwt", "cookie")
_REFUSAL = {"type": "error", "data": {"code": 1003, "message": "Server Error"}}


class PlainServer:
    """Where the proxy listens, and its connections, which can be cut."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._open: set[ServerConnection] = set()
        self.endpoint = ""
        self.received: list[dict[str, Any]] = []

    def cut(self) -> None:
        """Break every connection off without a word, as a lost network does."""
        for connection in self._open:
            connection.transport.abort()

    async def handle(self, client: ServerConnection) -> None:
        """Serve one client with a connection of its own to the real server."""
        assert client.request
        headers = {
            name: value for name, value in client.request.headers.raw_items() if name.lower() in _PASSED_ON
        }
        query = client.request.path.partition("?")[2]
        self._open.add(client)
        try:
            async with connect(f"{self._target}?{query}", additional_headers=headers) as server:
                ways = [
                    asyncio.create_task(each) for each in (self._up(client, server), _down(server, client))
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                if server.close_code:
                    await client.close(server.close_code, server.close_reason or "")
        finally:
            self._open.discard(client)

    async def _up(self, client: ServerConnection, server: ClientConnection) -> None:
        async for text in client:
            frame = json.loads(text)
            self.received.append(frame)
            if frame["type"] in _KNOWN:
                await server.send(text)
            else:
                await client.send(json.dumps(_REFUSAL))


async def _down(server: ClientConnection, client: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for text in server:
            frame = json.loads(text)
            data = frame.get("data", {})
            for each in (data, *data.get("subscriptions", [])):
                if isinstance(each, dict):
                    for extension in _EXTENSIONS:
                        each.pop(extension, None)
            await client.send(json.dumps(frame))


@asynccontextmanager
async def plain_server(realtime: str) -> AsyncIterator[PlainServer]:
    """A plain server in front of the realtime address of a real one."""
    plain = PlainServer(realtime)
    async with serve(plain.handle, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()[:2]
        plain.endpoint = f"http://{host}:{port}/v1"
        yield plain
