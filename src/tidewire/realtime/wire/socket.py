"""The socket below every wire: its life, its budget for reading, and its queue for writing."""

from __future__ import annotations

import asyncio
import fcntl
import random
import sys
import termios
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag
from functools import partial
from typing import Any, Final, cast

from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import INTERNAL, TOO_MUCH, MessageError
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.wire.budgets import BUDGET_SECONDS, AddressBudgets, LargeMessages, ReadingPause
from tidewire.realtime.wire.contract import ENDED, Wire, WireUser
from tidewire.realtime.wire.write_queue import WriteQueue
from tidewire.settings import Settings

CLOSE_SECONDS: Final = 3.0
"""How long a client may take to read what it was sent and to answer a close frame; then it is cut off."""


@dataclass(frozen=True)
class WireContext:
    """What all wires of a process share."""

    settings: Settings
    addresses: AddressBudgets
    reading: LoopScheduler
    """Schedules the reading of what arrived at once, and of long messages."""
    session: Callable[[Wire], WireUser]
    """Makes the session of a new wire."""
    graphql_session: Callable[[Wire], WireUser] | None = None
    """Makes the session of a WebSocket on which GraphQL is spoken; None: it is not."""
    upgrades: LoopScheduler = field(default_factory=LoopScheduler)
    """Schedules the opening requests: after a restart all clients come back within a second."""
    large_messages: LargeMessages = field(default_factory=LargeMessages)
    siblings: set[Any] = field(default_factory=set)
    """uvicorn's set of connections: those in it are shut down with the server."""


class _Blocked(IntFlag):
    """Why what is sent is not written yet."""

    BY_CLIENT = 1
    """The client reads more slowly than it is sent to."""
    BEHIND_ANSWER = 2
    """An answer that is being made comes first."""


def unacknowledged_bytes(transport: asyncio.Transport) -> int | None:
    """Bytes that the kernel took but the other machine has not acknowledged; None if it cannot tell."""
    raw = transport.get_extra_info("socket")
    try:
        count = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))  # SIOCOUTQ, by its older name
    except (OSError, ValueError, AttributeError):
        return None
    return int.from_bytes(count, sys.byteorder)


