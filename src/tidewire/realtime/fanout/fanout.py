"""Fan-out: writing events to all their receivers, the hot path of the server.

The call into the kernel for each write costs most. So events that wait already are written together: one
write for each receiver, however many of them it gets.

An event with few receivers is written at once. One with many is written in slices, between which the event
loop serves others and smaller events overtake it. Each connection gets its events in their order all the
same: a receiver that is written to out of turn gets all events that it is still due, the oldest first.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from tidewire.core.time import now
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.delivery import Delivery
from tidewire.realtime.fanout.writer import Writer
from tidewire.realtime.matching.audience import Audience
from tidewire.realtime.protocol.event_frames import EventFrame
from tidewire.realtime.protocol.framing import MAX_TAIL
from tidewire.realtime.receivers.receiver import Receiver, give_up
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.runtime.meters import Meters

FEW: Final = 128
"""The most receivers of an event that is written to all of them at once."""
SLICE: Final = 128
"""Writes of small events, however many events, after which the event loop gets to serve others."""
SLICE_BYTES: Final = 1024 * 1024
"""Bytes written after which the event loop gets to serve others in any case."""
EVENT_COST: Final = 8
"""What an event costs besides its writes, counted in writes."""
BATCH_EVENTS: Final = 16
"""The most events that are written together."""
BATCH_BYTES: Final = 64 * 1024
"""The most bytes written together to one connection: more would make quick clients look slow."""
FIRST: Final = 128
"""Writes in the first slice, which take less than a millisecond."""
LEAST: Final = 64
"""Writes in each slice while the event loop has others to serve."""
MOST: Final = 512
"""Writes in a slice after nobody else was served for a while, which take some milliseconds at most."""
BUSY_SECONDS: Final = 50e-6
"""Time between two slices that shows that others were served: an idle loop takes a tenth of it."""

_log: Final = structlog.get_logger(__name__)


class SliceSizer:
    """Sizes the slices of one piece of work at a time."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A piece of work begins, with its first slice to come."""
        self._size = FIRST
        self._ended = math.inf

    def size(self) -> int:
        """How many writes the slice has that begins now."""
        if time.perf_counter() - self._ended > BUSY_SECONDS:
            self._size = LEAST
        return self._size

    def end_slice(self) -> None:
        """The slice has ended, and the event loop serves whoever is there."""
        self._size = min(2 * self._size, MOST)
        self._ended = time.perf_counter()


