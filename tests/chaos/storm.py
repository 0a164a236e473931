"""All clients of a killed server come back within seconds: ``make chaos ARGS=--storm``.

Small clients of our own, so that one program can be ten thousand of them: each subscribes under its id, is
cut off with the server, comes back at a random moment, subscribes again, and gets what it missed. Others,
on a table of their own, measure meanwhile how long events take.
"""

from __future__ import annotations

import asyncio
import random
import re
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httpx
import msgspec

from tests.support.server import PROGRAM, TidewireServer

HEALTHY = 50
MISSED = 10
"""Rows written while nobody is connected."""
COMING_SECONDS = 10.0
"""Within which all come back."""
INTERVAL_SECONDS = 0.05
"""Between two events for the healthy ones."""
CONNECTING = 200
"""At the same time, at first."""

_OFFSET = re.compile(rb',"offset":(\d+)\}\}\Z')
_TEXT, _PING = 0x1, 0x9


class StormClient(asyncio.Protocol):
    """A connection that subscribes once it is connected, and remembers the offsets of its events."""

    def __init__(self, project: str, subscription_id: str, table: str) -> None:
        self._project = project
        row = {"subscriptionId": subscription_id, "channels": [f"tablesdb.storm.tables.{table}.rows"]}
        self._subscribe = _frame(
            _TEXT, msgspec.json.encode({"type": "subscribe", "data": [row | {"queries": []}]})
        )
        self._data = b""
        self._upgraded = False
        self.transport: asyncio.Transport
        self.offsets: list[int] = []
        self.moments: dict[int, float] = {}
        """When each event first came (``time.perf_counter``)."""
        self.recovered: bool | None = None
        self.subscribed = asyncio.Event()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their base class.
        self.transport = cast("asyncio.Transport", transport)
        self._data, self._upgraded = b"", False
        self.lost.clear()
        self.transport.write(
            f"GET /v1/realtime?project={self._project} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def connection_lost(self, _: Exception | None) -> None:
        self.subscribed.clear()
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._upgraded:
            head, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._upgraded, self._data = True, rest
        while (size := _frame_size(self._data)) is not None:
            first, start = self._data[0], size[0]
            self._take(first & 0x0F, self._data[start : size[1]])
            self._data = self._data[size[1] :]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.transport.write(_frame(0xA, payload))
        elif payload.startswith(b'{"type":"event"'):
            found = _OFFSET.search(payload)
            assert found
            self.offsets.append(int(found[1]))
            self.moments.setdefault(self.offsets[-1], time.perf_counter())
        elif payload.startswith(b'{"type":"connected"'):
            self.transport.write(self._subscribe)
        elif payload.startswith(b'{"type":"response"'):
            self.recovered = b'"recovered":true' in payload
            self.subscribed.set()
        else:
            raise AssertionError(payload)


@dataclass
class StormOutcome:
    """What the storm showed."""

    clients: int
    seconds: float = 0
    """From the restart until the last had everything."""
    not_recovered: int = 0
    incomplete: int = 0
    """Clients that miss an event, or got them out of order."""
    healthy_before: list[float] = field(default_factory=list)
    healthy_during: list[float] = field(default_factory=list)
    """Seconds from a request to the receipt of its event."""

    @property
    def sound(self) -> bool:
        """Nobody lost anything."""
        return not self.not_recovered and not self.incomplete


async def storm(directory: Path, clients: int, show: Callable[[str, int, int], None]) -> StormOutcome:
    """Run a storm of ``clients``."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = TidewireServer(directory / "data", program=PROGRAM).start()
    outcome = StormOutcome(clients)
    try:
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as rest:
            await _run(server, rest, outcome, show)
    finally:
        if server.process:
            server.kill_all()
    return outcome


async def _run(
    server: TidewireServer,
    rest: httpx.AsyncClient,
    outcome: StormOutcome,
    show: Callable[[str, int, int], None],
) -> None:
    await _tables(rest)
    crowd = [
        StormClient(server.project, f"storm-client-{number:08}", "crowd") for number in range(outcome.clients)
    ]
    healthy = [StormClient(server.project, f"healthy-client-{number:08}", "few") for number in range(HEALTHY)]
    connecting = asyncio.Semaphore(CONNECTING)
    await asyncio.gather(*(_connect(server, each, connecting) for each in healthy + crowd))
    show("connecting", outcome.clients, outcome.clients)
    offsets = [await _write(rest, "crowd") for _ in range(3)]
    await _all_have(crowd, offsets, show)
    outcome.healthy_before = await _latencies(rest, healthy, 40)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    offsets += [await _write(rest, "crowd") for _ in range(MISSED)]
    began = time.perf_counter()
    await asyncio.gather(*(each.lost.wait() for each in healthy + crowd))
    await asyncio.gather(*(_connect(server, each, connecting) for each in healthy))
    coming = asyncio.gather(*(_come_back(server, each) for each in crowd))
    while not coming.done():
        outcome.healthy_during += await _latencies(rest, healthy, 5)
    await coming
    offsets.append(await _write(rest, "crowd"))
    await _all_have(crowd, offsets, show)
    outcome.seconds = time.perf_counter() - began
    outcome.not_recovered = sum(not each.recovered for each in crowd)
    outcome.incomplete = sum(list(dict.fromkeys(each.offsets)) != offsets for each in crowd)
    for each in healthy + crowd:
        each.transport.abort()
    await asyncio.gather(*(each.lost.wait() for each in healthy + crowd))


async def _tables(rest: httpx.AsyncClient) -> None:
    (await rest.post("/tablesdb", json={"databaseId": "storm", "name": "Storm"})).raise_for_status()
    for table in ("crowd", "few"):
        body = {
            "tableId": table,
            "name": table,
            "permissions": ['read("any")'],
            "columns": [{"key": "number", "type": "integer", "required": False}],
        }
        (await rest.post("/tablesdb/storm/tables", json=body)).raise_for_status()


async def _connect(server: TidewireServer, client: StormClient, connecting: asyncio.Semaphore) -> None:
    async with connecting, asyncio.timeout(120):
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: client, "127.0.0.1", server.port)
        await client.subscribed.wait()


async def _come_back(server: TidewireServer, client: StormClient) -> None:
    """As SDKs do: at some moment, and again when that fails."""
    await asyncio.sleep(random.uniform(0, COMING_SECONDS))
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(120):
        while not client.subscribed.is_set():
            await loop.create_connection(lambda: client, "127.0.0.1", server.port)
            done = [asyncio.ensure_future(each.wait()) for each in (client.subscribed, client.lost)]
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
            for waiting in done:
                waiting.cancel()


async def _write(rest: httpx.AsyncClient, table: str) -> int:
    """Write a row; return the offset of its event."""
    body = {"rowId": "unique()", "data": {"number": 1}}
    (await rest.post(f"/tablesdb/storm/tables/{table}/rows", json=body)).raise_for_status()
    return int((await rest.get("/realtime/events", params={"channels[]": "rows"})).json()["offset"])


async def _latencies(rest: httpx.AsyncClient, healthy: list[StormClient], count: int) -> list[float]:
    """Seconds that each of some events takes to each healthy client."""
    latencies = []
    for _ in range(count):
        began = time.perf_counter()
        offset = await _write(rest, "few")
        await _until(lambda: all(offset in each.moments for each in healthy))  # noqa: B023
        latencies += [each.moments[offset] - began for each in healthy]
        await asyncio.sleep(INTERVAL_SECONDS)
    return latencies


async def _all_have(
    crowd: list[StormClient], offsets: list[int], show: Callable[[str, int, int], None]
) -> None:
    def complete() -> bool:
        done = sum(each.offsets[-1:] == offsets[-1:] for each in crowd)
        show("settling", done, len(crowd))
        return done == len(crowd)

    await _until(complete)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - what changes comes over many sockets
            await asyncio.sleep(0.002)


def _frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros: RFC 6455 wants a mask, any will do."""
    length = len(payload)
    size = bytes((0x80 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + size + bytes(4) + payload


def _frame_size(data: bytes) -> tuple[int, int] | None:
    """Where the payload of the first frame begins and ends; None if it is not complete."""
    if len(data) < 4:
        return None
    start, length = 2, data[1]
    if length == 126:
        start, length = 4, int.from_bytes(data[2:4], "big")
    return (start, start + length) if len(data) >= start + length else None
