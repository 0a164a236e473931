"""uvicorn's HTTP protocol with bounds on what a client can make it hold, and errors of the API's form.

What is relied on of uvicorn stands in this module and in :mod:`tidewire.api.http_answers`, and is tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, Final

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tidewire.api.asgi import Header
from tidewire.api.errors import error_body
from tidewire.api.http_answers import Cycle
from tidewire.api.request_heads import MAX_HEADERS, asks_for_web_socket, head_problem, without_offer
from tidewire.api.responses import COMMON_HEADERS, JSON_TYPE
from tidewire.api.slow_readers import SlowReader
from tidewire.api.unread_answers import UnreadAnswers
from tidewire.core.errors import TidewireError
from tidewire.identity.heads import HeaderLines
from tidewire.identity.paths import plain_path
from tidewire.logs import Repeated, RepeatedByKind
from tidewire.settings import Settings

_log = structlog.get_logger()

MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Bytes that are read on of a body whose request is answered already, so that clients see the answer."""
HEAD_PIECE: Final = 2048
BODY_PIECE: Final = 32 * 1024
"""Bytes that are parsed at a time: what follows waits unparsed while a request is not answered."""

STREAM_PATH: Final = "/v1/realtime/sse"
"""The path whose requests are answered by a protocol of their own, without an end."""
_STREAM_SEGMENT: Final = b"/realtime/sse"
"""The part of the path that all ways of writing it have in common."""
_PLAIN_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
NOT_HTTP: Final = "This is not a valid HTTP request."

StreamProtocol = Callable[[Any], asyncio.Protocol]
"""Makes the protocol of a stream, given uvicorn's ``ServerState``."""


def bounded_http_protocol(
    settings: Settings, stream_protocol: StreamProtocol | None = None
) -> type[asyncio.Protocol]:
    """A protocol class for ``uvicorn.Config(http=...)`` that refuses long request lines with headers.

    A ``GET`` of :data:`STREAM_PATH` is handed over to ``stream_protocol``, with its socket, as a WebSocket
    is: the head of the request is the first that it receives.
    """

    class BoundedHttpProtocol(_HttpProtocol):
        limit = settings.max_header_bytes
        head_seconds = settings.request_head_seconds
        body_seconds = settings.request_body_seconds
        answer_seconds = settings.answer_seconds
        unread = UnreadAnswers(settings.unread_answer_bytes, settings.unread_answer_bytes_per_address)
        refusals = Repeated(_log.warning, "http_request_refused")
        reached = RepeatedByKind(_log.warning, "limit_reached", "limit")
        stream = staticmethod(stream_protocol) if stream_protocol else None

    return BoundedHttpProtocol


