"""Answers and the headers that all of them carry."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidewire.api.asgi import Headers, Send

JSON_TYPE: Final = b"application/json; charset=UTF-8"
_JSON: Final = (b"content-type", JSON_TYPE)
_TEXT: Final = (b"content-type", b"text/plain; charset=UTF-8")
COMMON_HEADERS: Final = (
    # Clients and proxies written for Appwrite recognise a server by this name.
    (b"server", b"Appwrite"),
    (b"x-content-type-options", b"nosniff"),
)

_encode = msgspec.json.Encoder().encode


async def send_json(send: Send, status: int, value: Any, headers: Headers) -> None:
    """Answer with a JSON value."""
    body = _encode(value)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*COMMON_HEADERS, _JSON, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_text(send: Send, status: int, value: str, headers: Headers) -> None:
    """Answer with plain text."""
    body = value.encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*COMMON_HEADERS, _TEXT, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_empty(send: Send, status: int, headers: Headers) -> None:
    """Answer without a body; the Python SDK asks for its type all the same, and would parse JSON."""
    length = () if status in {204, 304} else ((b"content-length", b"0"),)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*COMMON_HEADERS, _TEXT, *length, *headers],
        }
    )
    await send({"type": "http.response.body", "body": b""})
