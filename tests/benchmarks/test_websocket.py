"""The load generator over WebSockets: what it sends, what it reads, and what it refuses to go on after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from benchmarks.native import Endpoint, LoadGenerator, NativeError, Outcome, Plan
from benchmarks.rest_client import http_request
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

ROW = '{"subscriptionId":"@id@","channels":["files"],"queries":[]}'
REQUEST = http_request("GET", "/event", {}, {})
EVENT = '{"type":"event","data":{"payload":{"text":"é"},"subscriptions":["%s"]}}'
LONG = '{"type":"event","data":{"payload":{"text":"' + "é" * 600 + '"},"subscriptions":["%s"]}}'


async def send_in_fragments(socket: ServerConnection, subscription: str) -> None:
    text = EVENT % subscription
    await socket.ping(b"offset")
    await socket.send([text[:5], text[5:20], "", text[20:]])


async def send_long(socket: ServerConnection, subscription: str) -> None:
    await socket.send(LONG % subscription)


async def send_twice(socket: ServerConnection, subscription: str) -> None:
    await socket.send(EVENT % subscription)
    await socket.send(EVENT % subscription)


async def send_to_another(socket: ServerConnection, subscription: str) -> None:
    await socket.send(LONG % ("0" * len(subscription)))


async def send_error(socket: ServerConnection, _subscription: str) -> None:
    await socket.send('{"type":"error","data":{"code":1003,"message":"No."}}')


async def send_close(socket: ServerConnection, _subscription: str) -> None:
    await socket.close(1008)


async def send_after_pong(socket: ServerConnection, subscription: str) -> None:
    await (await socket.ping(b"17"))
    await socket.send(EVENT % subscription)


SendEvent = Callable[[ServerConnection, str], Awaitable[None]]


@dataclass
class Server:
    """A server that calls ``send_event`` for each of its subscribers when a request comes."""

    send_event: SendEvent
    compression: str | None = None
    rows: list[list[dict[str, Any]]] = field(default_factory=list)
    """What each connection subscribed to."""
    subscribed: list[tuple[ServerConnection, str]] = field(default_factory=list)

    async def converse(self, socket: ServerConnection) -> None:
        await socket.send('{"type":"connected","data":{}}')
        self.rows.append(json.loads(await socket.recv())["data"])
        self.subscribed.append((socket, self.rows[-1][0]["subscriptionId"]))
        await socket.send('{"type":"response","data":{}}')
        await socket.wait_closed()

    async def answer(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/elsewhere":
            return socket.respond(HTTPStatus.NOT_FOUND, "nothing here")
        if request.path != "/event":
            return None
        for subscriber, subscription in self.subscribed:
            await self.send_event(subscriber, subscription)
        return socket.respond(HTTPStatus.OK, "sent")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Its port, while it runs."""
        async with serve(
            self.converse, "127.0.0.1", 0, process_request=self.answer, compression=self.compression
        ) as server:
            yield server.sockets[0].getsockname()[1]


async def run(
    generator: LoadGenerator, server: Server, plan: Plan, *, subscriptions: int = 1, row: str = ROW
) -> Outcome:
    async with server.running() as port:
        endpoint = Endpoint(port, "/", row, subscriptions)
        return await asyncio.to_thread(generator.run, endpoint, plan)


ONE_EVENT = Plan(subscribers=1, request=REQUEST, requests=1)
COMPRESSED = Plan(subscribers=2, request=REQUEST, requests=1, deflate=True)


async def test_fragments_and_pings_are_read(generator: LoadGenerator) -> None:
    outcome = await run(generator, Server(send_in_fragments), ONE_EVENT)

    assert outcome.requested
    assert outcome.requested.messages == 1
    assert outcome.requested.event_bytes == len((EVENT % ("0" * 20)).encode())


async def test_pings_are_answered_with_their_payload(generator: LoadGenerator) -> None:
    outcome = await run(generator, Server(send_after_pong), ONE_EVENT)

    assert outcome.requested
    assert outcome.requested.messages == 1


async def test_every_subscription_has_an_id_and_numbers_of_its_own(generator: LoadGenerator) -> None:
    row = '{"subscriptionId":"@id@","channels":["c@place@"],"queries":["@number@0"]}'
    server = Server(send_long)
    await run(generator, server, Plan(subscribers=2, first=3), subscriptions=2, row=row)

    every = [row for rows in server.rows for row in rows]
    assert sorted((row["channels"][0], row["queries"][0]) for row in every) == [
        ("c0", "60"),
        ("c0", "80"),
        ("c1", "70"),
        ("c1", "90"),
    ]
    assert len({row["subscriptionId"] for row in every}) == 4


async def test_compressed_events_are_counted_and_verified(generator: LoadGenerator) -> None:
    outcome = await run(generator, Server(send_long, compression="deflate"), COMPRESSED)

    assert outcome.requested
    assert outcome.requested.messages == 2
    text = (LONG % ("0" * 20)).encode()
    assert outcome.requested.event_bytes < len(text) / 5
    assert len(outcome.requested.samples) == 2
    for sample in outcome.requested.samples:
        assert sample.compressed
        assert sample.text() == (LONG % sample.id).encode()


async def test_a_compressed_event_for_another_fails(generator: LoadGenerator) -> None:
    with pytest.raises(NativeError, match="without the receiver's subscription id"):
        await run(generator, Server(send_to_another, compression="deflate"), COMPRESSED)


async def test_a_server_that_does_not_compress_fails(generator: LoadGenerator) -> None:
    with pytest.raises(NativeError, match="does not compress"):
        await run(generator, Server(send_long), COMPRESSED)


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
        await run(generator, Server(send_event), ONE_EVENT)


async def test_a_refused_request_fails(generator: LoadGenerator) -> None:
    plan = Plan(request=http_request("GET", "/elsewhere", {}, {}), requests=1)
    with pytest.raises(NativeError, match="request failed"):
        await run(generator, Server(send_twice), plan)


async def test_the_held_answer_pings_and_read_events(generator: LoadGenerator) -> None:
    server = Server(send_after_pong)
    async with server.running() as port:

        def ask_beside_the_held() -> int:
            with generator.hold(Endpoint(port, "/", ROW), Plan(subscribers=2)) as held:
                assert held.connected
                for _ in range(3):
                    generator.run(Endpoint(port, "/", ROW), Plan(request=REQUEST, requests=1))
            return held.connected.subscribers

        # Each request is answered only when all pings of the server are.
        assert await asyncio.to_thread(ask_beside_the_held) == 2
