"""Fair turns for reads: a few reads run at the same time, and those who wait take turns.

A party that asks for much waits behind itself alone: it has at most so many reads running, and when a place
is free, it goes to the waiting party that has had the least work done, however many reads each has waiting.
Many parties that ask for much wait behind each other: reads that take long have only some of the places.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from contextvars import ContextVar
from typing import Any, Final, Literal

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.store.engine.jobs import Job
from tidewire.store.engine.threads import ThreadPool

LONG_WORK: Final = 0.05
"""Seconds of a processor after which a read counts as long."""
WORK_HALVED_SECONDS: Final = 5.0
"""Seconds after which work done for a party counts half, when parties are compared by their work."""
LITTLE_WORK: Final = 0.002
"""Seconds of a processor so few that they are forgotten when a party has nothing more to read."""
LONG_SECONDS: Final = 60.0
"""Seconds during which all reads of a party that had a long one count as long from their beginning."""
PARTIES_KEPT: Final = 4096
"""The most parties of which it is remembered whether their reads are long."""

_Kind = tuple[bool, bool]
"""The kind of a read: whether it is a guest's, and whether it counts as long."""
_SHORT: Final[tuple[_Kind, ...]] = ((False, False), (True, False))
_LONG: Final[tuple[_Kind, ...]] = ((False, True), (True, True))
_KINDS: Final = (*_SHORT, *_LONG)
_BOUNDS: Final = {
    kind: tuple(bound for bound in _KINDS if bound[0] <= kind[0] and bound[1] <= kind[1]) for kind in _KINDS
}
"""For each kind, the kinds whose places its reads take: itself, and those that are better in some way."""

Lane = Literal["requests", "feed", "history", "identities"]
"""The lanes of reads.

In ``requests`` callers take turns with each other. The others have threads of their own, which no request can
hold up: ``feed`` reads events just committed, ``history`` those from before, and ``identities`` who somebody
is and what they may do.
"""


class Share(msgspec.Struct, frozen=True):
    """A share: what one party may take of the reads at the same time."""

    name: str
    at_once: int
    """The most of its reads that run at the same time."""
    seconds: float
    """Seconds after which each of its reads is interrupted."""
    waiting: int = 10**9
    """The most of its reads that may wait; further ones are refused."""
    guest: bool = False
    """Whether it is a guest: all guests together have only some of the places."""


present_share: Final[ContextVar[Share | None]] = ContextVar("share of the reads", default=None)
"""The share that the reads of the present task count to; set where the caller of a request is found.

None: they are the server's own, which may take all places.
"""


class _Party:
    """A party: somebody with reads that run or wait, or that ran long just now."""

    __slots__ = ("_worked", "_worked_at", "long_until", "running", "share", "waiting")

    def __init__(self, share: Share) -> None:
        self.share = share
        self.running = 0
        self.waiting: deque[Job[Any]] = deque()
        self.long_until = 0.0
        """The time until which its reads count as long, in monotonic seconds."""
        self._worked = 0.0
        self._worked_at = 0.0

    def has_worked(self, seconds: float) -> None:
        """Note that a read of the party took so many seconds of a processor."""
        moment = time.monotonic()
        self._worked = self.work_until(moment) + seconds
        self._worked_at = moment

    def work_until(self, moment: float) -> float:
        """Return the seconds of a processor that its reads took; what was long ago counts for little."""
        return self._worked * math.exp2((self._worked_at - moment) / WORK_HALVED_SECONDS)

    def kind(self) -> _Kind:
        """Return the kind that its next read counts as."""
        return self.share.guest, time.monotonic() < self.long_until


