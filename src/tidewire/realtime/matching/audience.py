"""Audiences: the connections that get an event, in the order in which they are written to."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, product
from operator import attrgetter
from typing import Final

from tidewire.realtime.matching.ranges import OneOrMore, each
from tidewire.realtime.protocol.event_frames import GRAPHQL, Form, subscription_tail
from tidewire.realtime.receivers.receiver import Receiver, Subscription

_receiver_of: Final = attrgetter("receiver")
_form_of: Final = attrgetter("form")

Matches = dict[Receiver, OneOrMore]
"""Connections with their subscriptions that matched: mostly one, sometimes several."""
Shape = tuple[int, Form]
"""What frames depend on besides their tails: the length of the tail, and the form of the frame."""


class Audience:
    """The connections that get an event, with those side by side whose frames have the same head and end.

    All events that match the same subscriptions share one audience, which is never changed.
    """

    __slots__ = ("_places", "_shapes", "_stops", "receivers", "tails")

    def __init__(self, matches: Matches) -> None:
        self.receivers = list(matches)
        self.tails = [
            matched.tail if matched.__class__ is Subscription else _tail_of_several(matched)
            for matched in matches.values()
        ]
        """The tail of each receiver's frame."""
        forms = set(map(_form_of, matches))
        self._shapes: list[Shape] = list(product(set(map(len, self.tails)), forms))
        self._stops = [len(matches)]
        """The place before which each of the shapes ends."""
        if len(self._shapes) > 1 or (forms and min(forms) <= GRAPHQL):
            self._sort(matches)
        self._places: dict[Receiver, int] | None = None

    def __len__(self) -> int:
        return len(self.receivers)

    def __bool__(self) -> bool:
        return bool(self.receivers)

    def shape(self, place: int) -> tuple[Shape, int]:
        """The shape at a place, and the place where the next shape begins."""
        number = bisect_right(self._stops, place)
        return self._shapes[number], self._stops[number]

    def place(self, receiver: Receiver) -> int | None:
        """The place of a connection; None: it does not get the event."""
        if self._places is None:
            self._places = {known: place for place, known in enumerate(self.receivers)}
        return self._places.get(receiver)

    def _sort(self, matches: Matches) -> None:
        places: dict[Shape, list[int]] = defaultdict(list)
        for place, (receiver, tail) in enumerate(zip(self.receivers, self.tails, strict=True)):
            form: Form = receiver.form
            if receiver.form <= GRAPHQL:
                tail, form = receiver.address([held.id for held in each(matches[receiver])])
                self.tails[place] = tail
            places[len(tail), form].append(place)
        order = [place for group in places.values() for place in group]
        self.receivers = [self.receivers[place] for place in order]
        self.tails = [self.tails[place] for place in order]
        self._shapes = list(places)
        self._stops = list(accumulate(map(len, places.values())))


def _tail_of_several(matched: OneOrMore) -> bytes:
    return subscription_tail(subscription.id for subscription in each(matched))


def by_receiver(found: Sequence[Subscription]) -> Matches:
    """Subscriptions by the connections that hold them, each once."""
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
