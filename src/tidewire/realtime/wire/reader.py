"""What arrives on a WebSocket: read a little at a time, within a budget, and then not at all."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.receivers.subscriptions import Receiver
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS
from tidewire.realtime.wire.flood import BUDGET_SECONDS, BYTES_A_UNIT, Flood, Flow
from tidewire.realtime.wire.frame_reader import Inbound, read_alone
from tidewire.settings import Settings

ALONE_BYTES: Final = 4096
"""Of one frame that is read by itself."""
STEP_BYTES: Final = 256
"""Read at once; the smallest frames take some ten microseconds each, and six bytes."""


class Inflow(Receiver):
    """The reading side of a connection. When idle it owns no buffer.

    What arrives is read a little at a time: the rest waits until others had their turn, and meanwhile the
    socket is not read, so that its client's system holds back what it still has. A client that goes on
    sending more than its budget is closed.
    """

    __slots__ = (
        "_flood",
        "_flow",
        "_in_turn",
        "_inbound",
        "_paid_until",
        "_settings",
        "_silence",
        "_unread",
        "state",
    )

    def __init__(self, settings: Settings, flow: Flow) -> None:
        super().__init__()
        self.transport: asyncio.Transport
        self.state = State.NEW
        self._settings = settings
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
        self._silence = 0
        """Times that the connection was looked at since anything arrived."""

    def received(self, text: str) -> None:
        """Called for each message."""
        raise NotImplementedError

    def pong(self, payload: bytes) -> None:
        """Called for each answer to a ping."""
        raise NotImplementedError

    def close(self, status: CloseStatus, reason: str = "") -> None:
        """Send a close frame and give the client a moment to answer it. After the end do nothing.

        ``reason``: one word, where the status does not tell.
        """
        raise NotImplementedError

    def _upgrade(self, data: bytes) -> None:
        """Called with the head of the request, and what came right behind it."""
        raise NotImplementedError

    def _finish(self, *, answered: bool, too_large: bool) -> None:
        """Called when the last close frame is written; ``answered``: the client has sent one too.

        ``too_large``: it was about a message that is larger than it may be.
        """
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Take bytes: at first the whole head of the request, with frames that came right behind it, if any;
        then frames.
        """
        self._silence = 0
        if self.state is State.OPEN and self._unread is None:
            if self._inbound is None and len(data) <= ALONE_BYTES:
                alone = read_alone(data, self._settings.realtime_max_message_bytes)
                if alone is not None:
                    if isinstance(alone, str):
                        self.spend(1)
                        self.received(alone)
                    else:
                        asked = self.asked
                        self.pong(alone)
                        self.spend(1, alone=self.asked != asked)
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

    def spend(self, units: float, *, alone: bool = False) -> None:
        """Count what was sent against the budget of the connection, and of its address unless ``alone``."""
        now = time.monotonic()
        self._paid_until = max(self._paid_until, now) + units / self._settings.realtime_flood_rate
        if self.is_unlimited or self.state is not State.OPEN:
            return
        if self._paid_until - now > BUDGET_SECONDS:
            self._rest(now)
        if not alone and self.origin:
            ahead = self._flow.addresses.spend(self.origin, units, now)
            if ahead > BUDGET_SECONDS:
                self._rest_with_others(ahead)

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

    def _rest_with_others(self, ahead: float) -> None:
        """The budget of the address is used up, maybe by others: read nothing until half of it is there."""
        self._flood = flood = self._flood or Flood()
        if not flood.rests and self.state is State.OPEN:
            self.transport.pause_reading()
            flood.rest(ahead - BUDGET_SECONDS / 2, self.read_on)

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
            self._finish(answered=received.closed > 0, too_large=received.too_large)

    def _give_way(self) -> None:
        self.close(CloseStatus.TRY_LATER, "unfinished")

    def _new_inbound(self) -> Inbound:
        settings = self._settings
        # A frame that subscribes may hold all that a connection may be subscribed to: SDKs that come back
        # send it in one.
        longest = settings.realtime_max_message_bytes + settings.realtime_max_subscription_bytes
        return Inbound(longest, compressed=self.window > 0)

    def _read_no_more(self) -> None:
        """Nothing that still arrives matters."""
        self._inbound = None
        self._unread = None
        self._flow.unfinished.end(self)
        if self._flood is not None:
            self._flood.cancel()
        if not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()  # or its end would not be noticed
