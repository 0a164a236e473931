"""RFC 6455, section 7: how connections end, and with which status."""

from __future__ import annotations

import pytest

from tests.realtime.conftest import RealtimeServer
from tests.realtime.raw_client import RawClient, close, frame, raw_client, text
from tests.realtime.wire.conformance.conftest import PING, PONG

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEGAL = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
ILLEGAL = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("status", LEGAL)
async def test_a_close_is_answered_with_its_status(client: RawClient, status: int) -> None:
    client.send(close(status))
    answer = await client.frame()
    assert (answer.opcode, answer.status) == (8, status)
    assert await client.ended()


@pytest.mark.parametrize("status", ILLEGAL)
async def test_statuses_that_must_not_be_sent_end_with_1002(client: RawClient, status: int) -> None:
    client.send(close(status))
    assert await client.failed() == 1002


async def test_an_empty_close_is_answered_with_an_empty_one(client: RawClient) -> None:
    client.send(close())
    answer = await client.frame()
    assert (answer.opcode, answer.data) == (8, b"")
    assert await client.ended()


async def test_a_close_with_one_byte_ends_with_1002(client: RawClient) -> None:
    client.send(frame(8, b"\x03"))
    assert await client.failed() == 1002


@pytest.mark.parametrize("reason", [b"", b"going home", "tschüß".encode(), b"x" * 123])
async def test_reasons(client: RawClient, reason: bytes) -> None:
    client.send(close(1000, reason))
    answer = await client.frame()
    assert answer.data == b"\x03\xe8" + reason
    assert await client.ended()


async def test_a_reason_that_is_not_utf8_ends_with_1007(client: RawClient) -> None:
    client.send(close(1000, b"\xff"))
    assert await client.failed() == 1007


async def test_what_comes_after_a_close_is_ignored(client: RawClient) -> None:
    client.send(text(PING), close(1000), text(PING), frame(9, b"x"), b"\xff\xff\xff")
    assert await client.message() == PONG
    assert (await client.frame()).status == 1000
    assert await client.ended()


async def test_a_close_within_a_message_is_refused(client: RawClient) -> None:
    client.send(frame(1, b"{", final=False), close(1000))
    assert await client.failed() == 1002


async def test_an_end_without_a_close_ends_the_connection(client: RawClient) -> None:
    client.writer.write_eof()
    assert await client.ended()


async def test_an_end_within_a_frame_ends_the_connection(client: RawClient) -> None:
    client.send(b"\x81\xfe\x01")
    client.writer.write_eof()
    assert await client.ended()


async def test_a_client_that_does_not_answer_the_servers_close_is_cut_off(client: RawClient) -> None:
    client.send(frame(3))
    assert (await client.frame()).status == 1002
    assert await client.ended()


async def test_bytes_after_a_broken_frame_are_not_looked_at(client: RawClient) -> None:
    client.send(frame(3), text(PING) * 1000)
    assert await client.failed() == 1002


async def test_nothing_but_the_close_follows_an_error_that_closes(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say('{"type":"subscribe","data":[{"channels":["console.tail.x"]}]}', PING, PING)
        assert '"code":1008' in await client.message()
        assert await client.failed() == 1008
