"""RFC 6455, section 5.5: pings and pongs, alone and between the fragments of a message."""

from __future__ import annotations

import pytest

from tests.realtime.raw_client import RawClient, frame, text
from tests.realtime.wire.conformance.conftest import PING as MESSAGE
from tests.realtime.wire.conformance.conftest import PONG as ANSWER

pytestmark = pytest.mark.asyncio(loop_scope="module")

PING, PONG = 9, 10


@pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff\xfe", bytes(125)])
async def test_a_ping_is_answered_with_its_payload(client: RawClient, payload: bytes) -> None:
    client.send(frame(PING, payload))
    answer = await client.frame()
    assert (answer.opcode, answer.data, answer.final) == (PONG, payload, True)


async def test_pings_are_answered_in_order(client: RawClient) -> None:
    client.send(*(frame(PING, b"%d" % number) for number in range(10)))
    assert [(await client.frame()).data for _ in range(10)] == [b"%d" % number for number in range(10)]


async def test_a_ping_in_pieces(client: RawClient) -> None:
    for byte in frame(PING, b"slowly"):
        client.send(bytes((byte,)))
        await client.writer.drain()
    assert (await client.frame()).data == b"slowly"


@pytest.mark.parametrize("payload", [b"", b"unasked"])
async def test_a_pong_that_nobody_asked_for_is_ignored(client: RawClient, payload: bytes) -> None:
    client.send(frame(PONG, payload), text(MESSAGE))
    assert await client.message() == ANSWER


@pytest.mark.parametrize("opcode", [PING, PONG, 8])
async def test_control_frames_over_125_bytes_end_with_1002(client: RawClient, opcode: int) -> None:
    client.send(frame(opcode, bytes(126)))
    assert await client.failed() == 1002


@pytest.mark.parametrize("opcode", [PING, PONG, 8])
async def test_control_frames_in_fragments_end_with_1002(client: RawClient, opcode: int) -> None:
    client.send(frame(opcode, b"x", final=False), frame(0, b"y"))
    assert await client.failed() == 1002


async def test_pings_between_fragments_are_answered_before_the_message(client: RawClient) -> None:
    data = MESSAGE.encode()
    client.send(
        frame(1, data[:3], final=False),
        frame(PING, b"one"),
        frame(0, data[3:9], final=False),
        frame(PONG, b"ignored"),
        frame(PING, b"two"),
        frame(0, data[9:]),
    )
    assert (await client.frame()).data == b"one"
    assert (await client.frame()).data == b"two"
    assert await client.message() == ANSWER


async def test_a_ping_is_answered_while_a_message_waits_for_its_end(client: RawClient) -> None:
    client.send(frame(1, b'{"type":', final=False), frame(PING, b"now"))
    assert (await client.frame()).data == b"now"
    client.send(frame(0, b'"ping"}'))
    assert await client.message() == ANSWER


async def test_a_flood_of_pings_is_answered(client: RawClient) -> None:
    client.send(frame(PING, b"x" * 125) * 2_000)
    for _ in range(2_000):
        assert (await client.frame()).opcode == PONG
