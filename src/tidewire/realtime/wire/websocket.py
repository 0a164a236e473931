"""WebSocket (RFC 6455): the upgrade, frames in, and frames out; not what messages mean."""

from __future__ import annotations

import time
from functools import cache
from typing import Final

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tidewire.realtime.protocol import framing
from tidewire.realtime.protocol.compression import OFFERS, negotiated_window
from tidewire.realtime.protocol.event_frames import GRAPHQL, window_of
from tidewire.realtime.protocol.request import parse_request, path_of
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS
from tidewire.realtime.wire.budgets import BYTES_A_UNIT
from tidewire.realtime.wire.frame_decoder import FrameDecoder, read_alone
from tidewire.realtime.wire.socket import SocketWire, WireContext

PATH: Final = "/v1/realtime"
GRAPHQL_PATH: Final = "/v1/graphql"
GRAPHQL_PROTOCOL: Final = Subprotocol("graphql-transport-ws")
ALONE_BYTES: Final = 4096
"""The longest frame that is read by itself."""
STEP_BYTES: Final = 256
"""Bytes that are read at once. The smallest frames have six bytes and take some ten microseconds each."""


@cache
def _handshake(*, compression: bool, graphql: bool) -> ServerProtocol:
    """Reads and answers the requests of all connections; what was agreed with one is kept until the next."""
    return ServerProtocol(
        extensions=OFFERS if compression else None, subprotocols=[GRAPHQL_PROTOCOL] if graphql else None
    )


