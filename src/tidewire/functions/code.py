"""The code of deployments, unpacked on this machine when it is needed."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from pathlib import Path
from typing import Final

from tidewire.functions.archives import ArchiveBounds, unpack
from tidewire.functions.contract import Run, TooLargeError
from tidewire.functions.scratch import Scratch, make_folder, remove_tree

Key = tuple[str, str]
"""Project and deployment."""
_numbers: Final = itertools.count(1)


class UnpackedCode:
    """A folder for each deployment that was run lately; those that were not are deleted."""

    def __init__(self, scratch: Scratch, bounds: ArchiveBounds, packed_max_bytes: int, kept: int) -> None:
        self._scratch = scratch
        self._bounds = bounds
        self._packed_max_bytes = packed_max_bytes
        self._kept = kept
        self._folders: OrderedDict[Key, asyncio.Task[Path]] = OrderedDict()
        self._used: dict[Path, int] = {}

    async def folder(self, key: Key, run: Run) -> Path:
        """The folder with the code, for one process; :meth:`release` it. Unpacked once, whoever asks.

        Raises :class:`BadArchiveError`, :class:`TooLargeError`, OSError, and what ``run.archive`` raises.
        """
        task = self._folders.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._folders[key] = asyncio.get_running_loop().create_task(self._unpack(run))
        self._folders.move_to_end(key)
        folder = await asyncio.shield(task)
        self._used[folder] = self._used.get(folder, 0) + 1
        self._trim()
        return folder

    def release(self, folder: Path) -> None:
        """A process that used the folder has ended; it may have been forgotten meanwhile."""
        if folder in self._used:
            self._used[folder] -= 1

    def forget(self, key: Key) -> None:
        """Delete the code of a deployment that no process uses any more."""
        task = self._folders.pop(key, None)
        if task is not None:
            task.add_done_callback(self._delete)

    def _trim(self) -> None:
        surplus = len(self._folders) - self._kept
        for key, task in list(self._folders.items()):
            if surplus <= 0:
                return
            if (
                task.done()
                and not task.cancelled()
                and task.exception() is None
                and not self._used.get(task.result())
            ):
                self.forget(key)
                surplus -= 1

    def _delete(self, task: asyncio.Task[Path]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._used.pop(task.result(), None)
            asyncio.get_running_loop().run_in_executor(None, remove_tree, task.result())

    async def _unpack(self, run: Run) -> Path:
        number = next(_numbers)
        archive, folder = self._scratch.path / f"{number}.tar.gz", self._scratch.path / f"{number}.code"
        try:
            await self._fetch(run, archive)
            make_folder(folder, 0o755)
            await asyncio.to_thread(unpack, archive, folder, self._bounds)
        except BaseException:
            await asyncio.to_thread(remove_tree, folder)
            raise
        finally:
            archive.unlink(missing_ok=True)
        return folder

    async def _fetch(self, run: Run, archive: Path) -> None:
        size = 0
        with archive.open("wb") as file:
            async for piece in run.archive():
                size += len(piece)
                if size > self._packed_max_bytes:
                    raise TooLargeError(f"The archive is larger than {self._packed_max_bytes} bytes.")
                await asyncio.to_thread(file.write, piece)
