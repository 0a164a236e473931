"""Any bytes, any frames, any messages: what comes of them is an answer or a documented error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.realtime.conftest import RealtimeServer
from tests.realtime.raw_client import RawClient, frame, raw_client
from tests.realtime.wire.conformance.conftest import PING
from tests.realtime.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATUSES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, None}
CODES = {0, 1003, 1008, 1013}
OVER_A_SOCKET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

frames = st.builds(
    frame,
    st.sampled_from([0, 1, 1, 1, 2, 3, 8, 9, 10, 15]),
    st.one_of(st.binary(max_size=300), st.just(PING.encode()), st.text(max_size=30).map(str.encode)),
    final=st.sampled_from([True, True, True, False]),
    reserved=st.sampled_from([0, 0, 0, 0, 1, 4, 7]),
    masked=st.sampled_from([True, True, True, True, False]),
)
conversations = st.lists(st.one_of(frames, frames, st.binary(max_size=20)), max_size=12).map(b"".join)


@OVER_A_SOCKET
@given(conversations, st.lists(st.integers(1, 50), min_size=1, max_size=5), st.booleans())
async def test_bytes(server: RealtimeServer, wire: bytes, steps: list[int], compressed: bool) -> None:
    offer = {"sec_websocket_extensions": "permessage-deflate"} if compressed else {}
    async with raw_client(server, **offer) as client:
        await client.message()
        position = 0
        while position < len(wire):
            step = steps[position % len(steps)] * 7
            client.send(wire[position : position + step])
            position += step
        client.writer.write_eof()
        await _only_documented(client)
    assert await server.is_left_empty()


async def _only_documented(client: RawClient) -> None:
    while await _more(client):
        part = await client.frame()
        assert part.opcode in {1, 8, 10}
        if part.opcode == 8:
            assert part.status in STATUSES or 1000 <= (part.status or 0) < 5000
        elif part.opcode == 1:
            message = json.loads(part.data)
            assert message["type"] in {"response", "pong", "error"}
            if message["type"] == "error":
                assert message["data"]["code"] in CODES


async def _more(client: RawClient) -> bool:
    """Whether anything else comes."""
    try:
        first = await client.reader.readexactly(1)
    except (EOFError, ConnectionResetError):
        return False
    client.reader._buffer[:0] = first  # type: ignore[attr-defined]
    return True


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=40)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
kinds = st.sampled_from(["ping", "subscribe", "unsubscribe", "authentication", "presence", "other"])
queries = st.one_of(
    json_values.map(json.dumps),
    st.fixed_dictionaries(
        {"method": st.sampled_from(["equal", "and", "select", "between", "search", "contains"])},
        optional={"attribute": json_values, "values": json_values},
    ).map(json.dumps),
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "subscriptionId": st.one_of(st.text(max_size=40), json_values),
        "channels": st.one_of(st.lists(st.text(max_size=20), max_size=4), json_values),
        "queries": st.one_of(st.lists(queries, max_size=3), json_values),
    },
)
messages = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {}, optional={"type": kinds, "data": st.one_of(json_values, st.lists(rows, max_size=3))}
    ),
)


@given(st.lists(messages, max_size=5))
async def test_messages(sent: list[Any]) -> None:
    world = World()
    await world.connect("c")
    for message in sent:
        reply = await world.send("c", json.dumps(message))
        if "error" in reply:
            assert reply["error"]["code"] in CODES
        else:
            assert reply["response"]["type"] in {"response", "pong"}
    world.close("c")
    assert world.hub.is_empty


@given(st.text(max_size=400))
async def test_text(sent: str) -> None:
    world = World()
    await world.connect("c")
    assert (await world.send("c", sent)).get("error", {"code": 1003})["code"] in CODES
