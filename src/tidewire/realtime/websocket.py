"""One WebSocket on its transport: upgrade, messages in, frames out, close; not what they mean."""

from __future__ import annotations

import asyncio
import fcntl
import random
import sys
import termios
import time
from enum import IntEnum, IntFlag
from functools import cache, partial
from typing import Any, Final, cast

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from tidewire.realtime.compression import OFFERS, negotiated_window
from tidewire.realtime.flood import BUDGET_SECONDS, BYTES_A_UNIT, Flood, Flow
from tidewire.realtime.frames import close_message
from tidewire.realtime.inbound import Inbound, read_alone
from tidewire.realtime.queued import Queued
from tidewire.realtime.request import parse_request, path_of
from tidewire.realtime.subscriptions import Receiver
from tidewire.realtime.turns import PIECE_SECONDS
from tidewire.settings import Settings

PATH: Final = "/v1/realtime"
CLOSE_SECONDS: Final = 3.0
"""How long a client may take to read what it was sent and to answer a close frame; then it is cut off."""

ALONE_BYTES: Final = 4096
"""Of one frame that is read by itself."""
STEP_BYTES: Final = 256
"""Read at once; the smallest frames take some ten microseconds each, and six bytes."""


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


class CloseStatus(IntEnum):
    """Statuses of close frames; RFC 6455 has those of broken frames."""

    SILENT = 1001
    """Nothing came from the client for long."""
    REFUSED = 1008
    """SDKs do not come back."""
    TOO_LARGE = 1009
    """A message has more bytes than one of its kind may have."""
    INTERNAL_ERROR = 1011
    RESTART = 1012
    """The server stops; after a moment another one may be there."""
    TRY_LATER = 1013
    """Over a limit, or too slow to read what it is sent."""


class _Blocked(IntFlag):
    """Why what is sent is not written yet."""

    BY_CLIENT = 1
    """It reads more slowly than it is sent to."""
    BEHIND_ANSWER = 2
    """An answer that is being made comes first."""


class State(IntEnum):
    """The life of a socket, in order."""

    NEW = 0
    OPEN = 1
    CLOSING = 2
    """A close frame was sent and its answer is waited for."""
    LEAVING = 3
    """Nothing that still arrives matters."""


