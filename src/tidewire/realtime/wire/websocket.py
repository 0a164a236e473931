"""One WebSocket on its transport: upgrade, messages in, frames out, close; not what they mean."""

from __future__ import annotations

import asyncio
import fcntl
import random
import sys
import termios
from enum import IntFlag
from functools import cache
from typing import Any, Final, cast

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from tidewire.realtime.protocol.compression import OFFERS, negotiated_window
from tidewire.realtime.protocol.frames import close_message
from tidewire.realtime.protocol.request import parse_request, path_of
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.wire.flood import Flow
from tidewire.realtime.wire.reader import Inflow
from tidewire.realtime.wire.write_queue import Queued
from tidewire.settings import Settings

PATH: Final = "/v1/realtime"
CLOSE_SECONDS: Final = 3.0
"""How long a client may take to read what it was sent and to answer a close frame; then it is cut off."""


def unacknowledged_bytes(transport: asyncio.Transport) -> int | None:
    """Bytes that the kernel took but the other machine has not acknowledged; None if it cannot tell."""
    raw = transport.get_extra_info("socket")
    try:
        count = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))  # SIOCOUTQ, by its older name
    except (OSError, ValueError, AttributeError):
        return None
    return int.from_bytes(count, sys.byteorder)


@cache
def _handshake(*, compression: bool) -> ServerProtocol:
    """Reads and answers the requests of all connections; of one it keeps what was agreed until the next."""
    return ServerProtocol(extensions=OFFERS if compression else None)


class _Blocked(IntFlag):
    """Why what is sent is not written yet."""

    BY_CLIENT = 1
    """It reads more slowly than it is sent to."""
    BEHIND_ANSWER = 2
    """An answer that is being made comes first."""


