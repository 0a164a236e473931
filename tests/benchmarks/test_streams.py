"""The load generator over PocketBase's server-sent events, in chunks of HTTP however they are cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from benchmarks.native import Endpoint, LoadGenerator, NativeError, Plan
from benchmarks.rest_client import http_request

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = "id:{id}\nevent:files/*\ndata:{data}\n\n"
DATA = '{"action":"update","record":{"name":"é"}}'


def chunks(text: bytes, size: int) -> bytes:
    """A text in chunks of at most ``size`` bytes."""
    parts = (text[start : start + size] for start in range(0, len(text), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


@dataclass
class Server:
    """Speaks as PocketBase does: a client id, a request that subscribes it, events."""

    chunk: int = 4096
    written: int = 4096
    """Bytes that are sent at once."""
    sender: str | None = None
    """The client id in events; None: the receiver's."""
    events: int = 1
    clients: dict[str, asyncio.StreamWriter] = field(default_factory=dict)
    subscriptions: dict[str, list[str]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self.answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET /api/realtime "):
            client = f"client{len(self.clients)}"
            self.clients[client] = writer
            writer.write(HEAD)
            await self.write(writer, f'id:{client}\nevent:PB_CONNECT\ndata:{{"clientId":"{client}"}}\n\n')
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if head.startswith(b"POST /api/realtime "):
            wanted = json.loads(body)
            self.subscriptions[wanted["clientId"]] = wanted["subscriptions"]
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        for client in self.subscriptions:
            for _ in range(self.events):
                await self.write(self.clients[client], EVENT.format(id=self.sender or client, data=DATA))
        writer.write(HEAD + chunks(b"answered" * 300, 100) + b"0\r\n\r\n")

    async def write(self, writer: asyncio.StreamWriter, text: str) -> None:
        data = chunks(text.encode(), self.chunk)
        for start in range(0, len(data), self.written):
            writer.write(data[start : start + self.written])
            await writer.drain()
            await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Endpoint]:
        """Where it listens, while it runs."""
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            yield Endpoint(port, "/api/realtime", '"files/@number@"', 2, protocol="pocketbase")


PLAN = Plan(subscribers=3, request=http_request("POST", "/change", {}, {}), requests=4, warm_up=1)


@pytest.mark.parametrize(("chunk", "written"), [(4096, 4096), (7, 3), (1, 1)])
async def test_every_subscriber_receives_every_event(
    generator: LoadGenerator, chunk: int, written: int
) -> None:
    server = Server(chunk, written)
    async with server.running() as endpoint:
        outcome = await asyncio.to_thread(generator.run, endpoint, PLAN)

    assert sorted(server.subscriptions.values()) == [
        ["files/0", "files/1"],
        ["files/2", "files/3"],
        ["files/4", "files/5"],
    ]
    assert outcome.requested
    assert outcome.requested.messages == 3 * 3
    assert outcome.requested.event_bytes == len(EVENT.format(id="client0", data=DATA).encode())


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (Server(sender="another"), "without the receiver's client id"),
        (Server(events=2), "more events than requests"),
    ],
)
async def test_anything_unexpected_fails(generator: LoadGenerator, server: Server, complaint: str) -> None:
    async with server.running() as endpoint:
        with pytest.raises(NativeError, match=complaint):
            await asyncio.to_thread(generator.run, endpoint, PLAN)
