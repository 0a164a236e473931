"""Who gets an event, in the order in which they are written to."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, product
from operator import attrgetter
from typing import Final

from tidewire.realtime.matching.ranges import OneOrMore, each
from tidewire.realtime.protocol.frames import subscription_tail
from tidewire.realtime.receivers.subscriptions import Receiver, Subscription

_receiver_of: Final = attrgetter("receiver")
_window_of: Final = attrgetter("window")

Matches = dict[Receiver, OneOrMore]
"""Connections with what they hold of something: mostly one subscription, sometimes several."""
Shape = tuple[int, int]
"""What messages depend on, but for their tails: the length of these, and the receiver's window."""


class Audience:
    """The connections that get an event, those whose messages begin and end alike side by side.

    It is the same for all events that match the same, and never changed.
    """

    __slots__ = ("_places", "_shapes", "_stops", "receivers", "tails")

    def __init__(self, matches: Matches) -> None:
        self.receivers = list(matches)
        self.tails = [
            matched.tail if matched.__class__ is Subscription else _tail_of_several(matched)
            for matched in matches.values()
        ]
        """What is each receiver's own of the message."""
        self._shapes: list[Shape] = list(product(set(map(len, self.tails)), set(map(_window_of, matches))))
        self._stops = [len(matches)]
        """Before which place each of the shapes ends."""
        if len(self._shapes) > 1:
            self._sort()
        self._places: dict[Receiver, int] | None = None

    def __len__(self) -> int:
        return len(self.receivers)

    def __bool__(self) -> bool:
        return bool(self.receivers)

    def shape(self, place: int) -> tuple[Shape, int]:
        """The shape at a place, and the place where the next one begins."""
        number = bisect_right(self._stops, place)
        return self._shapes[number], self._stops[number]

    def place(self, receiver: Receiver) -> int | None:
        """Where a connection stands; None: it does not get the event."""
        if self._places is None:
            self._places = {known: place for place, known in enumerate(self.receivers)}
        return self._places.get(receiver)

    def _sort(self) -> None:
        shapes = list(zip(map(len, self.tails), map(_window_of, self.receivers), strict=True))
        order = sorted(range(len(shapes)), key=shapes.__getitem__)
        self.receivers = [self.receivers[place] for place in order]
        self.tails = [self.tails[place] for place in order]
        counts = sorted(Counter(shapes).items())
        self._shapes = [shape for shape, _ in counts]
        self._stops = list(accumulate(count for _, count in counts))


def _tail_of_several(matched: OneOrMore) -> bytes:
    return subscription_tail(subscription.id for subscription in each(matched))


def by_receiver(found: Sequence[Subscription]) -> Matches:
    """Subscriptions by whose they are, each once."""
    matches: Matches = dict(zip(map(_receiver_of, found), found, strict=True))
    if len(matches) == len(found):
        return matches
    matches.clear()
    for subscription in found:
        earlier = matches.setdefault(subscription.receiver, subscription)
        if earlier is not subscription:
            if isinstance(earlier, dict):
                earlier[subscription] = None
            else:
                matches[subscription.receiver] = {earlier: None, subscription: None}
    return matches
