"""A server that is killed while clients are connected: what they had not acknowledged reaches them later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id

CLIENTS = 20
ROUNDS = 3


class Subscriber:
    """A client like the SDKs: it chooses an id, and sends it again whenever it is connected anew."""

    def __init__(self, server: TidewireServer) -> None:
        self._server = server
        self._id = unique_id()
        self.ready = asyncio.Event()
        self.names: list[str] = []
        self.answers: list[Any] = []

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                async with connect(f"{self._server.realtime}?project={self._server.project}") as socket:
                    await self._converse(socket)
            except (OSError, ConnectionClosed, TimeoutError):
                await asyncio.sleep(0.05)

    async def _converse(self, socket: ClientConnection) -> None:
        await socket.recv()
        row = {"subscriptionId": self._id, "channels": ["files"], "queries": []}
        await socket.send(json.dumps({"type": "subscribe", "data": [row]}))
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "event":
                self.names.append(frame["data"]["payload"]["name"])
            else:
                self.answers.append(frame["data"]["subscriptions"][0].get("recovered"))
                self.ready.set()


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_event_is_lost_when_the_server_is_killed(tmp_path: Path, workers: int) -> None:
    server = TidewireServer(tmp_path, ["--workers", str(workers)])
    server.start()
    key = server.create_key()
    subscribers = [Subscriber(server) for _ in range(CLIENTS)]
    running = [asyncio.create_task(subscriber.run()) for subscriber in subscribers]
    stored: list[str] = []
    try:
        async with asyncio.timeout(60):
            for subscriber in subscribers:
                await subscriber.ready.wait()
        await asyncio.sleep(0.5)  # by then the subscriptions are on disk, as documented
        await _prepare(server, key)
        for _ in range(ROUNDS):
            stored += await _write_and_kill(server, key)
            await asyncio.to_thread(server.start)
        stored += await _write(server, key, "last")
        async with asyncio.timeout(60):
            for subscriber in subscribers:
                while stored[-1] not in subscriber.names:  # noqa: ASYNC110 - it receives beside
                    await asyncio.sleep(0.05)
        for subscriber in subscribers:
            assert list(dict.fromkeys(name for name in subscriber.names if name in stored)) == stored
            assert False not in subscriber.answers
            assert subscriber.answers.count(True) >= ROUNDS
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.to_thread(server.stop)


def _api(server: TidewireServer, key: str) -> httpx.AsyncClient:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    return httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20)


async def _prepare(server: TidewireServer, key: str) -> None:
    async with _api(server, key) as client:
        body = {"bucketId": "b", "name": "b", "permissions": ['read("any")']}
        assert (await client.post("/storage/buckets", json=body)).status_code == 201


async def _write(server: TidewireServer, key: str, name: str) -> list[str]:
    async with _api(server, key) as client:
        files = {"file": (f"{name}.txt", b"x")}
        answer = await client.post("/storage/buckets/b/files", data={"fileId": unique_id()}, files=files)
        assert answer.status_code == 201, answer.text
        return [answer.json()["name"]]


async def _write_and_kill(server: TidewireServer, key: str) -> list[str]:
    """Names of files that were answered before the server was killed in the midst of it."""
    names: list[str] = []

    async def write_on() -> None:
        while True:
            names.extend(await _write(server, key, unique_id()))

    writing = asyncio.create_task(write_on())
    while len(names) < 10:  # noqa: ASYNC110 - it writes beside
        await asyncio.sleep(0.01)
    await asyncio.to_thread(server.kill_all)
    await asyncio.gather(writing, return_exceptions=True)
    return names
