"""The C programs count each other's messages exactly."""

from __future__ import annotations

import asyncio

import pytest
from benchmarks.native import Endpoint, LoadGenerator, Plan
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Running
from benchmarks.rest_client import http_request


@pytest.mark.parametrize("in_flight", [1, 3])
def test_every_subscriber_receives_every_event(
    generator: LoadGenerator, sender: Running, in_flight: int
) -> None:
    plan = Plan(subscribers=40, request=sender.requests["event"], requests=25, warm_up=5, in_flight=in_flight)
    outcome = generator.run(sender.endpoint, plan)

    assert outcome.connected
    assert outcome.connected.subscribers == outcome.connected.subscribe_time.count == 40
    assert outcome.requested
    assert outcome.requested.requests == outcome.requested.response.count == 20
    assert outcome.requested.messages == 40 * 20
    assert outcome.requested.event_bytes == EVENT_BYTES
    assert outcome.requested.last_receipt
    assert outcome.requested.last_receipt.count == 20


def test_requests_without_subscribers(generator: LoadGenerator, sender: Running) -> None:
    plan = Plan(request=sender.requests["event"], requests=100, in_flight=8)
    outcome = generator.run(sender.endpoint, plan)

    assert outcome.connected is None
    assert outcome.requested
    assert outcome.requested.requests == 100
    assert outcome.requested.messages == 0


def test_held_subscribers_stay_connected(generator: LoadGenerator, sender: Running) -> None:
    with generator.hold(sender.endpoint, Plan(subscribers=10)) as held:
        assert held.connected
        assert held.connected.subscribers == 10
        event = Plan(subscribers=1, request=sender.requests["event"], requests=1)
        outcome = generator.run(sender.endpoint, event)
        assert outcome.requested
        assert outcome.requested.messages == 1


async def test_a_warm_up_that_is_overtaken_does_not_count_as_time(generator: LoadGenerator) -> None:
    others_answered = asyncio.Event()
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                requests += 1
                if requests == 1:
                    await others_answered.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                others_answered.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    plan = Plan(request=http_request("GET", "/", {}, {}), requests=2, warm_up=1, in_flight=2)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        endpoint = Endpoint(server.sockets[0].getsockname()[1], "/")
        outcome = await asyncio.to_thread(generator.run, endpoint, plan)

    assert outcome.requested
    assert 0 <= outcome.requested.seconds < 3_600
