"""A flood for many clients that never read: what is kept for them is bounded, and others notice nothing.

``python -m benchmarks --only "never read"`` does the same at full size and looks at the process as a whole.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.realtime.conftest import PROJECT, START, UPGRADE, RealtimeServer, receive, subscribe
from tidewire.realtime.wire.socket import SocketWire

SLOW = 30
CAP = 128_000
EVENT_BYTES = 50_000
EVENTS = 200


async def _never_read(server: RealtimeServer, wire: str) -> asyncio.StreamWriter:
    head = f"GET {wire}?project={PROJECT}&channels[]=files HTTP/1.1\r\n"
    head += "Host: localhost\r\n\r\n" if wire.endswith("sse") else UPGRADE
    _, writer = await server.open_raw(head, receive_buffer=4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


@pytest.mark.parametrize("wire", ["/v1/realtime", "/v1/realtime/sse"])
async def test_what_is_kept_for_clients_that_never_read_is_bounded(start: START, wire: str) -> None:
    server = await start(realtime_max_queue_bytes=CAP)
    slow = [await _never_read(server, wire) for _ in range(SLOW)]
    async with server.client() as healthy:
        await receive(healthy)
        await subscribe(healthy, "files")
        connections = [
            each for each in server.uvicorn.server_state.connections if isinstance(each, SocketWire)
        ]
        assert len(connections) == SLOW + 1
        payload = msgspec.json.encode({"text": "x" * EVENT_BYTES})
        most = 0
        for number in range(EVENTS):
            logged = await server.publish(number, payload=payload)
            assert (await receive(healthy))["data"]["offset"] == logged.offset
            most = max(most, sum(each.queued_bytes for each in connections))
        assert CAP < most < SLOW * (CAP + 2 * EVENT_BYTES)
        for _ in range(1000):
            if server.connections == 1:
                break
            await asyncio.sleep(0.01)
        assert server.connections == 1
    for writer in slow:
        writer.close()
    assert await server.is_left_empty()