class Fanout:
    """Delivers the events of one project, to each connection in their order.

    A connection whose write fails, and one that may have missed an event because memory ran out, is closed,
    so that its client comes back and gets the event from the log. ``scheduler`` is that of all projects of
    the process. ``finished`` is called when events were written to everybody.
    """

    def __init__(
        self,
        scheduler: LoopScheduler,
        meters: Meters,
        acknowledgements: Acknowledgements,
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._scheduler = scheduler
        self._meters = meters
        self._writer = Writer(acknowledgements)
        self._finished = finished
        self._deliveries: list[Delivery] = []
        """Events that some receivers still have to get, the oldest first."""
        self._kept: list[Delivery] = []
        """Deliveries that wait for more events to be written together with."""
        self._bytes = 0
        """Size of all deliveries: what a connection is sent that gets them all."""
        self._spent = 0
        """Work since the event loop last served others, in writes."""
        self._taking_turns = False
        self._slice_sizer = SliceSizer()
        self._waiting: list[asyncio.Future[None]] = []
        """Callers that wait until there is room for more events."""

    async def deliver(
        self, frame: EventFrame, audience: Audience, timestamp: int, offset: int, *, more: bool
    ) -> None:
        """Write ``frame`` to the connections of ``audience``; or begin to, if they are many.

        ``more``: another event waits already, and this one may be kept until that one comes or :meth:`flush`
        is called.
        """
        self.add(frame, audience, timestamp, offset)
        if not more or len(self._kept) >= BATCH_EVENTS or self._bytes >= BATCH_BYTES:
            await self.flush()
        await self.pause(EVENT_COST)

    def add(self, frame: EventFrame, audience: Audience, timestamp: int, offset: int) -> None:
        """Have ``frame`` written to the connections of ``audience``, at the latest by :meth:`flush`."""
        self._meters.frames += len(audience)
        self._meters.bytes += len(audience) * len(frame)
        delivery = Delivery(frame, audience, timestamp, offset)
        self._deliveries.append(delivery)
        self._kept.append(delivery)
        self._bytes += len(frame)

    async def flush(self) -> None:
        """Write what is kept. Writing events with many receivers is only begun, as soon as there is room for
        them."""
        kept, self._kept = self._kept, []
        for delivery in kept:
            if delivery.left <= FEW:
                await self._write_at_once(delivery)
        self._drop_finished()
        for delivery in kept:
            if delivery.left:
                await self._begin(delivery)

    async def pause(self, cost: int = 0) -> None:
        """Let the event loop serve others if much was done since it last did."""
        self._spent += cost
        if self._spent >= SLICE:
            self._spent = 0
            await asyncio.sleep(0)

    def settle(self, receiver: Receiver) -> None:
        """Write all events that a connection is still due: what it is entitled to is about to change."""
        if self._deliveries:
            message, offset = self._take_all(receiver)
            if message:
                self._writer.write_all([receiver], [message], offset)

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended: it gets nothing more."""
        for delivery in self._deliveries:
            delivery.take(receiver)

    @property
    def is_idle(self) -> bool:
        """Whether everything has been written to everybody."""
        return not self._deliveries

    def written(self, matched: int) -> int:
        """Offset up to which all events were written to everybody; ``matched``: up to which they were
        matched."""
        return next((delivery.offset - 1 for delivery in self._deliveries if delivery.offset), matched)

    async def _write_at_once(self, delivery: Delivery) -> None:
        try:
            while delivery.left:
                self._spent += min(delivery.left, SLICE)
                self._write_slice(delivery, SLICE)
                if self._spent >= SLICE:
                    await self.pause()
        finally:
            # Once in part delivered, it must not be delivered again.
            delivery.abandon()

    async def _begin(self, delivery: Delivery) -> None:
        while self._taking_turns and not self._has_room():
            room = asyncio.get_running_loop().create_future()
            self._waiting.append(room)
            await room
        delivery.begun = True
        if not self._taking_turns:
            self._taking_turns = True
            self._slice_sizer.begin()
            self._scheduler.enter(self._take_turn)

    def _has_room(self) -> bool:
        begun = [len(delivery.frame) for delivery in self._deliveries if delivery.begun]
        return len(begun) < BATCH_EVENTS and sum(begun) < BATCH_BYTES

    def _take_turn(self) -> None:
        """Write a slice of the oldest event that is begun, and to its receivers all else that they get."""
        delivery = next((delivery for delivery in self._deliveries if delivery.begun), None)
        if delivery is not None and delivery.left:  # or else all have got it already, out of turn
            self._write_slice(delivery, self._slice_sizer.size())
        self._drop_finished()
        self._taking_turns = any(delivery.begun for delivery in self._deliveries)
        if self._taking_turns:
            self._scheduler.enter(self._take_turn)
        self._slice_sizer.end_slice()

    def _write_slice(self, delivery: Delivery, size: int) -> None:
        """Write an event to some of its receivers, and to these all other events that they are still due.

        If that fails, because memory runs out, all who may not have got the event are given up.
        """
        start, stop = delivery.next_slice(max(1, min(size, SLICE_BYTES // self._bytes)))
        try:
            alike = self._due_alike(delivery, start, stop)
            if alike:
                self._write_alike(alike, start, stop)
            else:
                self._write_each(delivery, start, stop)
        except Exception:
            _log.exception("event not delivered to all")
            for receiver in delivery.audience.receivers[start:]:
                give_up(receiver)
            delivery.abandon()

    def _due_alike(self, delivery: Delivery, start: int, stop: int) -> list[Delivery]:
        """The events that the receivers at these places are due, if they are the same for all; else none."""
        (length, _), _ = delivery.audience.shape(start)
        if length > MAX_TAIL:
            return []
        if len(self._deliveries) == 1:
            return [delivery]
        found = []
        for other in self._deliveries:
            due = other.due_in(start, stop) if other.audience is delivery.audience else -1
            if due == stop - start:
                found.append(other)
            elif due:
                return []
        return found

    def _write_alike(self, deliveries: Sequence[Delivery], start: int, stop: int) -> None:
        audience = deliveries[0].audience
        done = deliveries[0].done if len(deliveries) == 1 else None
        (length, form), _ = audience.shape(start)
        around = [delivery.frame.around(length, form) for delivery in deliveries]
        offset = max(delivery.offset for delivery in deliveries)
        for delivery in deliveries:
            delivery.pass_over(start, stop)
        self._writer.write(audience.receivers, audience.tails, start, stop, done, around, offset)

    def _write_each(self, delivery: Delivery, start: int, stop: int) -> None:
        """Write to receivers that are due different events."""
        written: dict[int, tuple[list[Receiver], list[bytes]]] = {}
        for receiver in delivery.audience.receivers[start:stop]:
            message, offset = self._take_all(receiver)
            if message:
                receivers, messages = written.setdefault(offset, ([], []))
                receivers.append(receiver)
                messages.append(message)
        for offset, (receivers, messages) in written.items():
            self._writer.write_all(receivers, messages, offset)

    def _take_all(self, receiver: Receiver) -> tuple[bytes, int]:
        """The frames of all events that a connection is still due, and the offset of the last of them."""
        messages: list[bytes] = []
        offset = 0
        for delivery in self._deliveries:
            taken = delivery.take(receiver)
            if taken is not None:
                offset = delivery.offset or offset
                messages.append(delivery.frame.message(*taken))
        return b"".join(messages), offset

    def _drop_finished(self) -> None:
        """Remove the events that all receivers have got."""
        finished = [delivery for delivery in self._deliveries if not delivery.left]
        if not finished:
            return
        moment = now()
        for delivery in finished:
            self._meters.latency.add((moment - delivery.timestamp) / 1000)
            self._bytes -= len(delivery.frame)
            self._deliveries.remove(delivery)
        self._finished()
        waiting, self._waiting = self._waiting, []
        for room in waiting:
            if not room.done():
                room.set_result(None)
