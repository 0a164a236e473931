"""Clients of Server-Sent Events for Python: each event comes when it happens, and each can be decoded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx_sse
import pytest
import requests
import requests_sse
import sseclient

from tests.api.test_wire import STREAM, connected
from tests.sdk.test_event_source import upload
from tests.support.server import TidewireServer

Events = Iterator[tuple[str, str]]
"""Names and data of events."""
WAIT = 60
"""Seconds without an event, after which a client gives up."""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server that tells quiet streams their place all the time."""
    server = TidewireServer(tmp_path_factory.mktemp("streams") / "data", ["--demo", "--drain-seconds", "0.2"])
    server.environment["TIDEWIRE_REALTIME_IDLE_SECONDS"] = "1"
    server.start()
    yield server
    assert server.stop() == 0


def by_sseclient(address: str) -> Events:
    with requests.get(address, stream=True, timeout=WAIT) as response:
        for event in sseclient.SSEClient(response).events():  # type: ignore[arg-type, unused-ignore]
            yield event.event, event.data


def by_requests_sse(address: str) -> Events:
    with requests_sse.EventSource(address, timeout=WAIT) as source:
        for event in source:
            yield event.type, event.data or ""


def by_httpx_sse(address: str) -> Events:
    with (
        httpx.Client(timeout=WAIT) as client,
        httpx_sse.connect_sse(client, "GET", address) as source,
    ):
        for event in source.iter_sse():
            yield event.event, event.data


@pytest.mark.parametrize("client", [by_sseclient, by_requests_sse, by_httpx_sse])
def test_each_event_comes_when_it_happens(quick: TidewireServer, client: Callable[[str], Events]) -> None:
    address = f"{quick.endpoint}/realtime/sse?project={quick.project}&channels[]=files"
    decoded: Iterator[tuple[str, Any]] = ((kind, json.loads(data)) for kind, data in client(address))
    assert next(decoded)[0] == "connected"
    for name in ("a", "b", "c"):
        upload(quick, name)
        kind, data = next(decoded)
        while kind == "place":
            kind, data = next(decoded)
        assert (kind, data["data"]["payload"]["name"]) == ("event", name)
    while kind != "place":
        kind, data = next(decoded)
    assert data == {}


def test_an_older_client_gets_a_stream_that_ends_with_the_connection(quick: TidewireServer) -> None:
    with connected(quick) as connection:
        connection.sendall(STREAM.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = b""
        while b"event: connected" not in answer:
            answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body.startswith(b"retry: ")
