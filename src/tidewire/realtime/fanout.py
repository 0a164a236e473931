"""Writing events to all their receivers, the hot path of the server.

What costs most is the call into the kernel for each write. So events that wait already are written
together: one write for each receiver, however many of them it gets.

Nobody waits for a crowd. An event for few is written at once, one for many in slices, between which the
event loop serves others. Each connection gets its events in their order all the same: whoever is written to
gets all that is still due, what is older first, out of turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from tidewire.core.time import now
from tidewire.realtime.acknowledgements import Acknowledgements
from tidewire.realtime.frames import EventFrame, subscription_tail
from tidewire.realtime.index import Matches
from tidewire.realtime.meters import Meters
from tidewire.realtime.ranges import OneOrMore
from tidewire.realtime.scatter import scatter
from tidewire.realtime.subscriptions import Receiver, Subscription
from tidewire.realtime.turns import Turns

FEW: Final = 128
"""Receivers of an event that is written at once."""
SLICE: Final = 128
"""Writes after which the event loop gets to serve others: less than a millisecond."""
SLICE_BYTES: Final = 1024 * 1024
"""The same, for large events."""
EVENT_COST: Final = 8
"""What an event costs beside its writes, as if it were so many of them."""
BATCH_EVENTS: Final = 16
"""Events written together at most."""
BATCH_BYTES: Final = 64 * 1024
"""Bytes written together to one connection, so that quick clients do not look like slow ones."""

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Event:
    """One event on its way."""

    frame: EventFrame
    due: Matches
    """Who still gets it."""
    timestamp: int
    offset: int
    """In the log that the connections are told of; 0: it is of another one, or of none."""
    begun: bool = False
    """It is written in turns. All older ones of many receivers are too."""


class _Lane:
    """Receivers whose messages begin and end alike and go to their sockets as they are."""

    __slots__ = ("_end", "_head", "descriptors", "receivers", "tails")

    def __init__(self, head: bytes = b"", end: bytes = b"") -> None:
        self._head = head
        self._end = end
        self.receivers: list[Receiver] = []
        self.descriptors: list[int] = []
        self.tails: list[bytes] = []

    def write(self) -> None:
        """Write all; what a socket does not take is its transport's."""
        for place, taken in scatter(self.descriptors, self._head, self.tails, self._end):
            message = self._head + self.tails[place] + self._end
            self.receivers[place].transport.write(message[taken:])


