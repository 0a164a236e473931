"""The threads that all databases of a process share, and what each is for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

from tidewire.store.engine.deadlines import too_long
from tidewire.store.engine.jobs import TRIAL_SECONDS, Job
from tidewire.store.engine.reading import FairQueue, Lane, Share, present_share
from tidewire.store.engine.threads import ThreadPool

T = TypeVar("T")

WRITING: Final = 12
"""The most databases that are written to at the same time."""
OPENING: Final = 4
"""The most databases that are opened or closed at the same time."""
OWN_LANE: Final = 4
"""The most reads at the same time in each lane that is not for requests."""
OF_ONE_DATABASE: Final = 2
"""The most of these reads that are of one database."""


class Workers:
    """Threads that are started when they are needed, up to fixed numbers. Belongs to one event loop."""

    def __init__(
        self,
        reads_at_once: int = 8,
        read_seconds: float = 15.0,
        reads_of_guests: int | None = None,
        guests_waiting: int = 256,
    ) -> None:
        """Run at most ``reads_at_once`` reads of requests at the same time, each for at most
        ``read_seconds``.

        ``reads_of_guests`` of them may be of guests, of whom ``guests_waiting`` may wait.
        """
        self.writing: Final = ThreadPool("tidewire-writer", WRITING)
        self._opening: Final = ThreadPool("tidewire-opener", OPENING)
        pools: dict[Lane, ThreadPool] = {
            "requests": ThreadPool("tidewire-reader", reads_at_once),
            "feed": ThreadPool("tidewire-feed", OWN_LANE),
            "history": ThreadPool("tidewire-history", OWN_LANE),
            "identities": ThreadPool("tidewire-identities", OWN_LANE),
        }
        self._lanes = {
            lane: FairQueue(pool, reads_of_guests if lane == "requests" else None, guests_waiting)
            for lane, pool in pools.items()
        }
        self._pools = [self.writing, self._opening, *pools.values()]
        self._server = Share("", reads_at_once, read_seconds)
        """The share of reads that no caller asked for."""

    def read(
        self, lane: Lane, database: str, work: Callable[[float], T], *, may_begin_again: bool = False
    ) -> Job[T]:
        """Have ``work`` done, which is given the seconds that it may take; ``database_timeout`` is its error.

        ``may_begin_again``: it may be ended early and done once more. Raises ``general_server_busy`` if too
        many reads of the caller wait.
        """
        asks = present_share.get() if lane == "requests" else None
        if asks is not None:
            share = asks
        elif lane == "requests":
            share = self._server
        else:
            share = Share(database, OF_ONE_DATABASE, self._server.seconds)

        def timed() -> T:
            if job.is_trial:
                return work(TRIAL_SECONDS)
            begun = time.monotonic()
            done = work(share.seconds)
            if time.monotonic() - begun > share.seconds:
                # A statement that reads a little that is large is not interrupted.
                raise too_long()
            return done

        job: Job[T] = Job(
            asyncio.get_running_loop(),
            timed,
            may_begin_again=may_begin_again and asks is not None and share.seconds > TRIAL_SECONDS,
        )
        self._lanes[lane].put(share, job)
        return job

    async def open_or_close(self, work: Callable[[], T]) -> T:
        """Do ``work`` that opens or closes a database."""
        job = Job(asyncio.get_running_loop(), work)
        self._opening.put(job.run)
        return await job.future

    def close(self) -> None:
        """End all threads; nothing may be under way."""
        for pool in self._pools:
            pool.close()
