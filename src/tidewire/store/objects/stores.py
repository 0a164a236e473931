"""Where objects are kept: in a directory, or in whatever else obstore speaks to."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import obstore
from obstore.store import LocalStore

LISTED_KEYS: Final = 500
"""The most keys of objects that are listed or looked at together."""
TRASH: Final = ".trash"
"""Below it ``<yyyymmdd>/<key>``: what the sweep took on that day."""


class ObjectStore(Protocol):
    """One place for the objects of all projects. It belongs to no event loop and keeps no state.

    * *Atomicity*: an object is there whole from the moment its writer is closed, and never changes.
    * *Visibility*: what is there is seen at once by every process, what was deleted by none.
    * *Order*: none is promised between objects. Rows refer to an object only after it is there.
    * *Crash*: of a writer that was not closed nothing can be read; :meth:`delete_unfinished`, or whoever runs
      the store, takes away what it left.
    * Every method is called on an event loop and may take as long as the store does. What the store cannot do
      is raised as OSError or ``obstore.exceptions.BaseError``.
    """

    @property
    def store(self) -> obstore.store.ObjectStore:
        """What reads, writes, lists and renames single objects."""

    @property
    def part_bytes(self) -> int:
        """Bytes that are written together."""

    async def settle(self, key: str) -> None:
        """Return when an object that was written survives a power cut."""

    async def days(self, project_id: str) -> list[str]:
        """The days (``yyyymmdd``) on which objects of a project were written, in order."""

    async def delete_project(self, project_id: str) -> None:
        """Delete every object of a project, those of unfinished writers and in the trash too."""

    async def delete_unfinished(self, prefix: str, until: int) -> None:
        """Delete what writers left unfinished below ``prefix`` and before ``until`` (ms since the epoch)."""

    async def empty_trash(self, kept_since: str) -> None:
        """Delete what was put into the trash before a day."""


class DirectoryStore:
    """Objects as files below a directory, which is created if needed."""

    part_bytes: Final = 256 * 1024

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = LocalStore(root)
        self._root = root

    async def settle(self, key: str) -> None:
        """Return when the file and the directories that lead to it are on the disk."""
        await asyncio.to_thread(self._sync, self._root / key)

    async def days(self, project_id: str) -> list[str]:
        """The directories of a project."""
        return await asyncio.to_thread(
            lambda: sorted(entry.name for entry in _entries(self._root / project_id))
        )

    async def delete_project(self, project_id: str) -> None:
        """Delete the directories of a project."""
        trashed = (self._root / TRASH).glob(f"*/{project_id}")
        for directory in (self._root / project_id, *trashed):
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def delete_unfinished(self, prefix: str, until: int) -> None:
        """Delete the files of writers that were killed: they have a ``#`` in their names."""

        def delete() -> None:
            for entry in _entries(self._root / prefix):
                if "#" in entry.name and entry.stat().st_mtime * 1000 < until:
                    Path(entry.path).unlink(missing_ok=True)

        await asyncio.to_thread(delete)

    async def empty_trash(self, kept_since: str) -> None:
        """Delete the directories of days before that one."""
        for entry in await asyncio.to_thread(lambda: list(_entries(self._root / TRASH))):
            if entry.name < kept_since:
                await asyncio.to_thread(shutil.rmtree, entry.path, ignore_errors=True)

    def _sync(self, path: Path) -> None:
        for each in (path, path.parent, path.parent.parent, self._root):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class KeyedStore:
    """Objects under keys in a store of obstore's that is no directory, such as S3 or memory.

    It takes parts of 5 MiB at least. Of unfinished writers nothing can be listed: rules of the store itself
    have to take away what they left.
    """

    part_bytes: Final = 5 * 1024 * 1024

    def __init__(self, store: obstore.store.ObjectStore) -> None:
        self.store = store

    async def settle(self, key: str) -> None:
        """The store answers only when it has the object for good."""

    async def days(self, project_id: str) -> list[str]:
        """The common beginnings of the keys of a project."""
        listing = await obstore.list_with_delimiter_async(self.store, project_id)
        return sorted(prefix.rsplit("/", 1)[-1] for prefix in listing["common_prefixes"])

    async def delete_project(self, project_id: str) -> None:
        """Delete every object whose key names the project."""
        await self._delete_below(f"{project_id}/")
        for day in await self._trash_days():
            await self._delete_below(f"{TRASH}/{day}/{project_id}/")

    async def delete_unfinished(self, prefix: str, until: int) -> None:
        """Nothing of them is known here."""

    async def empty_trash(self, kept_since: str) -> None:
        """Delete the objects of days before that one."""
        for day in await self._trash_days():
            if day < kept_since:
                await self._delete_below(f"{TRASH}/{day}/")

    async def _trash_days(self) -> list[str]:
        listing = await obstore.list_with_delimiter_async(self.store, TRASH)
        return [prefix.rsplit("/", 1)[-1] for prefix in listing["common_prefixes"]]

    async def _delete_below(self, prefix: str) -> None:
        async for objects in obstore.list(self.store, prefix, chunk_size=LISTED_KEYS):
            await obstore.delete_async(self.store, [each["path"] for each in objects])


def day_of(ms: int) -> str:
    """The day (UTC) of a moment in milliseconds since the epoch, as ``yyyymmdd``."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%d")


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except FileNotFoundError:
        return
