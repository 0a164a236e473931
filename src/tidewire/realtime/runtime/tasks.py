"""Tasks of a process that nobody waits for, until it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def stop(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, and return when it has ended; None: there is none."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Tasks:
    """Running tasks, which are held so that they are not collected, and cancelled at the end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run some work in the background."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Return when all of them, and those that they began, have ended."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def close(self) -> None:
        """Cancel all of them."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
