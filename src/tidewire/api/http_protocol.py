"""uvicorn's HTTP protocol with bounds on what a client can make it hold, and errors of the API's form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tidewire.api.errors import error_body
from tidewire.api.responses import COMMON_HEADERS, JSON_TYPE
from tidewire.core.errors import TidewireError
from tidewire.settings import Settings

MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Of a body whose request is answered already; reading it on lets clients see the answer."""


STREAM_PATH: Final = b"/v1/realtime/sse"
"""Where requests are answered by a protocol of their own, without an end."""

StreamProtocol = Callable[[Any], asyncio.Protocol]
"""Makes the protocol of a stream, given uvicorn's ``ServerState``."""


def bounded_http_protocol(
    settings: Settings, stream_protocol: StreamProtocol | None = None
) -> type[asyncio.Protocol]:
    """A protocol class for ``uvicorn.Config(http=...)`` that refuses long request lines with headers.

    A ``GET`` of :data:`STREAM_PATH` is handed over to ``stream_protocol``, with its socket, as uvicorn
    hands over a WebSocket: the head of the request is the first that it receives.
    """

    class BoundedHttpProtocol(_HttpProtocol):
        limit = settings.max_header_bytes
        head_seconds = settings.request_head_seconds
        body_seconds = settings.request_body_seconds
        stream = staticmethod(stream_protocol) if stream_protocol else None

    return BoundedHttpProtocol


class _HttpProtocol(HttpToolsProtocol):
    """Counts the bytes of a head until it is complete, and of a body that nobody wants any more."""

    limit: int
    head_seconds: float
    """Time for a request's head to arrive, from the connection or the head's first bytes on."""
    body_seconds: float
    """Time that a client may be silent within a body."""
    stream: StreamProtocol | None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = False
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._refusal = ""
        self._upgraded = False
        self._streaming = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        # The timer of an idle connection would keep this object alive until it fires.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        self._feed(data)
        if self._streaming:
            assert self.stream is not None
            self._hand_over(self.stream(self.server_state))
            return
        if self._upgraded or self.transport.is_closing():
            return
        if self._in_head:
            # Where in the data the head began is not known, so the first piece of it is not counted;
            # once complete it is measured exactly.
            self._count_head(len(data) if was_in_head else 0)
        elif self.cycle is not None:
            self._count_time()

    def _feed(self, data: bytes) -> None:
        """Parse; as uvicorn does, but that what comes right behind a request for an upgrade is not lost."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._upgraded = True
                self._hand_over(self._web_socket(), early=data[upgrade.args[0] :])
            else:
                self._unsupported_upgrade_warning()
        except httptools.HttpParserError:
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)

    def _wants_stream(self) -> bool:
        return (
            self.stream is not None
            and self.url.partition(b"?")[0] == STREAM_PATH
            and self.parser.get_method() == b"GET"
            and not self.parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _web_socket(self) -> asyncio.Protocol:
        assert self.ws_protocol_class is not None
        make: Any = self.ws_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        return protocol

    def _hand_over(self, protocol: asyncio.Protocol, early: bytes = b"") -> None:
        """Give the socket to ``protocol``, and first the head of the request with what came behind it."""
        self._stop_timer()
        self.connections.discard(self)
        headers = b"".join(b"%b: %b\r\n" % header for header in self.headers)
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (self.parser.get_method(), self.url, headers)
        protocol.connection_made(self.transport)
        protocol.data_received(head + early)
        self.transport.set_protocol(protocol)

    def _count_head(self, received: int) -> None:
        self._head_bytes += received
        if self._head_bytes > self.limit:
            self.send_400_response(self._too_large())
        elif self._timer is None:
            self._start_timer(self.head_seconds)

    def _count_time(self) -> None:
        """Wait for the rest of a body, but not forever."""
        self._stop_timer()
        if self.cycle.response_complete:
            # The client is still sending what nobody wants.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        elif self.cycle.more_body:
            self._start_timer(self.body_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._discarded_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > self.limit:
            self._refusal = self._too_large()
            raise _RefusedError
        self._streaming = self._wants_stream()
        if not self._streaming:
            super().on_headers_complete()
            if type(self.cycle) is RequestResponseCycle:
                # uvicorn has no setting for the class that it makes.
                self.cycle.__class__ = _Cycle

    def on_body(self, body: bytes) -> None:
        if self._streaming:
            return
        if self.cycle is not None and self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._streaming:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP or too large, and close."""
        body = msgspec.json.encode(
            error_body(TidewireError("general_argument_invalid", self._refusal or msg))
        )
        headers = [
            *self.server_state.default_headers,
            *COMMON_HEADERS,
            (b"content-type", JSON_TYPE),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[400], lines, body))
        self.transport.close()

    def _too_large(self) -> str:
        return f"The request line and headers are larger than {self.limit} bytes."

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._time_is_up, seconds)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, seconds: float) -> None:
        if self.flow.read_paused:  # the client is waiting for us
            self._start_timer(seconds)
        else:
            self.transport.close()


class _Cycle(RequestResponseCycle):
    """A request and its answer, which is written in one piece if the application has it whole.

    That is less work for the system and for us: one packet, and no look at each header by itself.
    """

    _head: Any = None

    async def send(self, message: Any) -> None:
        head, self._head = self._head, None
        if head is None and message["type"] == "http.response.start":
            self._head = message
            return
        if head is not None:
            if self._write_whole(head, message):
                return
            await super().send(head)
        await super().send(message)

    def _write_whole(self, head: Any, message: Any) -> bool:
        """Write an answer; False: there is something about it that uvicorn has to look at."""
        body, headers = message.get("body", b""), [*self.default_headers, *head["headers"]]
        if (
            message.get("more_body")
            or (b"content-length", b"%d" % len(body)) not in headers
            or not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.access_log
            or self.scope["method"] == "HEAD"
        ):
            return False
        lines = [b"%b: %b\r\n" % header for header in headers]
        text = b"".join(lines)
        if text.count(b"\n") > len(lines) or text.count(b"\r") > len(lines) or b"connection" in text:
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[head["status"]], text, body))
        self.message_event.set()
        self.on_response()
        return True


class _RefusedError(Exception):
    """Ends the parsing of a request."""
