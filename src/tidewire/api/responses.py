"""Answers and the headers that all of them carry."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tidewire.api import compression
from tidewire.api.asgi import Header, Headers, Send
from tidewire.api.compression import accepts_gzip, compressed, compressed_pieces
from tidewire.api.http_answers import ANSWER, PIECES

JSON_TYPE: Final = b"application/json; charset=UTF-8"
TEXT_TYPE: Final = b"text/plain; charset=UTF-8"
COMMON_HEADERS: Final = (
    # Clients and proxies written for Appwrite recognise a server by this name.
    (b"server", b"Appwrite"),
    (b"x-content-type-options", b"nosniff"),
)

FORM_TYPE: Final = b"multipart/form-data"

_encode = msgspec.json.Encoder().encode
_PIECE_BYTES: Final = 64 * 1024
"""Bytes of a long list that are encoded in one go, which takes a fraction of a millisecond."""


async def send_large_list(
    send: Send, status: int, listed: Any, size: int, headers: Headers, accepted: str, least: float
) -> None:
    """Answer with a list of about ``size`` bytes, which is used up; else as :func:`send_compressible`.

    It is encoded in a thread, a piece at a time: one call of the encoder holds the interpreter, from whatever
    thread, for as long as it takes, and to join the pieces would hold it again.
    """
    gzip = False
    if size >= least:
        gzip = bool(accepted) and accepts_gzip(accepted)
        headers = [*headers, compression.VARY, *([compression.ENCODED] if gzip else ())]
    pieces = await asyncio.to_thread(encode_in_pieces, listed, size, gzip=gzip)
    size = sum(map(len, pieces))
    whole = _headers(JSON_TYPE, size, headers)
    await send({"type": ANSWER, "status": status, "headers": whole, PIECES: pieces})


def encode_in_pieces(listed: Any, size: int, *, gzip: bool) -> list[bytes]:
    """The JSON text of a list of about ``size`` bytes, which is used up; ``gzip``: compressed."""
    fields = listed
    if isinstance(listed, msgspec.Struct):
        fields = {each.encode_name: getattr(listed, each.name) for each in msgspec.structs.fields(listed)}
    pieces = _pieces(fields, size)
    return list(compressed_pieces(pieces) if gzip else pieces)


def _pieces(fields: Mapping[str, Any], size: int) -> Iterator[bytes]:
    """The JSON text in pieces. What was encoded is let go of at once, because freeing everything at the end
    would take long as well."""
    before = b"{"
    for name, value in fields.items():
        yield before + _encode(name) + b":"
        if isinstance(value, list) and value:
            step = max(1, len(value) * _PIECE_BYTES // size)
            for begin in range(0, len(value), step):
                items = value[begin : begin + step]
                value[begin : begin + step] = [None] * len(items)
                yield (b"," if begin else b"[") + _encode(items)[1:-1]
            yield b"]"
        else:
            yield _encode(value)
        before = b","
    yield b"}"


async def send_json(send: Send, status: int, value: Any, headers: Headers) -> None:
    """Answer with a JSON value."""
    await send_body(send, status, JSON_TYPE, _encode(value), headers)


async def send_compressible(
    send: Send, status: int, value: Any, headers: Headers, accepted: str, least: float
) -> None:
    """Answer with a JSON value, as gzip if it has ``least`` bytes and the client takes that.

    ``accepted`` is the client's ``Accept-Encoding``. The value must hold nothing secret.
    """
    body = _encode(value)
    if len(body) >= least:
        headers = [*headers, compression.VARY]
        if accepted and accepts_gzip(accepted):
            body = await compressed(body)
            headers.append(compression.ENCODED)
    await send_body(send, status, JSON_TYPE, body, headers)


async def send_text(send: Send, status: int, value: str, headers: Headers) -> None:
    """Answer with plain text."""
    await send_body(send, status, TEXT_TYPE, value.encode(), headers)


async def send_form(send: Send, status: int, form: Mapping[str, object], headers: Headers) -> None:
    """Answer with a form: a part for each value. Bytes are sent as they are, lists and objects as JSON."""
    boundary = b"----" + secrets.token_hex(16).encode()  # as browsers begin it: some programs look for that
    parts = [_part(boundary, name, value) for name, value in form.items()]
    body = b"".join([*parts, b"--", boundary, b"--\r\n"])
    await send_body(send, status, b"%s; boundary=%s" % (FORM_TYPE, boundary), body, headers)


def _part(boundary: bytes, name: str, value: object) -> bytes:
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n' % (boundary, name.encode())
    if isinstance(value, bytes):
        content = value
    elif isinstance(value, str):
        content = value.encode()
    else:
        content = b"" if value is None else _encode(value)
        if isinstance(value, list | dict):
            head += b"Content-Type: application/json\r\n"
    return head + b"\r\n" + content + b"\r\n"


async def send_body(
    send: Send,
    status: int,
    content_type: bytes,
    body: bytes,
    headers: Iterable[Header],
    *,
    to_head: bool = False,
) -> None:
    """Answer with a whole body of this type; ``to_head``: with its headers only, for the method HEAD."""
    whole = _headers(content_type, len(body), headers)
    await send({"type": ANSWER, "status": status, "headers": whole, "body": b"" if to_head else body})


def _headers(content_type: bytes, size: int, headers: Iterable[Header]) -> Headers:
    """All headers of an answer whose body has ``size`` bytes."""
    length = b"%d" % size
    return [*COMMON_HEADERS, (b"content-type", content_type), (b"content-length", length), *headers]


def with_selected(listed: Any, selected: frozenset[str]) -> dict[str, Any]:
    """A list of resources, each with the fields that are selected and those of the system (``$id``)."""
    shown: dict[str, Any] = msgspec.to_builtins(listed)
    for name, items in shown.items():
        if isinstance(items, list):
            shown[name] = [
                {field: item[field] for field in item if field in selected or field.startswith("$")}
                for item in items
            ]
    return shown


async def send_empty(send: Send, status: int, headers: Headers) -> None:
    """Answer without a body; the Python SDK asks for its type all the same, and would parse JSON."""
    length = () if status in {204, 304} else ((b"content-length", b"0"),)
    whole = [*COMMON_HEADERS, (b"content-type", TEXT_TYPE), *length, *headers]
    await send({"type": ANSWER, "status": status, "headers": whole, "body": b""})