class Fanout:
    """Delivers the events of one project, to each connection in their order.

    ``turns`` are those of all projects of the process. ``finished`` is called when events were written to
    everybody.
    """

    def __init__(
        self,
        turns: Turns,
        meters: Meters,
        acknowledgements: Acknowledgements,
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._turns = turns
        self._meters = meters
        self._acknowledgements = acknowledgements
        self._finished = finished
        self._events: list[_Event] = []
        """That some have still to get, the oldest first."""
        self._kept: list[_Event] = []
        """Those of them that wait for others to be written together with."""
        self._bytes = 0
        """Of all of them: what a connection is sent that gets them all."""
        self._spent = 0
        """Since the event loop last served others, in writes."""
        self._taking_turns = False
        self._waiting: list[asyncio.Future[None]] = []
        """Who waits until there is room for more events."""

    async def deliver(
        self, frame: EventFrame, matches: Matches, timestamp: int, offset: int, *, more: bool
    ) -> None:
        """Write ``frame`` to the receivers of ``matches``, which is used up; or begin to, if they are many.

        ``more``: another event waits already. Then this one may be kept until that comes or :meth:`flush` is
        called.
        """
        self._meters.frames += len(matches)
        self._meters.bytes += len(matches) * len(frame)
        event = _Event(frame, matches, timestamp, offset)
        self._events.append(event)
        self._kept.append(event)
        self._bytes += len(frame)
        if not more or len(self._kept) >= BATCH_EVENTS or self._bytes >= BATCH_BYTES:
            await self.flush()
        await self.pause(EVENT_COST)

    async def flush(self) -> None:
        """Write what is kept. What many get is begun, as soon as there is room for it."""
        kept, self._kept = self._kept, []
        for event in kept:
            if len(event.due) <= FEW:
                await self._write_at_once(event)
        self._drop_finished()
        for event in kept:
            if event.due:
                await self._begin(event)

    async def pause(self, cost: int = 0) -> None:
        """Let the event loop serve others if much was done since it last did."""
        self._spent += cost
        if self._spent >= SLICE:
            self._spent = 0
            await asyncio.sleep(0)

    def settle(self, receiver: Receiver) -> None:
        """Write all that a connection is still to get: what it is entitled to is about to change."""
        if self._events:
            message, offset = self._take_all(receiver)
            if message:
                self._hand_over(receiver, message, offset)

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended: it gets nothing more."""
        for event in self._events:
            event.due.pop(receiver, None)

    @property
    def is_idle(self) -> bool:
        """Whether everything has been written to everybody."""
        return not self._events

    async def _write_at_once(self, event: _Event) -> None:
        try:
            while event.due:
                self._spent += min(len(event.due), SLICE)
                self._write_slice(event)
                if self._spent >= SLICE:
                    await self.pause()
        finally:
            # Once in part delivered, it must not be delivered again.
            event.due.clear()

    async def _begin(self, event: _Event) -> None:
        while self._taking_turns and not self._has_room():
            room = asyncio.get_running_loop().create_future()
            self._waiting.append(room)
            await room
        event.begun = True
        if not self._taking_turns:
            self._taking_turns = True
            self._turns.enter(self._take_turn)

    def _has_room(self) -> bool:
        begun = [len(event.frame) for event in self._events if event.begun]
        return len(begun) < BATCH_EVENTS and sum(begun) < BATCH_BYTES

    def written(self, matched: int) -> int:
        """Offset up to which everybody was written everything; ``matched``: up to which it was matched."""
        return next((event.offset - 1 for event in self._events if event.offset), matched)

    def _take_turn(self) -> None:
        """Write a slice of the oldest event that is begun, and to its receivers all else that they get."""
        event = next((event for event in self._events if event.begun), None)
        if event is not None:  # or else all have got it already, out of turn
            try:
                self._write_slice(event)
            except Exception:
                _log.exception("event not delivered to all")
                event.due.clear()
        self._drop_finished()
        self._taking_turns = any(event.begun for event in self._events)
        if self._taking_turns:
            self._turns.enter(self._take_turn)

    def _write_slice(self, event: _Event) -> None:
        """Write an event to some of its receivers, and to these all else that they are still to get."""
        count = min(len(event.due), max(1, min(SLICE, SLICE_BYTES // self._bytes)))
        if len(self._events) == 1:
            self._write_alone(event, count)
        else:
            self._write_joined(list(islice(reversed(event.due), count)))

    def _write_alone(self, event: _Event, count: int) -> None:
        frame, offset, current = event.frame, event.offset, self._acknowledgements.round
        take = event.due.popitem
        lanes: dict[tuple[int, int], _Lane] = {}
        lane, window, length = _Lane(), -1, -1
        try:
            for _ in range(count):
                receiver, matched = take()
                if receiver.express != current or matched.__class__ is not Subscription:
                    self._hand_over(receiver, b"".join(_parts(frame, matched, receiver.window)), offset)
                    continue
                if offset:
                    receiver.sent = offset
                tail = matched.tail
                if len(tail) != length or receiver.window != window:
                    window, length = key = receiver.window, len(tail)
                    lane = lanes.get(key) or lanes.setdefault(key, _Lane(*frame.around(length, window)))
                lane.receivers.append(receiver)
                lane.descriptors.append(receiver.descriptor)
                lane.tails.append(tail)
        finally:
            # Whatever fails for one: these count as written to already.
            for lane in lanes.values():
                lane.write()

    def _write_joined(self, receivers: Sequence[Receiver]) -> None:
        current = self._acknowledgements.round
        lane = _Lane()
        try:
            for receiver in receivers:
                message, offset = self._take_all(receiver)
                if receiver.express == current:
                    receiver.sent = offset or receiver.sent
                    lane.receivers.append(receiver)
                    lane.descriptors.append(receiver.descriptor)
                    lane.tails.append(message)
                else:
                    self._hand_over(receiver, message, offset)
        finally:
            lane.write()

    def _take_all(self, receiver: Receiver) -> tuple[bytes, int]:
        """All that a connection is still to get, and the offset of the last of it."""
        parts: list[bytes] = []
        offset = 0
        for event in self._events:
            matched = event.due.pop(receiver, None)
            if matched is not None:
                offset = event.offset or offset
                parts += _parts(event.frame, matched, receiver.window)
        return b"".join(parts), offset

    def _hand_over(self, receiver: Receiver, message: bytes, offset: int) -> None:
        """Write frames, the last of them that of the event at ``offset``, whatever the connection's state."""
        if offset:
            current = self._acknowledgements.round
            if receiver.round != current:
                message = self._acknowledgements.ask(receiver, message, offset)
            receiver.sent = offset
            if receiver.direct and receiver.descriptor >= 0:
                receiver.express = current
        if receiver.direct:
            receiver.transport.write(message)
        else:
            receiver.send(message)

    def _drop_finished(self) -> None:
        """Be done with the events that all have got."""
        finished = [event for event in self._events if not event.due]
        if not finished:
            return
        moment = now()
        for event in finished:
            self._meters.latency.add((moment - event.timestamp) / 1000)
            self._bytes -= len(event.frame)
            self._events.remove(event)
        self._finished()
        waiting, self._waiting = self._waiting, []
        for room in waiting:
            if not room.done():
                room.set_result(None)


def _parts(frame: EventFrame, matched: OneOrMore, window: int) -> tuple[bytes, ...]:
    """The message of a receiver, in parts that are copied once."""
    if isinstance(matched, Subscription):
        head, end = frame.around(len(matched.tail), window)
        return head, matched.tail, end
    return (frame.message(subscription_tail(subscription.id for subscription in matched), window),)
