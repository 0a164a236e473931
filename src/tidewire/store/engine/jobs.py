"""Jobs: pieces of work that a thread does, whose outcome comes back to the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from tidewire.core.errors import TidewireError

T = TypeVar("T")

TRIAL_SECONDS: Final = 0.25
"""Seconds that a job on trial may take: one that takes longer begins again among the long ones."""


class Job(Generic[T]):
    """A piece of work for a thread. Belongs to the event loop it is made in."""

    __slots__ = (
        "_error", "_loop", "_result", "_then", "_work", "finished", "future", "is_trial", "may_begin_again",
        "when_ended", "work_seconds",
    )  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Callable[[], T], *, may_begin_again: bool = False
    ) -> None:
        """``may_begin_again``: work that takes too long is ended and done again, from the start."""
        self.future: asyncio.Future[T] = loop.create_future()
        """The outcome, until it is there. To cancel it keeps work from beginning, but does not end it."""
        self.finished = False
        """Whether it is over: no thread works on it any more, or ever will."""
        self._loop = loop
        self._work: Callable[[], T] | None = work
        self._result: Any = None
        self._error: BaseException | None = None
        self._then: list[Callable[[], None]] = []
        self.may_begin_again = may_begin_again
        self.is_trial = False
        """Whether the work may take :data:`TRIAL_SECONDS` only, and begins again if that is not enough."""
        self.work_seconds = 0.0
        """Seconds of a processor that it took, the last time it was done."""
        self.when_ended: Callable[[], None] | None = None
        """A callback for when a thread has ended with it, even if it is to begin again."""

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
        end = self._finish
        if not self.future.done():
            begun = time.thread_time()
            try:
                self._result = work()
            except BaseException as error:
                if self.is_trial and isinstance(error, TidewireError) and error.type == "database_timeout":
                    self._work, end = work, self._begin_again
                else:
                    self._error = raisable(error)
            self.work_seconds = time.thread_time() - begun
        try:
            self._loop.call_soon_threadsafe(end)
        except RuntimeError:
            # The loop was closed without closing the database: nobody waits any more.
            return

    def _begin_again(self) -> None:
        assert self.when_ended is not None
        self.when_ended()

    def _finish(self) -> None:
        self.finished = True
        future, result, error = self.future, self._result, self._error
        ended, then = self.when_ended, self._then
        # The job keeps nothing that refers back to it, as its error does by the frames that it went through:
        # what stayed together would be a circle that only the garbage collector finds.
        self._result = self._error = self.when_ended = None
        self._then = []
        del self.future
        if ended is not None:
            ended()
        for callback in then:
            callback()
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def raisable(error: BaseException) -> BaseException:
    """Return an error that a future can hold: StopIteration would end the waiting coroutine in silence."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a unit of work raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