class WebSocket(SocketWire):
    """The WebSocket of one connection.

    What arrives is read a little at a time: the rest waits until others had their turn, and meanwhile the
    socket is not read, so that the client's system holds back what it still has.
    """

    __slots__ = ("_decoder", "_in_turn", "_unread")

    acknowledges = True
    writes_past_transport = True

    def __init__(self, context: WireContext) -> None:
        super().__init__(context)
        self._unread: memoryview | None = None
        """What arrived and is not read yet; None: nothing."""
        self._in_turn = False
        """Whether it waits for its turn to read on."""
        self._decoder: FrameDecoder | None = None
        """The decoder of the present message; None between messages."""

    def data_received(self, data: bytes) -> None:
        """Take bytes: at first the whole head of the request, perhaps with frames behind it; then frames."""
        self._silence = 0
        if self.state is State.OPEN and self._unread is None:
            if self._decoder is None and len(data) <= ALONE_BYTES:
                alone = read_alone(data, self._context.settings.realtime_max_message_bytes)
                if alone is not None:
                    if isinstance(alone, str):
                        self.spend(1)
                        self.session.received(alone)
                    else:
                        asked = self.session.asked
                        self.session.pong(alone)
                        self.spend(1, alone=self.session.asked != asked)
                    return
            if len(data) <= STEP_BYTES:
                self._receive(data)
                return
        if self.state is State.NEW:
            self._open_in_turn(data)
        elif self.state is not State.LEAVING:
            self._unread = memoryview(data if self._unread is None else bytes(self._unread) + data)
            self.read_on()

    def read_on(self) -> None:
        """See :class:`tidewire.realtime.wire.contract.Wire`."""
        if self._unread is None:
            super().read_on()
        elif not self._in_turn and self.state not in {State.NEW, State.LEAVING}:
            self.transport.pause_reading()
            if not self._is_overloaded:
                self._in_turn = True
                self._context.reading.enter(self._read_some)

    def look(self, rounds: int) -> None:
        """Ping a client after half of ``rounds`` intervals of silence, and close it after all of them."""
        if self._silence >= rounds:
            self.close(CloseStatus.SILENT)
        elif self._silence >= rounds // 2:
            ping = self.session.next_ping()
            if ping is not None:
                self.send(ping or framing.PING)
        self._silence += 1

    def _framed(self, text: bytes, position: str = "") -> bytes:  # noqa: ARG002 - frames name no position
        return framing.text_message(text)

    def _say_goodbye(self, status: CloseStatus, told: str) -> None:
        self.write(framing.close_message(status, told))
        self._end(State.CLOSING)

    def _open(self, data: bytes) -> None:
        head, _, early = data.partition(b"\r\n\r\n")
        compression = self._context.settings.realtime_compression
        handshake = _handshake(compression=compression, graphql=False)
        try:
            request = parse_request(head)
        except (ValueError, InvalidHandshake):
            self._decline(handshake.reject(400, "The request is malformed.\n"))
            return
        path = path_of(request)
        if path == GRAPHQL_PATH and self._context.graphql_session is not None:
            self.session = self._context.graphql_session(self)
            self.session.transport = self.transport
            handshake = _handshake(compression=compression, graphql=True)
        elif path != PATH:
            self._decline(handshake.reject(404, "Nothing is here.\n"))
            return
        response = handshake.accept(request)
        if response.status_code != 101:
            handshake.handshake_exc = None
            self._decline(response)
            return
        self.transport.write(response.serialize())
        window = negotiated_window(handshake.extensions)
        self.session.form = window if path == PATH else GRAPHQL - window
        self.state = State.OPEN
        self.session.direct = True
        self._reach_socket()
        self.session.opened(request)
        if early:
            self.data_received(early)

    def _reach_socket(self) -> None:
        """Let events be written past the transport, which then must never keep anything unnoticed."""
        if self.transport.get_extra_info("sslcontext") is None:
            self.transport.set_write_buffer_limits(high=0)
            self.session.descriptor = self.transport.get_extra_info("socket").fileno()
            if self.transport.get_write_buffer_size():
                self.pause_writing()  # only the HTTP protocol was told, if it was full before

    def _decline(self, response: Response) -> None:
        """Answer as an HTTP server."""
        self.transport.write(response.serialize())
        self._end(State.LEAVING)
        self.transport.close()

    def _read_some(self) -> None:
        self._in_turn = False
        end = time.perf_counter() + PIECE_SECONDS
        while self._unread is not None and not self._is_overloaded and time.perf_counter() < end:
            piece, rest = bytes(self._unread[:STEP_BYTES]), self._unread[STEP_BYTES:]
            self._unread = rest or None
            self._receive(piece)
        self.read_on()

    def _receive(self, data: bytes) -> None:
        decoder = self._decoder or self._new_decoder()
        received = decoder.receive(data)
        if self.state is State.CLOSING:
            self._decoder = decoder
            if received.ended:
                self.transport.close()
            return
        self._decoder = decoder
        if decoder.idle:
            self._drop_decoder()
        if decoder.held > self._context.settings.realtime_max_message_bytes:
            self._context.large_messages.begin(self, self._give_way)
        else:
            self._context.large_messages.end(self)
        self.spend(received.frames + len(data) / BYTES_A_UNIT)
        for payload in received.pongs:
            self.session.pong(payload)
        for step in received.steps:
            if self.state is not State.OPEN:
                break  # an earlier one has ended the connection
            if isinstance(step, str):
                self.session.received(step)
            else:
                self.send(step)
        if received.ended and self.state is State.OPEN:
            self.session.left = received.closed
            self._finish(answered=received.closed > 0, too_large=received.too_large)

    def _give_way(self) -> None:
        self.close(CloseStatus.TRY_LATER, "unfinished")

    def _new_decoder(self) -> FrameDecoder:
        settings = self._context.settings
        # A frame that subscribes may hold all that a connection may be subscribed to: SDKs that come back
        # send it in one.
        longest = settings.realtime_max_message_bytes + settings.realtime_max_subscription_bytes
        return FrameDecoder(longest, compressed=window_of(self.session.form) > 0)

    def _finish(self, *, answered: bool, too_large: bool) -> None:
        """The last close frame is written; ``answered``: the client has sent one too.

        A client that broke the protocol may be sending still. To close the socket then would reset it, and
        the client might never see why: it gets the end of the stream, and its own end closes the socket.
        """
        if too_large:
            self.session.closed("too_large")
        elif not answered:
            self.session.closed("protocol")
        self._end(State.LEAVING)
        self._hand_over()
        if answered or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _drop_decoder(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _end(self, state: State) -> None:
        self._drop_decoder()
        self._unread = None
        self._context.large_messages.end(self)
        super()._end(state)
