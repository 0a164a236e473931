"""Fixtures for the tests of the client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.client.plain_server import PlainServer, plain_server
from tests.client.world import World
from tests.support.server import TidewireServer


@pytest.fixture
async def world(server: TidewireServer, api_key: str) -> AsyncIterator[World]:
    """The shared server with a new bucket."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as rest:
        body = {"bucketId": "unique()", "name": "b", "permissions": ['read("any")']}
        bucket = (await rest.post("/storage/buckets", json=body)).json()["$id"]
        yield World(server, rest, bucket)


@pytest.fixture
async def plain(server: TidewireServer) -> AsyncIterator[PlainServer]:
    """The shared server without its extensions."""
    async with plain_server(server.realtime) as running:
        yield running


@pytest.fixture(params=["tidewire", "plain"])
def endpoint(request: pytest.FixtureRequest, server: TidewireServer, plain: PlainServer) -> str:
    """The client works the same with both."""
    return server.endpoint if request.param == "tidewire" else plain.endpoint