class _Flow(FlowControl):
    """Flow control whose reading stays paused while it is held, whatever uvicorn or a waiting application
    does."""

    held = False

    def hold(self) -> None:
        self.held = True
        self.pause_reading()

    def let_go(self) -> None:
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class _HttpProtocol(HttpToolsProtocol):
    """Counts the bytes of a head until it is complete, and of a body that nobody wants any more.

    Requests that follow each other without waiting are answered in their order, by uvicorn. What is not a
    request with an answer (a stream, a WebSocket, a refusal) comes when all before it are answered, and is
    the last on its connection.
    """

    limit: int
    head_seconds: float
    """Time for a request's head to arrive, from the connection or the head's first bytes on."""
    body_seconds: float
    """Time that a client may be silent within a body."""
    answer_seconds: float
    """Time in which a client has to take some of what waits for it."""
    unread: UnreadAnswers
    refusals: Repeated
    reached: RepeatedByKind
    """Limits at which connections are closed without an answer."""
    stream: StreamProtocol | None
    flow: _Flow

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head = False
        self._head_began = False
        self._head_bytes = 0
        self._discarded_bytes = 0
        self._last: Callable[[], None] | None = None
        """The call that ends the HTTP connection, once everything before it is answered."""
        self._lines: list[Header] = []
        """The header lines of the request before, which most clients send again and again."""
        self._lines_bytes = 0
        self._version = ""
        """The version of HTTP in which the request before came."""
        self._rest = b""
        """Bytes that arrived and are not parsed yet."""
        self._timer: asyncio.TimerHandle | None = None
        self._slow_reader: SlowReader | None = None
        """The watch over what the client has still to read; None until it falls behind for the first time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self._start_timer(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._last, self._rest = None, b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._last is not None or self._rest:
            self._rest += data
            return
        self._feed(data)
        if self._last is not None or self.transport.is_closing() or self.parser is None:
            return
        if self._in_head:
            self._look_at_head()
        elif self.cycle is not None:
            self._count_time()

    def _feed(self, data: bytes) -> None:
        """Parse, no further than requests can be answered: the objects of one take more than its bytes."""
        self._unset_keepalive_if_required()
        if len(data) <= HEAD_PIECE:
            self._parse(data)
        else:
            rest = memoryview(data)
            while rest and self._last is None:
                size = BODY_PIECE if self._is_receiving() else HEAD_PIECE
                self._parse(bytes(rest[:size]))
                rest = rest[size:]
                if self.pipeline:
                    break
            self._rest += bytes(rest)
        if self._last is not None:
            self._come_to_end()
        elif self._rest:
            self.flow.hold()

    def _parse(self, data: bytes) -> None:
        self._head_began = False
        try:
            self.parser.feed_data(data)
            if self._in_head and not self._head_began:
                # Where in its first piece a head began is not known; once complete it is measured exactly.
                self._head_bytes += len(data)
        except httptools.HttpParserUpgrade as upgrade:
            early = data[upgrade.args[0] :]
            if self.ws_protocol_class and asks_for_web_socket(
                self.parser.get_http_version(), self.parser.get_method(), self.headers
            ):
                self._rest = early
                self._last = partial(self._hand_over, self._web_socket, self._head())
            else:
                self._decline_offer(early)
        except httptools.HttpParserError:
            self._last = self._last or partial(self.send_400_response, NOT_HTTP)

    def _decline_offer(self, early: bytes) -> None:
        """Read a request again as if its client had offered no other protocol, with what came behind it.

        The parser takes the offer for the end of HTTP, and would not see a body.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = b"".join(b"%b: %b\r\n" % header for header in without_offer(self.headers))
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"%b %b HTTP/%b\r\n%b\r\n%b" % (method, self.url, version, lines, early))

    def _is_receiving(self) -> bool:
        return not self._in_head and self.cycle is not None and self.cycle.more_body

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _come_to_end(self) -> None:
        """Do the last thing on the connection, now or when everything before it is answered."""
        assert self._last is not None
        if not self._is_answering():
            self._last()
        elif not self.cycle.more_body:
            self.flow.hold()
        elif self.pipeline or self.cycle.response_started:
            self.transport.close()  # a broken body, and no answer to it could come in its turn
        else:
            self._last()

    def on_response_complete(self) -> None:
        """Go on with what waits for this answer."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watched_reader().expect_progress()
        elif self.pipeline:
            pass
        elif self._last is not None:
            if not self._is_answering():
                self._last()
        elif self._rest and (self.cycle.more_body or not self._is_answering()):
            rest, self._rest = self._rest, b""
            self.flow.let_go()
            self.data_received(rest)

    def _wants_stream(self) -> bool:
        return (
            self.stream is not None
            and _STREAM_SEGMENT in self.url
            and self.parser.get_method() == b"GET"
            and plain_path(self.url.partition(b"?")[0].decode("latin-1")) == STREAM_PATH
        )

    def _event_stream(self) -> asyncio.Protocol:
        assert self.stream is not None
        self._rest = b""  # a stream has no end behind which another request could be answered
        return self.stream(self.server_state)

    def _web_socket(self) -> asyncio.Protocol:
        make: Any = self.ws_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        return protocol

    def _head(self) -> bytes:
        headers = b"".join(b"%b: %b\r\n" % header for header in self.headers)
        version = self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, headers)

    def _hand_over(self, make: Callable[[], asyncio.Protocol], head: bytes) -> None:
        """Give the socket to another protocol, and first the head of the request with what came behind."""
        self._leave()
        self.connections.discard(self)
        protocol = make()
        if self.flow.held:
            self.flow.let_go()
        protocol.connection_made(self.transport)
        protocol.data_received(head + self._rest)
        self._last, self._rest = None, b""  # which refer to this object
        self.transport.set_protocol(protocol)

    def _look_at_head(self) -> None:
        """Wait for the rest of a head, but not forever, and not for any size."""
        if self._head_bytes > self.limit or len(self.headers) > MAX_HEADERS:
            self._last = partial(self.send_400_response, self._too_large())
            self._come_to_end()
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
        if self._last is not None:
            raise _RefusedError  # nothing comes behind the last
        super().on_message_begin()
        self._in_head = self._head_began = True
        self._head_bytes = 0
        self._discarded_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        version, method = self.parser.get_http_version(), self.parser.get_method()
        if self.headers == self._lines and version == self._version and method in _PLAIN_METHODS:
            # The lines were looked at before: only the target may be another one.
            self.headers = self.scope["headers"] = self._lines
            if len(self.url) + self._lines_bytes > self.limit:
                self._refuse(self._too_large())
            if self.url[:1] != b"/":
                self._require_sound(version, method)
        else:
            count = len(self.headers)
            self._lines_bytes = sum(map(len, chain.from_iterable(self.headers))) + 4 * count
            if len(self.url) + self._lines_bytes > self.limit or count > MAX_HEADERS:
                self._refuse(self._too_large())
            self._require_sound(version, method)
            self._version = version
            self._lines = self.headers = self.scope["headers"] = HeaderLines(self.headers)
        if self.parser.should_upgrade():
            return  # which the parser says once it is done with the head
        if self._wants_stream():
            self._last = partial(self._hand_over, self._event_stream, self._head())
        else:
            super().on_headers_complete()
            Cycle.take_over(self.cycle)

    def _require_sound(self, version: str, method: bytes) -> None:
        problem = head_problem(version, method, self.url, self.headers)
        if problem:
            self._refuse(problem)

    def on_body(self, body: bytes) -> None:
        if self._last is not None:
            return
        if self.cycle is not None and self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > MAX_DISCARDED_BYTES:
                self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._last is None and not self.parser.should_upgrade():
            super().on_message_complete()

    def _refuse(self, message: str) -> None:
        """Answer with what is wrong, in its turn, and take nothing more from the client."""
        self._last = partial(self.send_400_response, message)
        raise _RefusedError

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP or too large with an error, and close."""
        self.refusals.tell(reason=msg, address=self.client[0] if self.client else "")
        body = msgspec.json.encode(error_body(TidewireError("general_argument_invalid", msg)))
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
        self._watched_reader().expect_progress()

    def _too_large(self) -> str:
        return f"The request line and headers are larger than {self.limit} bytes or {MAX_HEADERS} lines."

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing is asked any more."""
        super().timeout_keep_alive_handler()
        self._watched_reader().expect_progress()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._watched_reader().falls_behind()

    def resume_writing(self) -> None:
        """The client caught up with its answers."""
        if self._slow_reader is not None:
            self._slow_reader.catches_up()
        super().resume_writing()

    def _watched_reader(self) -> SlowReader:
        if self._slow_reader is None:
            address = self.client[0] if self.client else ""
            self._slow_reader = SlowReader(
                self.transport, address, self.unread, self.answer_seconds, self._tell
            )
        return self._slow_reader

    def _leave(self) -> None:
        """Stop all timers, each of which would keep this object alive until it fires, and count its bytes no
        longer."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self._slow_reader is not None:
            self._slow_reader.catches_up()
            self._slow_reader = None  # it refers to this object

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._time_is_up, seconds)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, seconds: float) -> None:
        if self.flow.read_paused or (self._is_answering() and not self.cycle.more_body):
            # The client is waiting for us.
            self._start_timer(seconds)
            return
        if self._is_receiving():
            self._tell("seconds of a body", f"The client sent nothing more of it for {seconds} s.")
        elif self._in_head:
            self._tell("seconds of a head", f"The client did not complete it in {seconds} s.")
        self.transport.close()

    def _tell(self, limit: str, reason: str) -> None:
        self.reached.tell(limit, address=self.client[0] if self.client else "", reason=reason)


class _RefusedError(Exception):
    """Ends the parsing of a request."""
