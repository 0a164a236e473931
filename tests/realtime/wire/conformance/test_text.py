"""RFC 6455, section 8.1: text is UTF-8, checked as soon as a frame of it is whole."""

from __future__ import annotations

import json

import pytest

from tests.realtime.raw_client import RawClient, frame, text

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALID = [
    "",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\x00",
    "\x7f",
    "\x80",
    "\u07ff",
    "\u0800",
    "\ud7ff\ue000",
    "\ufffd\ufffe\uffff",
    "\U00010000\U0010ffff",
    "\ufdd0\U0001fffe",
    "漢😀" * 1000,
]
INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\x80",
    b"\xbf",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xc3",
    b"\xe0\x80\xaf",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
]


def _named(letters: str) -> tuple[bytes, str]:
    """A message with text in it, and what the answer repeats of it."""
    row = {"subscriptionId": "s", "channels": [letters]}
    return json.dumps({"type": "subscribe", "data": [row]}, ensure_ascii=False).encode(), letters


async def _answered(client: RawClient, letters: str) -> None:
    [row] = json.loads(await client.message())["data"]["subscriptions"]
    assert row["channels"] == [letters]


@pytest.mark.parametrize("letters", VALID, ids=ascii)
async def test_valid_text(client: RawClient, letters: str) -> None:
    data, name = _named(letters)
    client.send(text(data))
    await _answered(client, name)


@pytest.mark.parametrize("letters", VALID[:-1], ids=ascii)
async def test_valid_text_cut_within_characters(client: RawClient, letters: str) -> None:
    data, name = _named(letters)
    pieces = [data[index : index + 1] for index in range(len(data))]
    for number, piece in enumerate(pieces):
        client.send(frame(0 if number else 1, piece, final=number == len(pieces) - 1))
    await _answered(client, name)


@pytest.mark.parametrize("data", INVALID, ids=bytes.hex)
async def test_invalid_text_ends_with_1007(client: RawClient, data: bytes) -> None:
    client.send(text(b'{"type":"ping","data":"' + data + b'"}'))
    assert await client.failed() == 1007


@pytest.mark.parametrize("data", INVALID, ids=bytes.hex)
async def test_invalid_text_is_refused_at_its_fragment_and_not_at_the_end(
    client: RawClient, data: bytes
) -> None:
    client.send(frame(1, b"valid", final=False), frame(0, data + b"x", final=False))
    assert await client.failed() == 1007


async def test_text_that_ends_within_a_character(client: RawClient) -> None:
    client.send(frame(1, b"\xf0\x9f", final=False), frame(0, b"\x98"))
    assert await client.failed() == 1007


async def test_messages_before_the_invalid_one_are_answered(client: RawClient) -> None:
    client.send(text('{"type":"ping"}'), text(b"\xff"))
    assert await client.message() == '{"type":"pong"}'
    assert await client.failed() == 1007
