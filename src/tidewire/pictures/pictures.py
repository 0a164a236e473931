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
_CONTENDERS: Final = 8
"""Lines that are waited in for one picture."""

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
        self._under_way: dict[str, _UnderWay] = {}

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

        ``who`` waits in turn with others. Of those who want the same picture meanwhile it is made for
        whoever's turn comes first, and all have it then.
        ``content`` streams ``size`` bytes; or ``fetch`` gets them, in turn too. With a ``seal`` it is
        kept encrypted. Raises PictureError, and what these raise.
        """
        found = await asyncio.to_thread(self._kept.find, name, seal)
        if found is not None:
            return found, True
        under_way = self._under_way.get(name)
        if under_way is None:
            under_way = self._under_way[name] = _UnderWay(asyncio.get_running_loop().create_future())
            under_way.result.add_done_callback(partial(self._made, name))
        if under_way.admits(who):

            async def make() -> KeptPicture:
                made = await self._make(who, job, content, size, fetch)
                return await asyncio.to_thread(self._kept.keep, name, made, seal)

            turn = self._workers.turn(who) if fetch is None else self.fetching(who)
            under_way.contend(who, turn, make)
        return await asyncio.shield(under_way.result), False

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
        tasks = [task for each in self._under_way.values() for task in each.contenders.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._forgetting, return_exceptions=True)
        await self._workers.close()

    def fetching(self, who: str) -> AbstractAsyncContextManager[None]:
        """Hold a place of those who fetch from elsewhere, when it is the turn of ``who``.

        What was fetched is to be let go before the place is: so few connections are open, and few bodies are
        in memory, however many wait for a worker. Raises PicturesBusyError.
        """
        return self._fetches.taken(who)

    async def _make(
        self, who: str, job: Job, content: Content | None, size: int, fetch: Fetch | None
    ) -> bytes:
        """Make a picture for ``who``, whose turn it is."""
        if fetch is not None:
            return await self.drawn(who, job, await fetch())
        pieces = _pieces(b"") if content is None else content()
        return await self._workers.make_now(job, self._limits, pieces, size)

    def _made(self, name: str, result: asyncio.Future[KeptPicture]) -> None:
        del self._under_way[name]
        if not result.cancelled():
            result.exception()  # whoever waited has it


class _UnderWay:
    """A picture that several may wait for, each in their own line: who asks for much waits for much, and who
    wants the same picture as they do does not wait behind them."""

    def __init__(self, result: asyncio.Future[KeptPicture]) -> None:
        self.result = result
        self.contenders: dict[str, asyncio.Task[None]] = {}
        self._maker: asyncio.Task[None] | None = None

    def admits(self, who: str) -> bool:
        """Whether ``who`` may stand in line for it too. A few lines are enough, however many wait."""
        return self._maker is None and who not in self.contenders and len(self.contenders) < _CONTENDERS

    def contend(
        self, who: str, turn: AbstractAsyncContextManager[None], make: Callable[[], Awaitable[KeptPicture]]
    ) -> None:
        """Stand in line, and make the picture unless somebody else comes first."""
        task = asyncio.create_task(self._contend(turn, make))
        self.contenders[who] = task
        task.add_done_callback(partial(self._done, who))

    async def _contend(
        self, turn: AbstractAsyncContextManager[None], make: Callable[[], Awaitable[KeptPicture]]
    ) -> None:
        async with turn:
            if self._maker is not None:
                return
            self._maker = asyncio.current_task()
            made = await make()
        if not self.result.done():
            self.result.set_result(made)
            for task in self.contenders.values():
                if task is not self._maker:
                    task.cancel()

    def _done(self, who: str, task: asyncio.Task[None]) -> None:
        """End with what became of the maker, or if nobody is left who could make it."""
        del self.contenders[who]
        error = None if task.cancelled() else task.exception()
        if self.result.done() or (self.contenders and task is not self._maker):
            return
        if error is not None:
            self.result.set_exception(error)
        else:
            self.result.cancel()


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content
