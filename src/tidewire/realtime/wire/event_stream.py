"""Server-Sent Events: realtime for networks that block WebSockets (HTML Living Standard, section 9.2).

The request names channels and queries in its URL, and the answer never ends. It carries the messages of a
WebSocket, one event each. The ``id`` of an event is its position in the event log, so that a browser which
comes back says by itself where it was.

Every block has a name and data in JSON: there are clients that decode whatever comes. The body is chunked
(RFC 9112, 7.1), one chunk for what is written at once: there are clients that would wait for more without.
"""

from __future__ import annotations

import random
import re
import socket
from contextlib import suppress
from typing import Final

import msgspec
from websockets.exceptions import InvalidHandshake

import tidewire
from tidewire.realtime.protocol import framing
from tidewire.realtime.protocol.errors import (
    INTERNAL,
    INVALID_FORMAT,
    NOT_A_FRAME,
    POLICY_VIOLATION,
    TOO_MUCH,
    MessageError,
)
from tidewire.realtime.protocol.event_frames import EVENT_STREAM
from tidewire.realtime.protocol.request import parse_request
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.wire.budgets import BYTES_A_UNIT
from tidewire.realtime.wire.socket import SocketWire, WireContext

RETRY_MS: Final = (1000, 4000)
"""Milliseconds between which a client waits before it comes back. It is a random time, so that not all
clients come at once."""

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"x-accel-buffering: no\r\nconnection: close\r\n"
)
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_KEEP_ALIVE: Final = b":\n"
"""A comment, and no block of its own."""
_KIND: Final = re.compile(rb'\{"type":"(\w+)"')
_REFUSALS: Final = {
    POLICY_VIOLATION: ("403 Forbidden", "realtime_policy_violation"),
    INVALID_FORMAT: ("400 Bad Request", "realtime_message_format_invalid"),
    NOT_A_FRAME: ("400 Bad Request", "realtime_message_format_invalid"),
    401: ("401 Unauthorized", "user_unauthorized"),
    403: ("403 Forbidden", "general_access_forbidden"),
}
"""Error codes to how HTTP says them; a browser does not come back then. After all others it does."""


class EventStream(SocketWire):
    """The event stream of one connection, from its request to its end."""

    __slots__ = ("_chunked", "_origin", "_started")

    def __init__(self, context: WireContext) -> None:
        super().__init__(context)
        self.session.form = EVENT_STREAM
        self._origin = ""
        self._started = False
        """Whether the head of the answer is written."""
        self._chunked = True
        """Whether the client speaks HTTP/1.1; for an older one the answer ends with the connection."""

    def data_received(self, data: bytes) -> None:
        """Take the head of the request; what comes after it means nothing, but counts."""
        if self.state is State.NEW:
            self._open_in_turn(data)
        else:
            self.spend(1 + len(data) / BYTES_A_UNIT)

    def write(self, framed: bytes) -> None:
        """Write events in a chunk of their own; before the first it says when a client may come back."""
        if not self._started:
            self._start()
            framed = b"retry: %d\n%b" % (random.randint(*RETRY_MS), framed)  # noqa: S311 - no secret
        super().write(b"%x\r\n%b\r\n" % (len(framed), framed) if self._chunked else framed)

    def tell_position(self, position: str) -> None:
        """See :class:`tidewire.realtime.wire.contract.Wire`: an event that says nothing but its ``id``."""
        self.write(b"id: %b\nevent: place\ndata: {}\n\n" % position.encode() if position else _KEEP_ALIVE)

    def look(self, rounds: int) -> None:  # noqa: ARG002 - every look is the same here
        """Keep proxies from closing a quiet stream. Whether the client is there, TCP finds out.

        A client that got nothing for long learns that it is not behind: it might seem so when it comes back.
        """
        if self._started and self.state is State.OPEN and not self.congested:
            self.tell_position(self.session.reached())

    def refuse(self, error: MessageError) -> None:
        """See :class:`tidewire.realtime.wire.contract.Wire`: by HTTP, if that ends the client's attempts."""
        if self._started or error.code in {TOO_MUCH, INTERNAL}:
            super().refuse(error)
            return
        if self.state is not State.OPEN:
            return
        status, kind = _REFUSALS.get(error.code, _REFUSALS[POLICY_VIOLATION])
        body = msgspec.json.encode(
            {
                "message": error.explanation or error.message,
                "code": int(status[:3]),
                "type": error.kind or kind,
                "version": tidewire.__version__,
            }
        )
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json; charset=UTF-8\r\nconnection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(body), body))
        self._end(State.LEAVING)
        self.transport.close()

    def _framed(self, text: bytes, position: str = "") -> bytes:
        kind = _KIND.match(text)
        assert kind is not None, "all messages begin with their type"
        head = framing.stream_head(kind[1].decode(), position)
        return head + framing.stream_data(text) + framing.STREAM_END

    def _say_goodbye(self, status: CloseStatus, told: str) -> None:  # noqa: ARG002 - the status says it all
        self.write(b'event: close\ndata: {"code":%d}\n\n' % status)
        if self._chunked:
            super().write(b"0\r\n\r\n")
        self._end(State.LEAVING)
        self._hand_over()
        self.transport.close()

    def _open(self, data: bytes) -> None:
        self.state = State.OPEN
        self._chunked = not data.partition(b"\r\n")[0].endswith(b"HTTP/1.0")
        try:
            request = parse_request(data)
        except (ValueError, InvalidHandshake):
            self.refuse(MessageError(INVALID_FORMAT, "The request is malformed."))
            return
        self._origin = request.headers.get("origin", "")
        self.session.opened(request, request.headers.get("last-event-id", ""))

    def _start(self) -> None:
        self._started = True
        idle_ms = int(self._context.settings.realtime_idle_seconds * 1000)
        with suppress(OSError, AttributeError):  # Linux has the option; elsewhere its defaults hold
            self.transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, idle_ms
            )
        coding = _CHUNKED if self._chunked else b""
        self.transport.write(_HEAD + coding + _allow(self._origin) + b"\r\n")


def _allow(origin: str) -> bytes:
    """Headers that let the page read the stream; its origin was checked before anything is written."""
    if not origin:
        return b"vary: Origin\r\n"
    return (
        b"vary: Origin\r\naccess-control-allow-credentials: true\r\n"
        b"access-control-allow-origin: %b\r\n" % origin.encode("iso-8859-1")
    )
