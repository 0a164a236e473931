"""The C programs compile without a warning, and count each other's messages exactly."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from benchmarks.native import FLAGS, LoadGenerator, NativeError, Outcome, Plan, build
from benchmarks.peers import EVENT_BYTES, Running
from benchmarks.peers.bare_sender import BareSender
from benchmarks.rest_client import http_request
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

CORE = min(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> LoadGenerator:
    """The load generator, compiled as strictly as can be."""
    directory = tmp_path_factory.mktemp("native")
    build(directory, (*FLAGS, "-Wconversion", "-Werror", "-fsanitize=address,undefined"))
    return LoadGenerator(CORE, directory)


@pytest.fixture
def sender(generator: LoadGenerator) -> Iterator[Running]:
    """A running bare sender."""
    with BareSender().start(CORE, generator) as running:
        yield running


@pytest.mark.parametrize("in_flight", [1, 3])
def test_every_subscriber_receives_every_event(
    generator: LoadGenerator, sender: Running, in_flight: int
) -> None:
    plan = Plan(subscribers=40, request=sender.requests["event"], requests=25, warm_up=5, in_flight=in_flight)
    outcome = generator.run(sender.port, sender.realtime_path, sender.channel, plan)

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
    outcome = generator.run(sender.port, sender.realtime_path, sender.channel, plan)

    assert outcome.connected is None
    assert outcome.requested
    assert outcome.requested.requests == 100
    assert outcome.requested.messages == 0


def test_held_subscribers_stay_connected(generator: LoadGenerator, sender: Running) -> None:
    place = (sender.port, sender.realtime_path, sender.channel)
    with generator.hold(*place, Plan(subscribers=10)) as held:
        assert held.connected
        assert held.connected.subscribers == 10
        event = Plan(subscribers=1, request=sender.requests["event"], requests=1)
        outcome = generator.run(*place, event)
        assert outcome.requested
        assert outcome.requested.messages == 1


EVENT = '{"type":"event","data":{"payload":{"text":"é"},"subscriptions":["%s"]}}'


async def send_in_fragments(socket: ServerConnection, subscription: str) -> None:
    text = EVENT % subscription
    await socket.ping(b"offset")
    await socket.send([text[:5], text[5:20], "", text[20:]])


async def send_twice(socket: ServerConnection, subscription: str) -> None:
    await socket.send(EVENT % subscription)
    await socket.send(EVENT % subscription)


async def send_to_another(socket: ServerConnection, subscription: str) -> None:
    await socket.send(EVENT % ("0" * len(subscription)))


async def send_error(socket: ServerConnection, _subscription: str) -> None:
    await socket.send('{"type":"error","data":{"code":1003,"message":"No."}}')


async def send_close(socket: ServerConnection, _subscription: str) -> None:
    await socket.close(1008)


SendEvent = Callable[[ServerConnection, str], Awaitable[None]]


@asynccontextmanager
async def server_that(send_event: SendEvent) -> AsyncIterator[int]:
    """The port of a server that calls ``send_event`` for its subscriber when a request comes."""
    subscribed: list[tuple[ServerConnection, str]] = []

    async def converse(socket: ServerConnection) -> None:
        await socket.send('{"type":"connected","data":{}}')
        row = json.loads(await socket.recv())["data"][0]
        subscribed.append((socket, row["subscriptionId"]))
        await socket.send('{"type":"response","data":{}}')
        await socket.wait_closed()

    async def answer(socket: ServerConnection, request: Request) -> Response | None:
        if request.path != "/event":
            return None
        await send_event(*subscribed[0])
        return socket.respond(HTTPStatus.OK, "sent")

    async with serve(converse, "127.0.0.1", 0, process_request=answer, compression=None) as server:
        yield server.sockets[0].getsockname()[1]


async def run_one_event(generator: LoadGenerator, send_event: SendEvent) -> Outcome:
    plan = Plan(subscribers=1, request=http_request("GET", "/event", {}, {}), requests=1)
    async with server_that(send_event) as port:
        return await asyncio.to_thread(generator.run, port, "/", "files", plan)


async def test_fragments_and_pings_are_read(generator: LoadGenerator) -> None:
    outcome = await run_one_event(generator, send_in_fragments)

    assert outcome.requested
    assert outcome.requested.messages == 1
    assert outcome.requested.event_bytes == len((EVENT % ("0" * 20)).encode())


@pytest.mark.parametrize(
    ("send_event", "complaint"),
    [
        (send_twice, "more events than requests"),
        (send_to_another, "without the receiver's subscription id"),
        (send_error, "unexpected message"),
        (send_close, "closed subscriber"),
    ],
)
async def test_anything_unexpected_fails(
    generator: LoadGenerator, send_event: SendEvent, complaint: str
) -> None:
    with pytest.raises(NativeError, match=complaint):
        await run_one_event(generator, send_event)


async def test_a_refused_request_fails(generator: LoadGenerator) -> None:
    plan = Plan(request=http_request("GET", "/elsewhere", {}, {}), requests=1)
    async with server_that(send_twice) as port:
        with pytest.raises(NativeError, match="request failed"):
            await asyncio.to_thread(generator.run, port, "/", "files", plan)
