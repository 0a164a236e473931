"""A client on a bare socket, let in already, of a server that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.realtime.conftest import RealtimeServer, running
from tests.realtime.raw_client import RawClient, raw_client

PING, PONG = '{"type":"ping"}', '{"type":"pong"}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealtimeServer]:
    """A server without limits per minute."""
    async with running(tmp_path_factory.mktemp("conformance")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: RealtimeServer) -> AsyncIterator[RawClient]:
    """Connected; afterwards nothing of the connection may be left."""
    async with raw_client(server) as connected:
        assert (await connected.message()).startswith('{"type":"connected"')
        yield connected
    assert await server.is_left_empty()
