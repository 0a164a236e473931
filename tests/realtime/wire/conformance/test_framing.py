"""RFC 6455, sections 5.2 to 5.4: lengths, masks, reserved bits, opcodes, fragments."""

from __future__ import annotations

import pytest

from tests.realtime.raw_client import RawClient, frame, text
from tests.realtime.wire.conformance.conftest import PING, PONG

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT, BINARY, CONTINUATION = 1, 2, 0


def _padded(length: int) -> bytes:
    return PING.encode() + b" " * (length - len(PING))


@pytest.mark.parametrize(
    "length", [15, 124, 125, 126, 127, 128, 255, 256, 1000, 32767, 32768, 63_999, 64_000]
)
async def test_lengths(client: RawClient, length: int) -> None:
    client.send(frame(TEXT, _padded(length)))
    assert await client.message() == PONG


@pytest.mark.parametrize("length_bytes", [2, 8])
@pytest.mark.parametrize("length", [15, 125, 126, 1000])
async def test_lengths_written_longer_than_needed_are_read(
    client: RawClient, length: int, length_bytes: int
) -> None:
    if length_bytes == 2 and length > 125:
        length_bytes = 8
    client.send(frame(TEXT, _padded(length), length_bytes=length_bytes), text(PING))
    assert await client.message() == PONG
    assert await client.message() == PONG


@pytest.mark.parametrize("length", [600_000, 1_000_000, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
async def test_lengths_over_the_limit_end_before_the_bytes_arrive(client: RawClient, length: int) -> None:
    if length < 65536:
        client.send(b"\x81\xfe" + length.to_bytes(2, "big"))
    else:
        client.send(b"\x81\xff" + length.to_bytes(8, "big"))
    assert await client.failed() == 1009


@pytest.mark.parametrize("step", [1, 2, 7])
async def test_a_frame_may_arrive_in_any_pieces(client: RawClient, step: int) -> None:
    wire = text(PING) + frame(9, b"x") + frame(TEXT, _padded(200))
    for start in range(0, len(wire), step):
        client.send(wire[start : start + step])
        await client.writer.drain()
    assert await client.message() == PONG
    assert (await client.frame()).data == b"x"
    assert await client.message() == PONG


async def test_many_frames_may_arrive_in_one_piece(client: RawClient) -> None:
    client.send(text(PING) * 500)
    for _ in range(500):
        assert await client.message() == PONG


async def test_an_empty_message_is_no_frame_of_the_protocol_but_legal(client: RawClient) -> None:
    client.send(text(""))
    assert '"code":1003' in await client.message()
    client.say(PING)
    assert await client.message() == PONG


async def test_frames_from_the_server_are_not_masked_and_use_no_reserved_bits(client: RawClient) -> None:
    client.say(PING)
    answer = await client.frame()  # which checks the mask
    assert (answer.opcode, answer.final, answer.reserved) == (TEXT, True, 0)


@pytest.mark.parametrize(
    "wire", [frame(TEXT, b"{}", masked=False), frame(9, masked=False), frame(8, masked=False)]
)
async def test_frames_without_a_mask_end_with_1002(client: RawClient, wire: bytes) -> None:
    client.send(wire)
    assert await client.failed() == 1002


@pytest.mark.parametrize("opcode", [0, 1, 2, 8, 9, 10])
@pytest.mark.parametrize("reserved", range(1, 8))
async def test_reserved_bits_end_with_1002(client: RawClient, opcode: int, reserved: int) -> None:
    client.send(frame(opcode, b"", reserved=reserved))
    assert await client.failed() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("data", [b"", b"x"])
async def test_reserved_opcodes_end_with_1002(client: RawClient, opcode: int, data: bytes) -> None:
    client.send(text(PING), frame(opcode, data), text(PING))
    assert await client.message() == PONG
    assert await client.failed() == 1002


@pytest.mark.parametrize("wire", [frame(BINARY, b"x"), frame(BINARY), frame(BINARY, PING.encode())])
async def test_binary_messages_end_with_1003(client: RawClient, wire: bytes) -> None:
    client.send(wire)
    assert await client.failed() == 1003


@pytest.mark.parametrize("cuts", [(7,), (0, 15), (3, 3, 9), tuple(range(1, 15)), (0, 0, 0)])
async def test_fragments_make_one_message(client: RawClient, cuts: tuple[int, ...]) -> None:
    data = PING.encode()
    bounds = list(zip((0, *cuts), (*cuts, len(data)), strict=True))
    for number, (start, end) in enumerate(bounds):
        opcode = CONTINUATION if number else TEXT
        client.send(frame(opcode, data[start:end], final=number == len(bounds) - 1))
    assert await client.message() == PONG


async def test_fragments_count_together_for_the_limit(client: RawClient) -> None:
    client.send(frame(TEXT, _padded(32_000), final=False))
    client.send(frame(CONTINUATION, b" " * 32_000, final=False), frame(CONTINUATION, b" "))
    assert await client.failed() == 1009


async def test_fragments_of_exactly_the_limit(client: RawClient) -> None:
    client.send(frame(TEXT, _padded(32_000), final=False), frame(CONTINUATION, b" " * 32_000))
    assert await client.message() == PONG


@pytest.mark.parametrize(
    "wire",
    [
        frame(CONTINUATION, b"x"),
        frame(CONTINUATION, b"x", final=False),
        text("x", final=False) + text("x"),
        text("x", final=False) + frame(BINARY, b"x"),
        text(PING) + frame(CONTINUATION, b"x"),
        frame(TEXT, b"x", final=False) + frame(CONTINUATION, b"x") + frame(CONTINUATION, b"x"),
    ],
    ids=["alone", "alone, not final", "text within", "binary within", "after a whole one", "after the last"],
)
async def test_continuation_out_of_place_ends_with_1002(client: RawClient, wire: bytes) -> None:
    client.send(wire)
    while (last := await client.frame()).opcode != 8:
        assert last.opcode == TEXT
    assert last.status == 1002