class WebSocket(Inflow, asyncio.Protocol):
    """The socket of one connection. When idle it owns no task, timer or buffer.

    ``siblings`` is uvicorn's set of connections: those in it are shut down with the server.
    """

    __slots__ = ("_blocked", "_queued", "_siblings", "_timer")

    def __init__(self, settings: Settings, siblings: set[Any], flow: Flow) -> None:
        super().__init__(settings, flow)
        self._siblings = siblings
        self._timer: asyncio.TimerHandle | None = None
        """Set while the connection ends."""
        self._blocked = 0
        """Reasons, as in :class:`_Blocked`."""
        self._queued: Queued | None = None
        """What was sent while the transport still had something to write; None: nothing."""

    def opened(self, request: Request) -> None:
        """Called once the client has its 101."""
        raise NotImplementedError

    def ping(self) -> None:
        """Ask for a sign of life."""
        raise NotImplementedError

    def ended(self) -> None:
        """Called when no message will come or be sent any more; perhaps more than once."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket of an HTTP connection that asked for an upgrade."""
        # uvloop's transports are asyncio's in all but their base class.
        self.transport = cast("asyncio.Transport", transport)
        self._siblings.add(self)
        previous = self.transport.get_protocol()
        if hasattr(previous, "parser"):
            # uvicorn's protocol and its parser refer to each other: together, several kilobytes a
            # connection, they would wait for the garbage collector.
            previous.parser = None

    def eof_received(self) -> None:
        """The client closed its side without a close frame: the transport now closes the other."""
        self._end(State.LEAVING)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The socket is gone."""
        self._end(State.LEAVING)
        assert self._timer is not None
        self._timer.cancel()
        self._siblings.discard(self)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to: from now on look at what is queued."""
        self._block(_Blocked.BY_CLIENT)

    def resume_writing(self) -> None:
        """It caught up."""
        self._unblock(_Blocked.BY_CLIENT)

    def keep_back(self) -> Queued | None:
        """An answer is being made that comes before all that is sent from now on: until :meth:`go_ahead`.

        Returns what comes before the answer, to be given back then.
        """
        earlier, self._queued = self._queued, None
        self._block(_Blocked.BEHIND_ANSWER)
        return earlier

    def go_ahead(self, earlier: Queued | None, answer: bytes) -> None:
        """Send an answer, maybe an empty one, and what was kept back behind it."""
        behind, self._queued = self._queued, earlier or Queued()
        if answer:
            self._queued.add(answer)
        while behind:
            self._queued.add(behind.take())
        self._unblock(_Blocked.BEHIND_ANSWER)

    def _block(self, reason: _Blocked) -> None:
        self._blocked |= reason
        self.direct = False
        self.express = -1

    def _unblock(self, reason: _Blocked) -> None:
        self._blocked &= ~reason
        while self._queued and not self._blocked:
            self.transport.write(self._queued.take())
        if not self._blocked:
            self._queued = None
            self.direct = self.state is State.OPEN
            if self.replay is not None:
                self.replay.go_on()

    @property
    def congested(self) -> bool:
        """Whether what is sent has to wait."""
        return self._blocked > 0

    @property
    def queued_bytes(self) -> int:
        """What was sent, but not yet taken by the kernel."""
        return self.transport.get_write_buffer_size() + len(self._queued or ())

    def all_has_arrived(self) -> bool:
        """Whether the client's machine has received everything that was sent, as far as TCP tells."""
        return not self.queued_bytes and unacknowledged_bytes(self.transport) == 0

    def give_up(self) -> None:
        """Close, so that the client comes back and learns what it has missed."""
        self.close(CloseStatus.TRY_LATER)

    def shutdown(self) -> None:
        """The server stops: close, at a random moment, or all clients would come back at once."""
        delay = random.random() * self._settings.drain_seconds  # noqa: S311 - no secret
        asyncio.get_running_loop().call_later(delay, self.close, CloseStatus.RESTART)

    def send(self, message: bytes) -> None:
        """Send a framed message; close instead if too much is queued already. After the end do nothing."""
        if self.state is not State.OPEN:
            return
        if self._blocked and self.queued_bytes > self._settings.realtime_max_queue_bytes:
            self._queued = None
            self.close(CloseStatus.TRY_LATER, "slow")
        else:
            self.write(message)

    def write(self, message: bytes) -> None:
        """Send what is framed already, however much is queued."""
        if self._blocked:
            if self._queued is None:
                self._queued = Queued()
            self._queued.add(message)
        else:
            self.transport.write(message)

    def close(self, status: CloseStatus, reason: str = "") -> None:  # noqa: ARG002 - for who counts them
        """Send a close frame and give the client a moment to answer it. After the end do nothing."""
        if self.state is State.OPEN:
            self.write(close_message(status))
            self._end(State.CLOSING)

    def look(self, rounds: int) -> None:
        """See whether the client is still there; called in even intervals.

        After half of ``rounds`` intervals of silence the client is pinged, after all of them closed.
        """
        if self._silence >= rounds:
            self.close(CloseStatus.SILENT)
        elif self._silence >= rounds // 2:
            self.ping()
        self._silence += 1

    def _upgrade(self, data: bytes) -> None:
        if self.state is not State.NEW:
            return  # it is gone already
        self.transport.resume_reading()
        head, _, early = data.partition(b"\r\n\r\n")
        handshake = _handshake(compression=self._settings.realtime_compression)
        try:
            request = parse_request(head)
        except (ValueError, InvalidHandshake):
            self._decline(handshake.reject(400, "The request is malformed.\n"))
            return
        if path_of(request) != PATH:
            self._decline(handshake.reject(404, "Nothing is here.\n"))
            return
        response = handshake.accept(request)
        if response.status_code != 101:
            handshake.handshake_exc = None
            self._decline(response)
            return
        self.transport.write(response.serialize())
        self.window = negotiated_window(handshake.extensions)
        self.state = State.OPEN
        self.direct = True
        self._reach_socket()
        self.opened(request)
        if early:
            self.data_received(early)

    def _reach_socket(self) -> None:
        """Let events be written past the transport, which then must never keep anything unnoticed."""
        if self.transport.get_extra_info("sslcontext") is None:
            self.transport.set_write_buffer_limits(high=0)
            self.descriptor = self.transport.get_extra_info("socket").fileno()
            if self.transport.get_write_buffer_size():
                self.pause_writing()  # only the HTTP protocol was told, if it was full before

    def _decline(self, response: Response) -> None:
        """Answer as an HTTP server."""
        self.transport.write(response.serialize())
        self._end(State.LEAVING)
        self.transport.close()

    def _finish(self, *, answered: bool, too_large: bool) -> None:  # noqa: ARG002 - for who counts them
        """The last close frame is written.

        A client that broke the protocol may be sending still. To close the socket then would reset it, and
        the client might never see why: it gets the end of the stream, and its own end closes the socket.
        """
        self._end(State.LEAVING)
        self._hand_over()
        if answered or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _hand_over(self) -> None:
        """Give the transport all that was queued."""
        queued, self._queued = self._queued, None
        while queued:
            self.transport.write(queued.take())

    def _end(self, state: State) -> None:
        self.state = max(state, self.state)
        self.direct = False
        self.express = -1
        self._read_no_more()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)
        self.ended()
