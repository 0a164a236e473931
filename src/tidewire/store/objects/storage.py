"""Object storage: the content of files, streamed, under random keys.

Keys are ``<project>/<yyyymmdd>/<random>``, the day being that of the writing (UTC). An object exists
from the moment its writer finishes, whole; rows that refer to it are written afterwards. What no row
refers to is found by :meth:`ObjectStorage.sweep`.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import obstore
import structlog
from obstore.store import LocalStore, ObjectStore

from tidewire.core.time import now
from tidewire.store.machine.disk_space import disk_full

HEAD_BYTES: Final = 8192
"""Bytes of the beginning that a writer keeps."""
READ_BYTES: Final = 256 * 1024
"""Bytes of a piece when reading."""
SWEEP_GRACE_MS: Final = 6 * 3600 * 1000
"""Milliseconds for which an object may exist before a row refers to it."""

_WRITE_BYTES: Final = 256 * 1024
_MULTIPART_BYTES: Final = 5 * 1024 * 1024
"""Object stores other than a directory take no smaller parts."""
_THREADED_BYTES: Final = 128 * 1024
_SWEEP_KEYS: Final = 500
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
TRASH: Final = ".trash"
"""Below it ``<yyyymmdd>/<key>``: what the sweep took on that day."""
_DAY_MS: Final = 24 * 3600 * 1000


_log = structlog.get_logger("tidewire.store")


@dataclass(frozen=True)
class StoredObject:
    """A finished object."""

    key: str
    size: int
    """Bytes."""
    md5: str
    """Hexadecimal."""
    head: bytes
    """The first :data:`HEAD_BYTES`."""


class ObjectMissingError(Exception):
    """There is no object under the key, or it is shorter than what was asked for."""


def local_store(directory: Path) -> LocalStore:
    """Objects as files below ``directory``, which is created if needed."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(directory)


class ObjectWriter:
    """Writes one object; it comes into being only when :meth:`finish` returns.

    A writer that is not finished must be aborted, which leaves nothing behind.
    """

    def __init__(self, store: ObjectStore, key: str, *, durable: bool) -> None:
        buffer_size = _WRITE_BYTES if isinstance(store, LocalStore) else _MULTIPART_BYTES
        self._store = store
        self._durable = durable
        self._file = obstore.open_writer_async(store, key, buffer_size=buffer_size, max_concurrency=1)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._head = b""
        self._finishing = False
        self._step: Awaitable[object] | None = None
        self.key = key
        self.size = 0
        """Bytes written so far."""

    async def write(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self.size += len(data)
        if len(data) >= _THREADED_BYTES:
            await asyncio.to_thread(self._md5.update, data)
        else:
            self._md5.update(data)
        await self._whole(self._file.write(data))

    async def finish(self) -> StoredObject:
        """Complete the object. It survives a power cut from now on if the storage is durable."""
        self._finishing = True
        await self._whole(self._file.close())
        if self._durable and isinstance(self._store, LocalStore):
            assert self._store.prefix is not None
            await asyncio.to_thread(_sync, self._store.prefix, self.key)
        return StoredObject(self.key, self.size, self._md5.hexdigest(), self._head)

    async def abort(self) -> None:
        """Give up: nothing of the object remains, also if :meth:`finish` failed or was cancelled half-way."""
        # What cannot be removed now, the sweep removes; the reason for giving up must not be hidden.
        if self._step is not None:
            with suppress(OSError, obstore.exceptions.BaseError):
                await self._step
        with suppress(OSError, obstore.exceptions.BaseError):
            if self._finishing:
                await obstore.delete_async(self._store, self.key)
            else:
                await self._file.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)

    async def _whole(self, step: Awaitable[object]) -> None:
        """Wait for a step of the file, which goes on if the waiting is cancelled: :meth:`abort` waits for it.

        A step that stopped half-way could leave a file on the disk that the writer does not know of.
        """
        self._step = asyncio.ensure_future(step)
        try:
            await asyncio.shield(self._step)
        except (OSError, obstore.exceptions.BaseError) as error:
            if any(f"os error {number}" in str(error) for number in _NO_ROOM):
                raise disk_full() from error
            raise