class SocketWire(asyncio.Protocol, ABC):
    """The socket of one connection. When idle it owns no task, timer or buffer.

    A client that sends more than its budget is not read for a while, then closed; one that does not read is
    closed once more than ``realtime_max_queue_bytes`` wait for it.
    """

    __slots__ = (
        "_blocked", "_context", "_paid_until", "_pause", "_queued", "_silence", "_timer", "session", "state",
        "transport",
    )  # fmt: skip

    acknowledges = False
    writes_past_transport = False
    """Whether event frames may go to the transport, or the socket, without passing through :meth:`write`."""

    def __init__(self, context: WireContext) -> None:
        self.transport: asyncio.Transport
        self.state = State.NEW
        self._context = context
        self._timer: asyncio.TimerHandle | None = None
        """The timer that cuts the connection off; set while it ends."""
        self._blocked = 0
        """The reasons why nothing is written, as in :class:`_Blocked`."""
        self._queued: WriteQueue | None = None
        """What was sent while the transport still had something to write; None: nothing."""
        self._paid_until = 0.0
        """The time at which what the client sent would be paid for at the rate that is allowed, by the
        monotonic clock."""
        self._pause: ReadingPause | None = None
        """The pauses of the client; None if it never used up its budget."""
        self._silence = 0
        """Times that the connection was looked at since anything arrived."""
        self.session: WireUser = context.session(self)

    @abstractmethod
    def look(self, rounds: int) -> None:
        """See whether the client is still there; called in even intervals.

        ``rounds``: intervals of silence after which a client counts as gone.
        """

    @abstractmethod
    def _framed(self, text: bytes, position: str = "") -> bytes:
        """A message as this wire frames it."""

    @abstractmethod
    def _open(self, data: bytes) -> None:
        """Answer the opening request, with which ``data`` begins."""

    @abstractmethod
    def _say_goodbye(self, status: CloseStatus, told: str) -> None:
        """Tell the client why it is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket of an HTTP connection."""
        # uvloop's transports are asyncio's in all but their base class.
        self.transport = self.session.transport = cast("asyncio.Transport", transport)
        self._context.siblings.add(self)
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
        self._context.siblings.discard(self)
        self.session = ENDED

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to: from now on what is sent is queued here."""
        self._block(_Blocked.BY_CLIENT)

    def resume_writing(self) -> None:
        """The client caught up."""
        self._unblock(_Blocked.BY_CLIENT)

    def shutdown(self) -> None:
        """The server stops: close, at a random moment, or all clients would come back at once."""
        delay = random.random() * self._context.settings.drain_seconds  # noqa: S311 - no secret
        asyncio.get_running_loop().call_later(delay, self.close, CloseStatus.RESTART)

    def is_open(self) -> bool:
        """See :class:`Wire`."""
        return self.state is State.OPEN

    @property
    def congested(self) -> bool:
        """See :class:`Wire`."""
        return self._blocked > 0

    @property
    def queued_bytes(self) -> int:
        """See :class:`Wire`."""
        return self.transport.get_write_buffer_size() + len(self._queued or ())

    @property
    def peer(self) -> str:
        """See :class:`Wire`."""
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def all_has_arrived(self) -> bool:
        """See :class:`Wire`."""
        return not self.queued_bytes and unacknowledged_bytes(self.transport) == 0

    def send(self, framed: bytes) -> None:
        """See :class:`Wire`."""
        if self.state is not State.OPEN:
            return
        if self._blocked and self.queued_bytes > self._context.settings.realtime_max_queue_bytes:
            self._queued = None
            self.close(CloseStatus.TRY_LATER, "slow")
        else:
            self.write(framed)

    def write(self, framed: bytes) -> None:
        """See :class:`Wire`."""
        if self._blocked:
            if self._queued is None:
                self._queued = WriteQueue()
            self._queued.add(framed)
        else:
            self.transport.write(framed)

    def send_text(self, *texts: bytes, position: str = "") -> None:
        """See :class:`Wire`."""
        if texts:
            self.send(b"".join([self._framed(text, position) for text in texts]))

    def tell_position(self, position: str) -> None:
        """See :class:`Wire`; most clients do not resume by themselves."""

    def refuse(self, error: MessageError) -> None:
        """See :class:`Wire`."""
        self.send_text(frames.error(error.code, error.message, error.kind, error.explanation))
        if error.code == INTERNAL:
            self.close(CloseStatus.INTERNAL_ERROR)
        else:
            self.close(CloseStatus.TRY_LATER if error.code == TOO_MUCH else CloseStatus.REFUSED)

    def close(self, status: CloseStatus, reason: str = "", told: str = "") -> None:
        """See :class:`Wire`."""
        if self.state is State.OPEN:
            self.session.closed(reason or status.name.lower())
            self._say_goodbye(status, told)

    def abort(self) -> None:
        """See :class:`Wire`."""
        self.transport.abort()

    def keep_back(self) -> WriteQueue | None:
        """See :class:`Wire`."""
        earlier, self._queued = self._queued, None
        self._block(_Blocked.BEHIND_ANSWER)
        return earlier

    def go_ahead(self, earlier: WriteQueue | None, answer: list[bytes]) -> None:
        """See :class:`Wire`."""
        if self.state is State.LEAVING:
            return  # the end of the stream may be written already
        behind, self._queued = self._queued, earlier or WriteQueue()
        for text in answer:
            self.write(self._framed(text))
        while behind:
            self._queued.add(behind.take())
        self._unblock(_Blocked.BEHIND_ANSWER)

    def read_on(self) -> None:
        """See :class:`Wire`."""
        if self.state in {State.NEW, State.LEAVING}:
            return
        if self._is_overloaded:
            self.transport.pause_reading()
        elif not self.transport.is_reading():
            self.transport.resume_reading()

    def spend(self, units: float, *, alone: bool = False) -> None:
        """See :class:`Wire`. ``alone``: do not count it against the budget of the address."""
        now = time.monotonic()
        self._paid_until = max(self._paid_until, now) + units / self._context.settings.realtime_flood_rate
        if self.state is not State.OPEN or self.session.is_unlimited:
            return
        if self._paid_until - now > BUDGET_SECONDS:
            self._use_up_budget(now)
        origin = self.session.origin
        if not alone and origin:
            ahead = self._context.addresses.spend(origin, units, now)
            if ahead > BUDGET_SECONDS and self.state is State.OPEN:
                # Others may have used it up: this is no strike against the connection.
                self._pause_reading(ahead - BUDGET_SECONDS / 2)
                self.session.held_up("frames of an address")

    @property
    def _is_overloaded(self) -> bool:
        """Whether nothing more is to be read for now; who ends that calls :meth:`read_on`."""
        return (self._pause is not None and self._pause.lasts) or self.session.is_overloaded

    def _use_up_budget(self, now: float) -> None:
        """Read nothing until half of the budget is there again; or close, if that was so too often."""
        self.session.held_up("frames of a connection")
        self._pause = self._pause or ReadingPause()
        if self._pause.lasts:
            return
        excess = min(self._paid_until - now, 2 * BUDGET_SECONDS)
        self._paid_until = now + excess
        if not self._pause.strike():
            self.close(CloseStatus.TRY_LATER, "flood")
            return
        self._pause_reading(excess - BUDGET_SECONDS / 2)

    def _pause_reading(self, seconds: float) -> None:
        self._pause = self._pause or ReadingPause()
        if not self._pause.lasts:
            self.transport.pause_reading()
            self._pause.begin(seconds, self.read_on)

    def _open_in_turn(self, data: bytes) -> None:
        """Answer the opening request when it is its turn; nothing more is read until then."""
        self.transport.pause_reading()
        self._context.upgrades.enter(partial(self._open_now, data))

    def _open_now(self, data: bytes) -> None:
        if self.state is State.NEW:  # else it is gone already
            self.transport.resume_reading()
            self._open(data)

    def _block(self, reason: _Blocked) -> None:
        self._blocked |= reason
        self.session.direct = False
        self.session.fast_round = -1

    def _unblock(self, reason: _Blocked) -> None:
        self._blocked &= ~reason
        while self._queued and not self._blocked:
            self.transport.write(self._queued.take())
        if not self._blocked:
            self._queued = None
            self.session.direct = self.writes_past_transport and self.state is State.OPEN
            if self.session.replay is not None:
                self.session.replay.go_on()

    def _hand_over(self) -> None:
        """Give the transport all that was queued."""
        queued, self._queued = self._queued, None
        while queued:
            self.transport.write(queued.take())

    def _end(self, state: State) -> None:
        self.state = max(state, self.state)
        self.session.direct = False
        self.session.fast_round = -1
        if self._pause is not None:
            self._pause.cancel()
        if not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()  # or its end would not be noticed
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.transport.abort)
        self.session.ended()
