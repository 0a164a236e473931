"""A real server with realtime alone, in the event loop of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString
from tests.realtime.world import Json
from tests.store.samples import add_session, add_user, event
from tidewire.api.http_protocol import bounded_http_protocol
from tidewire.core.events import LoggedEvent
from tidewire.core.time import now
from tidewire.graphql.documents import Documents
from tidewire.graphql.fair_thread import FairThread
from tidewire.graphql.subscriptions import Subscriptions, subscription_type
from tidewire.realtime import Realtime
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance
from tidewire.store.secrets.credentials import encode_session, hash_secret

PROJECT = DEFAULT_PROJECT_ID
START = Callable[..., Awaitable["RealtimeServer"]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


@dataclass
class RealtimeServer:
    """A running server."""

    instance: Instance
    realtime: Realtime
    uvicorn: uvicorn.Server
    port: int
    serving: asyncio.Task[None]

    def url(self, query: str = f"project={PROJECT}") -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime?{query}"

    @contextlib.asynccontextmanager
    async def client(
        self, query: str = f"project={PROJECT}", **headers: str
    ) -> AsyncIterator[ClientConnection]:
        """A connected client; header names with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with connect(
            self.url(query), additional_headers=named, compression=None, max_size=None, proxy=None
        ) as client:
            yield client

    async def raw(
        self, query: str = f"project={PROJECT}"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A socket on which the upgrade was answered, and nothing else read yet."""
        return await self.open_raw(f"GET /v1/realtime?{query} HTTP/1.1\r\n{UPGRADE}")

    async def open_raw(
        self, head: str, receive_buffer: int = 0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.connect(("127.0.0.1", self.port))
        raw.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=raw)
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def sign_up(self, user_id: str, **changes: Any) -> str:
        """Create a user with a session; the encoded session."""
        store = await self.instance.project(PROJECT)
        assert store is not None

        def create(connection: Connection) -> None:
            add_user(connection, user_id, **changes)
            add_session(
                connection,
                f"of-{user_id}",
                user_id,
                secret_hash=hash_secret("secret"),
                expires_at=now() + 3_600_000,
            )

        await store.database.write(lambda transaction: create(transaction.connection))
        return encode_session(user_id, "secret")

    async def publish(self, number: int = 1, **changes: Any) -> LoggedEvent:
        """Commit an event."""
        store = await self.instance.project(PROJECT)
        assert store is not None
        return await store.database.write(lambda transaction: transaction.append(event(number, **changes)))

    @property
    def connections(self) -> int:
        """Open sockets."""
        return len(self.uvicorn.server_state.connections)

    async def is_left_empty(self) -> bool:
        """Whether everything about every connection is gone, after a moment."""
        for _ in range(500):
            projects = self.realtime.projects.by_id.values()
            if self.connections == 0 and all(room.hub.is_empty for room in projects):
                return True
            await asyncio.sleep(0.01)
        return False


UPGRADE = (
    "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@cache
def _schema() -> GraphQLSchema:
    """A schema with subscriptions, and nothing else."""
    query = GraphQLObjectType("Query", {"status": GraphQLField(GraphQLString)})
    return GraphQLSchema(query, subscription=subscription_type())


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[START]:
    """Start servers with settings of the test's choice."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_one(**changes: Any) -> RealtimeServer:
            return await stack.enter_async_context(running(tmp_path, **changes))

        yield start_one


@pytest.fixture
async def server(start: START) -> RealtimeServer:
    """A server without limits per minute."""
    return await start()


@contextlib.asynccontextmanager
async def running(directory: Path, **changes: Any) -> AsyncIterator[RealtimeServer]:
    """A server with realtime alone."""
    values: Json = {
        "data_dir": str(directory),
        "synchronous": "normal",
        "rate_limits": False,
        "drain_seconds": 0.1,
    }
    settings = Settings(**(values | changes))
    instance = await Instance.open(settings)
    thread, schema = FairThread(), _schema()
    documents = Subscriptions(schema, Documents(schema, settings, thread))
    realtime = Realtime(settings, instance, documents=documents)
    await realtime.start()
    config = uvicorn.Config(
        cast("Any", _nothing),
        http=bounded_http_protocol(settings, realtime.stream),
        ws=cast("Any", realtime.protocol),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield RealtimeServer(instance, realtime, server, listener.getsockname()[1], serving)
    finally:
        server.should_exit = True
        await serving
        await realtime.close()
        await instance.close()
        thread.close()


async def receive(client: ClientConnection) -> Json:
    """The next message."""
    async with asyncio.timeout(10):
        message: Json = msgspec.json.decode(await client.recv())
        return message


async def ask(client: ClientConnection, kind: str, data: Any = None) -> Json:
    """Send one frame and read one."""
    await client.send(msgspec.json.encode({"type": kind, "data": data}).decode())
    return await receive(client)


async def subscribe(client: ClientConnection, *channels: str, name: str = "s") -> Json:
    """Subscribe to channels under one id."""
    return await ask(client, "subscribe", [{"subscriptionId": name, "channels": list(channels)}])


def told_of(answer: Json, name: str) -> Json:
    """What an answer to ``subscribe`` tells of one subscription: its row, and what stands beside the rows."""
    data = answer["data"]
    [row] = [row for row in data["subscriptions"] if row["subscriptionId"] == name]
    place: Json = {key: data[key] for key in ("offset", "epoch") if key in data}
    assert "recovered" in row or not place.keys() & row.keys(), "other rows are as SDKs know them"
    return {**place, **row}


async def rejection(client: ClientConnection) -> tuple[int, int]:
    """Code of the error frame, and status of the close frame after it."""
    error = await receive(client)
    assert error["type"] == "error", error
    return error["data"]["code"], await close_status(client)


async def close_status(client: ClientConnection) -> int:
    """Status of the close frame that comes next."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(10):
            await client.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection as a machine that vanishes would: with a reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
