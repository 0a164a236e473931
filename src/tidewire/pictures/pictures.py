"""Pictures for the services: made by workers, each once, and kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

from tidewire.pictures.contract import Job, Limits, Seal, Task
from tidewire.pictures.kept import KeptPicture, KeptPictures
from tidewire.pictures.places import Places
from tidewire.pictures.workers import WorkerBounds, Workers
from tidewire.settings import Settings

FOLDER: Final = "pictures"
"""The name of the folder in the data directory."""
_MOST_WORKERS: Final = 4

Content = Callable[[], AsyncIterator[bytes]]
"""Begins to stream the bytes that a picture is made from."""
Fetch = Callable[[], Awaitable[bytes]]
"""Gets the bytes that a picture is made from, from elsewhere."""


class Pictures:
    """What makes and keeps pictures in one process, at no cost until the first. Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        at_once = settings.pictures_at_once or max(1, min(_MOST_WORKERS, (os.cpu_count() or 1) - 1))
        places = Places(at_once + 1, settings.pictures_waiting, settings.pictures_waiting_of_caller)
        self._fetches = Places(
            settings.avatars_fetches_at_once, settings.pictures_waiting, settings.pictures_waiting_of_caller
        )
        bounds = WorkerBounds(
            settings.pictures_memory_bytes, settings.pictures_seconds, settings.pictures_idle_seconds
        )
        self._limits = Limits(settings.pictures_max_pixels, settings.pictures_max_frames)
        self._workers = Workers(places, at_once, bounds)
        self._kept = KeptPictures(Path(settings.data_dir) / FOLDER, settings.pictures_kept_bytes)
        self._forgetting: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, asyncio.Task[KeptPicture]] = {}

    async def kept(
        self,
        name: str,
        who: str,
        job: Job,
        content: Content | None = None,
        size: int = 0,
        fetch: Fetch | None = None,
        seal: Seal | None = None,
    ) -> tuple[KeptPicture, bool]:
        """A picture by its name, a path, and whether it had been kept; else it is made, and kept.

        ``who`` waits in turn with others; of those who want the same picture meanwhile only the first does.
        ``content`` streams ``size`` bytes; or ``fetch`` gets them, in turn too. With a ``seal`` it is
        kept encrypted. Raises PictureError, and what these raise.
        """
        found = await asyncio.to_thread(self._kept.find, name, seal)
        if found is not None:
            return found, True
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._make(name, who, job, content, size, fetch, seal))
            self._under_way[name] = task
            task.add_done_callback(partial(self._made, name))
        return await asyncio.shield(task), False

    async def drawn(self, who: str, job: Task, content: bytes = b"") -> bytes:
        """A picture that is not kept, or what else a worker does. Raises PictureError."""
        return await self._workers.make(who, job, self._limits, _pieces(content), len(content))

    async def forget(self, name: str) -> None:
        """Delete what is kept below a path."""
        await asyncio.to_thread(self._kept.forget, name)

    def forget_project(self, project_id: str) -> None:
        """Delete, by and by, what is kept for a project that was deleted."""
        for kind in ("previews", "avatars"):
            task = asyncio.create_task(self.forget(f"{kind}/{project_id}"))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    async def close(self) -> None:
        """End the workers."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await asyncio.gather(*self._forgetting, return_exceptions=True)
        await self._workers.close()

    def fetching(self, who: str) -> AbstractAsyncContextManager[None]:
        """Hold a place of those who fetch from elsewhere, when it is the turn of ``who``.

        What was fetched is to be let go before the place is: so few connections are open, and few bodies are
        in memory, however many wait for a worker. Raises PicturesBusyError.
        """
        return self._fetches.taken(who)

    async def _make(
        self,
        name: str,
        who: str,
        job: Job,
        content: Content | None,
        size: int,
        fetch: Fetch | None,
        seal: Seal | None,
    ) -> KeptPicture:
        if fetch is None:
            pieces = _pieces(b"") if content is None else content()
            made = await self._workers.make(who, job, self._limits, pieces, size)
        else:
            async with self.fetching(who):
                made = await self.drawn(who, job, await fetch())
        return await asyncio.to_thread(self._kept.keep, name, made, seal)

    def _made(self, name: str, task: asyncio.Task[KeptPicture]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # whoever waited has it


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content