class FairQueue:
    """Jobs of many parties for a few threads. Belongs to one event loop.

    A read that takes long (:data:`LONG_WORK`) is ended early and begins again, and for
    :data:`LONG_SECONDS` its party's reads count as long. Those, and those of guests, have only some of the
    places, so that however many parties ask for much, who asks for little is not held up.
    """

    def __init__(self, pool: ThreadPool, of_guests: int | None = None, guests_waiting: int = 256) -> None:
        """Guests have at most ``of_guests`` places; at least one is left to others if there are several.

        ``guests_waiting``: reads of all guests together that may wait.
        """
        self._pool = pool
        self._guests_waiting = guests_waiting
        guests = min(of_guests or pool.most, max(1, pool.most - 1))
        self._places: dict[_Kind, int] = {
            (False, False): pool.most,
            (False, True): max(1, pool.most // 2),
            (True, False): guests,
            (True, True): max(1, guests // 2),
        }
        """The most reads of a kind, or of one that is worse in any way, that may run."""
        self._taken: Counter[_Kind] = Counter()
        """The places of each kind that are taken."""
        self._parties: dict[str, _Party] = {}
        self._turns: dict[_Kind, deque[_Party]] = {kind: deque() for kind in _KINDS}
        """By kind, the parties with waiting jobs that may begin one more."""
        self._waiting: Counter[bool] = Counter()
        """The number of jobs that wait, of guests (True) and of others (False)."""

    def put(self, share: Share, job: Job[Any]) -> None:
        """Have a job done when it is the turn of the party whose ``share`` it is.

        Raises ``general_server_busy`` if too many of the party, or of all guests, wait.
        """
        party = self._parties.get(share.name)
        if party is None:
            self._forget_some()
            party = self._parties[share.name] = _Party(share)
        kind = party.kind()
        if not party.waiting and party.running < share.at_once and self._has_place(kind):
            self._begin(party, kind, job)
            return
        if len(party.waiting) >= share.waiting:
            raise _busy(f"{share.waiting} reads of yours wait already: ask for less at once.")
        if share.guest and self._waiting[True] >= self._guests_waiting:
            raise _busy(f"{self._guests_waiting} reads of guests wait already: try again later.")
        self._wait(party, job)

    def _wait(self, party: _Party, job: Job[Any], *, first: bool = False) -> None:
        if first:
            party.waiting.appendleft(job)
        else:
            party.waiting.append(job)
        self._waiting[party.share.guest] += 1
        if len(party.waiting) == 1 and party.running < party.share.at_once:
            self._turns[party.kind()].append(party)

    def _has_place(self, kind: _Kind) -> bool:
        return all(self._taken[bound] < self._places[bound] for bound in _BOUNDS[kind])

    def _begin(self, party: _Party, kind: _Kind, job: Job[Any]) -> None:
        for bound in _BOUNDS[kind]:
            self._taken[bound] += 1
        party.running += 1
        job.is_trial = job.may_begin_again and not kind[1]

        def ended() -> None:
            party.has_worked(job.work_seconds)
            if job.may_begin_again and (job.work_seconds > LONG_WORK or not job.finished):
                party.long_until = time.monotonic() + LONG_SECONDS
            self._ended(party, kind, None if job.finished else job)

        job.when_ended = ended
        self._pool.put(job.run)

    def _ended(self, party: _Party, kind: _Kind, again: Job[Any] | None) -> None:
        for bound in _BOUNDS[kind]:
            self._taken[bound] -= 1
        was_full = party.running == party.share.at_once
        party.running -= 1
        if was_full and party.waiting:
            self._turns[party.kind()].append(party)
        if again is not None:
            self._wait(party, again, first=True)
        idle = not party.running and not party.waiting
        if idle and not party.long_until and party.work_until(time.monotonic()) < LITTLE_WORK:
            del self._parties[party.share.name]
        while self._next_turn():
            continue

    def _next_turn(self) -> bool:
        """Begin one job that may begin, short reads first; but one of the long ones always runs."""
        if not any(self._turns.values()):
            return False
        waits = any(self._turns[kind] for kind in _LONG)
        starve = waits and not self._taken[False, True]
        for kind in (*_LONG, *_SHORT) if starve else (*_SHORT, *_LONG):
            turns = self._turns[kind]
            if not turns or not self._has_place(kind):
                continue
            party = self._first(turns)
            if party.kind() != kind:  # it has changed since
                self._turns[party.kind()].append(party)
                return True
            self._waiting[party.share.guest] -= 1
            self._begin(party, kind, party.waiting.popleft())
            if party.waiting and party.running < party.share.at_once:
                turns.append(party)
            return True
        return False

    def _first(self, turns: deque[_Party]) -> _Party:
        """Take the party that had the least work done from those whose turn it may be; of equals the
        first."""
        if len(turns) == 1:
            return turns.popleft()
        moment = time.monotonic()
        party = min(turns, key=lambda each: each.work_until(moment))
        turns.remove(party)
        return party

    def _forget_some(self) -> None:
        """Forget parties whose reads are over, once there are many."""
        if len(self._parties) < PARTIES_KEPT:
            return
        moment = time.monotonic()
        idle = [each for each in self._parties.values() if not each.running and not each.waiting]
        for party in sorted(idle, key=lambda each: each.long_until):
            if party.long_until > moment and len(self._parties) < PARTIES_KEPT:
                return
            del self._parties[party.share.name]


def _busy(message: str) -> TidewireError:
    return TidewireError("general_server_busy", message)