class WebSocket(Receiver, asyncio.Protocol):
    """The socket of one connection. When idle it owns no task, timer or buffer.

    ``siblings`` is uvicorn's set of connections: those in it are shut down with the server.

    What arrives is read a little at a time: the rest waits until others had their turn, and meanwhile the
    socket is not read, so that its client's system holds back what it still has. A client that goes on
    sending more than its budget is closed.
    """

    __slots__ = (
        "_blocked",
        "_flood",
        "_flow",
        "_in_turn",
        "_inbound",
        "_paid_until",
        "_queued",
        "_settings",
        "_siblings",
        "_silence",
        "_timer",
        "_unread",
        "state",
    )

    def __init__(self, settings: Settings, siblings: set[Any], flow: Flow) -> None:
        super().__init__()
        self.transport: asyncio.Transport
        self.state = State.NEW
        self._settings = settings
        self._siblings = siblings
        self._flow = flow
        self._unread: memoryview | None = None
        """What arrived and is not read yet; None: nothing."""
        self._in_turn = False
        """It waits for its turn to read on."""
        self._paid_until = 0.0
        """When what was sent would be paid for at the rate that is allowed; monotonic time."""
        self._flood: Flood | None = None
        """None: it never used up its budget."""
        self._inbound: Inbound | None = None
        """None between messages."""
        self._timer: asyncio.TimerHandle | None = None
        """Set while the connection ends."""
        self._blocked = 0
        """Reasons, as in :class:`_Blocked`."""
        self._queued: Queued | None = None
        """What was sent while the transport still had something to write; None: nothing."""
        self._silence = 0
        """Times that the connection was looked at since anything arrived."""

    def opened(self, request: Request) -> None:
        """Called once the client has its 101."""
        raise NotImplementedError

    def received(self, text: str) -> None:
        """Called for each message."""
        raise NotImplementedError

    def ping(self) -> None:
        """Ask for a sign of life."""
        raise NotImplementedError

    def pong(self, payload: bytes) -> None:
        """Called for each answer to a ping."""
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

    def data_received(self, data: bytes) -> None:
        """Take bytes: at first the whole head of the request, with frames that came right behind it, if any;
        then frames.
        """
        self._silence = 0
        if self.state is State.OPEN and self._unread is None:
            if self._inbound is None and len(data) <= ALONE_BYTES:
                alone = read_alone(data, self._settings.realtime_max_message_bytes)
                if alone is not None:
                    self.spend(1)
                    if isinstance(alone, str):
                        self.received(alone)
                    else:
                        self.pong(alone)
                    return
            if len(data) <= STEP_BYTES:
                self._receive(data)
                return
        if self.state is State.NEW:
            self.transport.pause_reading()
            self._flow.upgrades.enter(partial(self._upgrade, data))
        elif self.state is not State.LEAVING:
            self._unread = memoryview(data if self._unread is None else bytes(self._unread) + data)
            self.read_on()

    def spend(self, units: float) -> None:
        """Count what was sent against the budget of the connection."""
        now = time.monotonic()
        self._paid_until = max(self._paid_until, now) + units / self._settings.realtime_flood_rate
        if self._paid_until - now > BUDGET_SECONDS and self.state is State.OPEN and not self.is_unlimited:
            self._rest(now)

    @property
    def is_unlimited(self) -> bool:
        """Whether it may send as much as it likes."""
        return not self._settings.rate_limits

    @property
    def is_overloaded(self) -> bool:
        """Whether nothing more is to be read for now; who ends that calls :meth:`read_on`."""
        return self._flood is not None and self._flood.rests

    def read_on(self) -> None:
        """Read what waits and then what arrives, unless there is too much to do already."""
        if self._in_turn or self.state in {State.NEW, State.LEAVING}:
            return
        if self.is_overloaded or self._unread is not None:
            self.transport.pause_reading()
        elif not self.transport.is_reading():
            self.transport.resume_reading()
        if self._unread is not None and not self.is_overloaded:
            self._in_turn = True
            self._flow.reading.enter(self._read_some)

    def _read_some(self) -> None:
        self._in_turn = False
        end = time.perf_counter() + PIECE_SECONDS
        while self._unread is not None and not self.is_overloaded and time.perf_counter() < end:
            piece, rest = bytes(self._unread[:STEP_BYTES]), self._unread[STEP_BYTES:]
            self._unread = rest or None
            self._receive(piece)
        self.read_on()

    def _rest(self, now: float) -> None:
        """The budget is used up: read nothing until half of it is there again, or close."""
        self._flood = flood = self._flood or Flood()
        if flood.rests:
            return
        excess = min(self._paid_until - now, 2 * BUDGET_SECONDS)
        self._paid_until = now + excess
        if not flood.strike():
            self.close(CloseStatus.TRY_LATER, "flood")
            return
        self.transport.pause_reading()
        flood.rest(excess - BUDGET_SECONDS / 2, self.read_on)

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
        """Send a close frame and give the client a moment to answer it. After the end do nothing.

        ``reason``: one word, where the status does not tell.
        """
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

    def _receive(self, data: bytes) -> None:
        inbound = self._inbound or self._new_inbound()
        received = inbound.receive(data)
        if self.state is State.CLOSING:
            self._inbound = inbound
            if received.ended:
                self.transport.close()
            return
        self._inbound = None if inbound.idle else inbound
        if inbound.held > self._settings.realtime_max_message_bytes:
            self._flow.unfinished.begin(self, self._give_way)
        else:
            self._flow.unfinished.end(self)
        self.spend(received.frames + len(data) / BYTES_A_UNIT)
        for payload in received.pongs:
            self.pong(payload)
        for step in received.steps:
            if self.state is not State.OPEN:
                break  # an earlier one has ended the connection
            if isinstance(step, str):
                self.received(step)
            else:
                self.send(step)
        if received.ended and self.state is State.OPEN:
            self.left = received.closed
            self._finish(answered=received.closed > 0)

    def _give_way(self) -> None:
        self.close(CloseStatus.TRY_LATER, "try_later")

    def _new_inbound(self) -> Inbound:
        settings = self._settings
        # A frame that subscribes may hold all that a connection may be subscribed to: SDKs that come back
        # send it in one.
        longest = settings.realtime_max_message_bytes + settings.realtime_max_subscription_bytes
        return Inbound(longest, compressed=self.window > 0)

    def _finish(self, *, answered: bool) -> None:
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
        self._inbound = None
        self._unread = None
        self._flow.unfinished.end(self)
        if self._flood is not None:
            self._flood.cancel()
        if not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()  # or its end would not be noticed
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)
        self.ended()
