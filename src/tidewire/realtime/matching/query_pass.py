"""Sifting: of the subscriptions that an event may match, those whose queries accept it.

Asking takes long where very many have queries, or costly ones. It is done in turns then, between which the
event loop serves others. A connection that is about to change is asked at once, out of turn.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from tidewire.logs import Repeated
from tidewire.realtime.fanout.writer import give_up
from tidewire.realtime.matching.audience import Audience, by_receiver
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.receivers.subscriptions import Receiver, Subscription

TURN_SECONDS: Final = 0.001
"""After which the event loop gets to serve others."""
GLANCE: Final = 200
"""Comparisons of two values between two looks at the clock: some microseconds."""

_log: Final = structlog.get_logger(__name__)
_costly: Final = Repeated(lambda event, **about: _log.warning(event, **about), "queries cost too much")


class Sifting:
    """One event among the subscriptions that it may match.

    ``found`` want it whatever it is like, ``asked`` if their queries accept the payload. All queries that
    come from one address are given ``seconds`` of the processor at most: whoever is left over is closed, so
    that its client comes back and gets the event from the log.
    """

    def __init__(
        self, payload: Payload, found: list[Subscription], asked: list[Subscription], seconds: float
    ) -> None:
        self._values = payload.values
        self._found = found
        self._asked = asked
        self._next = 0
        """Place of the next one to be asked."""
        self._seconds = seconds
        self._spent: dict[str, float] = {}
        """Seconds by address."""
        self._gone: set[Receiver] = set()
        """Who has got the event, or does not get it any more."""

    def go_on(self) -> bool:
        """Ask for a turn; whether all have been asked."""
        began = looked = time.thread_time()
        cost = 0
        while self._next < len(self._asked):
            subscription = self._asked[self._next]
            self._next += 1
            if subscription.receiver in self._gone:
                continue
            assert subscription.filter is not None
            if subscription.filter.accepts(self._values):
                self._found.append(subscription)
            cost += subscription.filter.work or 1
            if cost >= GLANCE:
                moment = time.thread_time()
                self._charge(subscription.receiver.origin, moment - looked)
                cost, looked = 0, moment
                if moment - began >= TURN_SECONDS:
                    break
        return self._next >= len(self._asked)

    def prompt(self) -> Audience:
        """Those of whom nothing is asked any more: they need not wait for the others."""
        waiting = {subscription.receiver for subscription in self._asked[self._next :]}
        prompt = [each for each in self._found if each.receiver not in waiting]
        self._gone.update(each.receiver for each in prompt)
        self._found = [each for each in self._found if each.receiver in waiting]
        return Audience(by_receiver(prompt))

    def take(self, receiver: Receiver) -> Audience:
        """What a connection gets; from now on it is not among the others."""
        if receiver in self._gone:
            return Audience({})
        own = [each for each in self._found if each.receiver is receiver]
        left = [each for each in self._asked[self._next :] if each.receiver is receiver]
        own += [each for each in left if each.wants(self._values)]
        self._gone.add(receiver)
        return Audience(by_receiver(own))

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended: it gets nothing."""
        self._gone.add(receiver)

    def audience(self) -> Audience:
        """All who get the event and have not got it, once all have been asked."""
        return Audience(by_receiver([each for each in self._found if each.receiver not in self._gone]))

    def _charge(self, origin: str, seconds: float) -> None:
        if not origin:
            return
        spent = self._spent[origin] = self._spent.get(origin, 0.0) + seconds
        if spent < self._seconds:
            return
        left = {each.receiver for each in self._asked[self._next :] if each.receiver.origin == origin}
        for receiver in left - self._gone:
            self._gone.add(receiver)
            give_up(receiver)
        if left:
            _costly.tell(address=origin, connections=len(left))
