"""HTTP/1.1 to the process of a function, over a unix socket, with bounds on what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

from tidewire.functions.contract import CrashedError, EngineError, TooLargeError

MAX_HEADER_BYTES: Final = 64 * 1024
"""The most bytes of the status line and headers of an answer, and of what the parser is given beyond a
body."""
_MAX_HEADERS: Final = 500
_OF_THE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
INTERNAL: Final = "x-open-runtimes-"


@dataclass
class WireAnswer:
    """An answer as it came, but for its headers of the connection and of the engine."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def encode_request(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    internal: Iterable[tuple[str, str]],
    body: bytes,
) -> bytes:
    """The bytes of a request. Raises ValueError where one of its parts would end a line."""
    lines = [f"{method} {target or '/'} HTTP/1.1"]
    named = False
    for name, value in headers:
        lower = name.lower()
        if lower not in _OF_THE_CONNECTION and not lower.startswith(INTERNAL):
            lines.append(f"{lower}: {value}")
            named = named or lower == "host"
    if not named:
        lines.append("host: localhost")
    lines.extend(f"{name}: {value}" for name, value in internal)
    lines.append(f"content-length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise ValueError("a header or the path has a line break")
    if " " in method or " " in target:
        raise ValueError("the path has a space")
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """One connection: one request at a time, and none after a failure."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[WireAnswer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer = WireAnswer()
        self._pieces: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0
        self._only_headers = False
        self.usable = True
        """Whether it can carry a further request."""

    async def exchange(self, request: bytes) -> WireAnswer:
        """Send a request and wait for its answer. Raises :class:`EngineError`; cancelling closes it."""
        if self._transport is None:
            raise CrashedError("The process of the function is gone.")
        self._waiter = asyncio.get_running_loop().create_future()
        self._answer, self._pieces, self._body_bytes, self._head_bytes = WireAnswer(), [], 0, 0
        self._only_headers = request.startswith(b"HEAD ")
        self._transport.write(request)
        try:
            return await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """Nothing is read any more."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # An answer that nobody asked for.
            return
        body_before = self._body_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(CrashedError("The function answered with what is no answer in HTTP."))
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, EngineError) else CrashedError(str(error)))
        except httptools.HttpParserError:
            self._fail(CrashedError("The function answered with what is no HTTP."))
        self._head_bytes += len(data) - (self._body_bytes - body_before)
        if self._head_bytes > 2 * MAX_HEADER_BYTES:  # headers and the sizes of chunks
            self._fail(TooLargeError("The headers of the function's answer are too large."))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface of asyncio
        self._transport = None
        self._fail(CrashedError("The function's process closed the connection amid the execution."))

    def _fail(self, error: EngineError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    # Called by the parser.

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._answer.headers
        lower = name.decode("latin-1").lower()
        if len(headers) >= _MAX_HEADERS:
            raise TooLargeError("The function's answer has too many headers.")
        # After HEAD it says how long the answer to GET would be.
        kept = lower not in _OF_THE_CONNECTION or (self._only_headers and lower == "content-length")
        if kept and not lower.startswith(INTERNAL):
            headers.append((lower, value.decode("utf-8", "replace")))

    def on_headers_complete(self) -> None:
        if self._only_headers and self._parser.get_status_code() >= 200:
            self.usable = False  # The parser, which knows nothing of the request, waits for the body.
            self._complete()

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > self._max_body_bytes:
            raise TooLargeError(f"The function's answer is larger than {self._max_body_bytes} bytes.")
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200 or self._only_headers:
            return
        if not self._parser.should_keep_alive():
            self.usable = False
        self._complete()

    def _complete(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        self._answer.status = self._parser.get_status_code()
        self._answer.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        self._waiter.set_result(self._answer)