class ObjectStorage:
    """The objects of one project."""

    def __init__(self, store: ObjectStore, project_id: str, *, durable: bool) -> None:
        self._store = store
        self._project_id = project_id
        self._durable = durable

    def writer(self) -> ObjectWriter:
        """Begin a new object under a new key."""
        key = f"{self._project_id}/{_day(now())}/{secrets.token_hex(16)}"
        return ObjectWriter(self._store, key, durable=self._durable)

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream the bytes from ``start`` up to, not including, ``end``.

        Raises :class:`ObjectMissingError`.
        """
        if start >= end:
            return
        try:
            result = await obstore.get_async(self._store, key, options={"range": (start, end)})
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            raise ObjectMissingError(f"the object {key} is missing or too short") from error
        missing = end - start
        async for piece in result.stream(min_chunk_size=READ_BYTES):
            missing -= len(piece)
            yield bytes(piece)
        if missing:
            raise ObjectMissingError(f"the object {key} is too short")

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that do not exist are no error."""
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                continue

    async def delete_all(self) -> None:
        """Delete every object of the project, those of unfinished writers too."""
        if isinstance(self._store, LocalStore):
            assert self._store.prefix is not None
            trashed = list((self._store.prefix / TRASH).glob(f"*/{self._project_id}"))
            for directory in (self._store.prefix / self._project_id, *trashed):
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            return
        async for objects in obstore.list(self._store, f"{self._project_id}/", chunk_size=_SWEEP_KEYS):
            await self.delete([each["path"] for each in objects])

    async def sweep(
        self,
        referenced: Callable[[list[str]], Awaitable[set[str]]],
        *,
        since: int = 0,
        grace_ms: int = SWEEP_GRACE_MS,
    ) -> int:
        """Put objects that no row refers to into the trash, and delete what killed writers left.

        Returns the next ``since``.

        ``referenced`` tells which of some keys rows refer to. Objects younger than ``grace_ms`` are left
        alone: a request may be about to refer to them. Only days that reach beyond ``since`` are looked at.
        """
        until = now() - grace_ms
        first_day = _day(max(0, since - _DAY_MS))
        for day in await self._days():
            if day >= first_day:
                await self._sweep_day(day, until, referenced)
        return until

    async def _sweep_day(
        self, day: str, until: int, referenced: Callable[[list[str]], Awaitable[set[str]]]
    ) -> None:
        prefix = f"{self._project_id}/{day}"
        async for objects in obstore.list(self._store, prefix, chunk_size=_SWEEP_KEYS):
            old = [each["path"] for each in objects if each["last_modified"].timestamp() * 1000 < until]
            if old and (stray := sorted(set(old) - await referenced(old))):
                await self._put_into_trash(stray)
        if isinstance(self._store, LocalStore):
            assert self._store.prefix is not None
            await asyncio.to_thread(_delete_unfinished, self._store.prefix / prefix, until)

    async def _put_into_trash(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                await obstore.rename_async(self._store, key, f"{TRASH}/{_day(now())}/{key}")
        _log.warning(
            "objects that nothing refers to were put into the trash",
            project=self._project_id,
            objects=len(keys),
            first=keys[0],
        )

    async def _days(self) -> list[str]:
        if not isinstance(self._store, LocalStore):
            listing = await obstore.list_with_delimiter_async(self._store, self._project_id)
            return sorted(prefix.rsplit("/", 1)[-1] for prefix in listing["common_prefixes"])
        assert self._store.prefix is not None
        directory = self._store.prefix / self._project_id
        return await asyncio.to_thread(lambda: sorted(entry.name for entry in _entries(directory)))


async def empty_trash(store: LocalStore, max_age_ms: int) -> None:
    """Delete what has been in the trash for longer than ``max_age_ms``, counted in whole days."""
    assert store.prefix is not None
    directory = store.prefix / TRASH
    kept_since = _day(now() - max_age_ms)
    for entry in await asyncio.to_thread(lambda: list(_entries(directory))):
        if entry.name < kept_since:
            await asyncio.to_thread(shutil.rmtree, entry.path, ignore_errors=True)


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%d")


def _sync(root: Path, key: str) -> None:
    """Wait until a file and the directories that lead to it are on the disk."""
    path = root / key
    for each in (path, path.parent, path.parent.parent, root):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _delete_unfinished(directory: Path, until: int) -> None:
    """Delete the files of writers that were killed: they have a ``#`` in their names."""
    for entry in _entries(directory):
        if "#" in entry.name and entry.stat().st_mtime * 1000 < until:
            Path(entry.path).unlink(missing_ok=True)


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except FileNotFoundError:
        return
