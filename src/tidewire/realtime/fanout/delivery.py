"""Deliveries: one event on its way to its audience, and who has got it already."""

from __future__ import annotations

from tidewire.realtime.matching.audience import Audience
from tidewire.realtime.protocol.event_frames import EventFrame, Form
from tidewire.realtime.receivers.receiver import Receiver


class Delivery:
    """One event for an audience, which is written place by place, and to some receivers out of turn."""

    __slots__ = ("at", "audience", "begun", "done", "frame", "left", "offset", "timestamp")

    def __init__(self, frame: EventFrame, audience: Audience, timestamp: int, offset: int) -> None:
        self.frame = frame
        self.audience = audience
        self.timestamp = timestamp
        self.offset = offset
        """Offset in the log of the project; 0: the event is in another log, or in none."""
        self.begun = False
        """Whether writing it in slices has begun; then it has begun for all older ones with many
        receivers."""
        self.at = 0
        """The place in the audience before which all have got the event."""
        self.left = len(audience)
        """How many receivers are still due it."""
        self.done: bytearray | None = None
        """1 at each place, from :attr:`at` on, that has got it out of turn; None: no place has."""

    def next_slice(self, count: int) -> tuple[int, int]:
        """The next places of one shape, at most ``count``, beginning with one that has not got it."""
        start = self.at if self.done is None else max(self.done.find(0, self.at), self.at)
        return start, min(start + count, self.audience.shape(start)[1])

    def due_in(self, start: int, stop: int) -> int:
        """How many receivers at these places are still due it."""
        start = max(start, self.at)
        if start >= stop:
            return 0
        return stop - start - (self.done.count(1, start, stop) if self.done is not None else 0)

    def pass_over(self, start: int, stop: int) -> None:
        """Note that the receivers at these places have got it."""
        self.left -= self.due_in(start, stop)
        if start <= self.at or self.due_in(self.at, start) == 0:
            self.at = max(self.at, stop)
        else:
            self._marks()[start:stop] = b"\1" * (stop - start)

    def take(self, receiver: Receiver) -> tuple[bytes, Form] | None:
        """The tail of a receiver and the form of its frame; it counts as having got the event now.

        None if it is not due it.
        """
        place = self.audience.place(receiver)
        if place is None or place < self.at or (self.done is not None and self.done[place]):
            return None
        self._marks()[place] = 1
        self.left -= 1
        (_, form), _ = self.audience.shape(place)
        return self.audience.tails[place], form

    def abandon(self) -> None:
        """Write the event to nobody any more."""
        self.at = len(self.audience)
        self.left = 0

    def _marks(self) -> bytearray:
        if self.done is None:
            self.done = bytearray(len(self.audience))
        return self.done
