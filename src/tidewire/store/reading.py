"""Who reads when: a few reads run at the same time, and those who wait take turns.

A party that asks for much waits behind itself alone: it has at most so many reads running, and when a place
is free, those who wait get it one after the other, however many reads each of them has waiting.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from tidewire.store.disk_space import disk_full
from tidewire.store.threads import ThreadPool

T = TypeVar("T")

Lane = Literal["requests", "feed", "history", "identities"]
"""``requests``: in turns with all other callers. The others have threads of their own, which no request can
hold up: ``feed`` for events just committed, ``history`` for those from before, ``identities`` for who
somebody is and may what."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one party may take of the reads at the same time."""

    name: str
    at_once: int
    """Its reads that run at the same time."""
    seconds: float
    """After which each of them is interrupted."""


present_share: Final[ContextVar[Share | None]] = ContextVar("share of the reads", default=None)
"""Whose reads those of the present task are; set where the caller of a request is found. None: the server's
own, which may take all places."""


class Job(Generic[T]):
    """A piece of work for a thread. Belongs to the event loop it is made in."""

    __slots__ = ("_error", "_loop", "_result", "_then", "_work", "finished", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> None:
        self.future: asyncio.Future[T] = loop.create_future()
        """The outcome. To cancel it keeps work from beginning, but does not end it."""
        self.finished = False
        """No thread works on it any more, or will."""
        self._loop = loop
        self._work: Callable[[], T] | None = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._then: list[Callable[[], None]] = []

    def when_finished(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called on the event loop, at once if it is finished already."""
        if self.finished:
            callback()
        else:
            self._then.append(callback)

    def run(self) -> None:
        """Do the work; to be called in the thread."""
        work, self._work = self._work, None
        assert work is not None
        if not self.future.done():
            try:
                self._result = work()
            except BaseException as error:
                self._error = raisable(error)
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            # The loop was closed without closing the database: nobody waits any more.
            return

    def _finish(self) -> None:
        self.finished = True
        for callback in self._then:
            callback()
        error, self._error = self._error, None
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self._result)


class _Party:
    """Somebody with reads that run or wait."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[Job[Any]] = deque()


class FairQueue:
    """Jobs of many parties for a few threads. Belongs to one event loop."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._running = 0
        self._parties: dict[str, _Party] = {}
        self._turns: deque[tuple[str, int]] = deque()
        """Parties with waiting jobs that may begin one more, with how many they may have running."""

    def put(self, name: str, at_once: int, job: Job[Any]) -> None:
        """Have a job done when it is the turn of the party ``name``, which has ``at_once`` places."""
        party = self._parties.get(name)
        if party is None:
            party = self._parties[name] = _Party()
        job.when_finished(lambda: self._finished(name, at_once, party))
        if party.waiting or party.running >= at_once or self._running >= self._pool.most:
            party.waiting.append(job)
            if len(party.waiting) == 1 and party.running < at_once:
                self._turns.append((name, at_once))
        else:
            self._begin(party, job)

    def _begin(self, party: _Party, job: Job[Any]) -> None:
        self._running += 1
        party.running += 1
        self._pool.put(job.run)

    def _finished(self, name: str, at_once: int, party: _Party) -> None:
        self._running -= 1
        party.running -= 1
        if party.waiting:
            if party.running == at_once - 1:
                self._turns.append((name, at_once))
        elif not party.running:
            del self._parties[name]
        while self._turns and self._running < self._pool.most:
            self._next_turn()

    def _next_turn(self) -> None:
        name, at_once = self._turns.popleft()
        party = self._parties[name]
        self._begin(party, party.waiting.popleft())
        if party.waiting and party.running < at_once:
            self._turns.append((name, at_once))


def raisable(error: BaseException) -> BaseException:
    """An error that a future can hold: StopIteration would end the waiting coroutine in silence.

    Where SQLite had no room on the disk, it is the error that clients are told.
    """
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
        return disk_full()
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a unit of work raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
