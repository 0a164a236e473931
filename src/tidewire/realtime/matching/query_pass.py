"""Query passes: of the subscriptions that an event may match, find those whose queries accept it.

That takes long where very many subscriptions have queries, or costly ones. It is done in slices then, between
which the event loop serves others. The queries of a connection that is about to change are asked at once.
"""

from __future__ import annotations

import time
from typing import Final

import structlog

from tidewire.logs import Repeated
from tidewire.realtime.matching.audience import Audience, by_receiver
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.receivers.receiver import Receiver, Subscription, give_up

TURN_SECONDS: Final = 0.001
"""Length of a slice, after which the event loop gets to serve others."""
CLOCK_INTERVAL: Final = 200
"""Comparisons of two values between two looks at the clock: some microseconds."""

_log: Final = structlog.get_logger(__name__)
_costly: Final = Repeated(lambda event, **about: _log.warning(event, **about), "queries cost too much")


class QueryPass:
    """The pass of one event over the queries of the subscriptions that it may match.

    The subscriptions ``found`` want the event whatever its payload, those ``asked`` if their queries accept
    it. All queries that come from one address get ``seconds`` of processor time together: a connection from
    there whose queries are left over is closed, so that its client comes back and gets the event from the
    log.
    """

    def __init__(
        self, payload: Payload, found: list[Subscription], asked: list[Subscription], seconds: float
    ) -> None:
        self._values = payload.values
        self._found = found
        self._asked = asked
        self._next = 0
        """Index of the next subscription to be asked."""
        self._seconds = seconds
        self._spent: dict[str, float] = {}
        """Seconds that the queries took, by address."""
        self._gone: set[Receiver] = set()
        """Connections that have got the event, or do not get it any more."""

    def go_on(self) -> bool:
        """Ask for the length of a slice; True if all have been asked."""
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
            if cost >= CLOCK_INTERVAL:
                moment = time.thread_time()
                self._charge(subscription.receiver.origin, moment - looked)
                cost, looked = 0, moment
                if moment - began >= TURN_SECONDS:
                    break
        return self._next >= len(self._asked)

    def decided(self) -> Audience:
        """The connections that get the event and have no queries left to ask: they need not wait."""
        undecided = {subscription.receiver for subscription in self._asked[self._next :]}
        decided = [each for each in self._found if each.receiver not in undecided]
        self._gone.update(each.receiver for each in decided)
        self._found = [each for each in self._found if each.receiver in undecided]
        return Audience(by_receiver(decided))

    def take(self, receiver: Receiver) -> Audience:
        """What one connection gets, which is not among the others from now on."""
        if receiver in self._gone:
            return Audience({})
        own = [each for each in self._found if each.receiver is receiver]
        left = [each for each in self._asked[self._next :] if each.receiver is receiver]
        own += [each for each in left if each.wants(self._values)]
        self._gone.add(receiver)
        return Audience(by_receiver(own))

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended and gets nothing."""
        self._gone.add(receiver)

    def audience(self) -> Audience:
        """The connections that are still due the event, once all have been asked."""
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
