"""Work that holds the interpreter for milliseconds or more: one piece at a time, callers in turns.

To check a document takes as long as ten requests by REST, to answer introspection as long as a thousand.
Several threads that do so would leave the event loop little of the interpreter, and whoever sends many new
documents has to wait behind themselves alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from tidewire.store.engine.jobs import Job
from tidewire.store.engine.reading import FairQueue, Share, present_share
from tidewire.store.engine.threads import ThreadPool

T = TypeVar("T")

_NOBODY: Final = Share("", 1, 0.0)
"""The share of subscriptions, whose connections take turns before they come here."""


class FairThread:
    """One thread for all callers. Belongs to one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPool("tidewire-graphql", 1)
        self._queue = FairQueue(self._pool)

    async def run(self, work: Callable[[], T]) -> T:
        """Do ``work`` when it is the caller's turn, by the present share of reads.

        Raises ``general_server_busy`` if too many pieces of the caller, or of all guests, wait.
        """
        job = Job(asyncio.get_running_loop(), work)
        self._queue.put(present_share.get() or _NOBODY, job)
        return await job.future

    def close(self) -> None:
        """End the thread."""
        self._pool.close()
