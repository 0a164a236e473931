"""Object storage: the content of files, streamed, under random keys, compressed and encrypted where wanted.

Keys are ``<project>/<yyyymmdd>/<random>``, the day being that of the writing (UTC). An object exists
from the moment its writer finishes, whole; rows that refer to it are written afterwards. What no row
refers to is found by :meth:`ObjectStorage.sweep`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import obstore
import structlog

from tidewire.core.time import now
from tidewire.core.uploads import PLAIN, Compression, Storing
from tidewire.store.objects.coding import BLOCK_BYTES, DamagedError, Decoder
from tidewire.store.objects.stores import LISTED_KEYS, TRASH, ObjectStore, day_of
from tidewire.store.objects.writing import ObjectWriter
from tidewire.store.secrets.file_keys import FileKeys, SealedKeyError

READ_BYTES: Final = 256 * 1024
"""Bytes of a piece when reading."""
SWEEP_GRACE_MS: Final = 6 * 3600 * 1000
"""Milliseconds for which an object may exist before a row refers to it."""

_BLOCKS: Final = READ_BYTES // BLOCK_BYTES
"""Of an object that are read together."""
_DAY_MS: Final = 24 * 3600 * 1000


_log = structlog.get_logger("tidewire.store")


class Content(Protocol):
    """What is known of an object's content, beside it."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int:
        """Bytes of the content."""

    @property
    def stored_size(self) -> int:
        """Bytes of the object, where it is compressed or encrypted."""

    @property
    def compression(self) -> Compression: ...
    @property
    def sealed_key(self) -> str:
        """What opens it; empty if it is not encrypted."""


class ObjectMissingError(Exception):
    """Raised where there is no object under the key, or it is shorter than what was asked for, or was
    changed."""


class ObjectStorage:
    """The objects of one project."""

    def __init__(
        self, store: ObjectStore, project_id: str, *, durable: bool, keys: FileKeys | None = None
    ) -> None:
        """Without ``keys`` nothing can be encrypted, and nothing that is encrypted be read."""
        self._store = store
        self._project_id = project_id
        self._durable = durable
        self.keys = keys
        """The keys of what is encrypted."""

    def writer(self, storing: Storing = PLAIN) -> ObjectWriter:
        """Begin a new object under a new key."""
        key = f"{self._project_id}/{day_of(now())}/{secrets.token_hex(16)}"
        return ObjectWriter(self._store, key, storing, self.keys, durable=self._durable)

    async def read_content(self, content: Content, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream the bytes from ``start`` up to, not including, ``end`` of what an object holds.

        Of one that is compressed or encrypted only the blocks that these bytes lie in are read. Raises
        :class:`ObjectMissingError`, also if the object is not what was written.
        """
        if start >= end:
            return
        if content.compression == "none" and not content.sealed_key:
            async for piece in self.read(content.key, start, end):
                yield piece
            return
        decoder = await self._decoder(content)
        last = -(-end // BLOCK_BYTES)
        for first in range(start // BLOCK_BYTES, last, _BLOCKS):
            opened = await self._opened(content.key, decoder, first, min(first + _BLOCKS, last))
            offset = first * BLOCK_BYTES
            yield opened[max(start - offset, 0) : end - offset]

    async def read_whole(self, content: Content) -> bytes:
        """All that an object holds, in memory. Raises what :meth:`read_content` raises."""
        if content.compression == "none" and not content.sealed_key:
            return await self.read_at_once(content.key, content.size)
        return b"".join([piece async for piece in self.read_content(content, 0, content.size)])

    def secret_of(self, content: Content) -> bytes | None:
        """The key of an object; None if it is not encrypted. Raises :class:`ObjectMissingError`."""
        if not content.sealed_key:
            return None
        assert self.keys is not None, "what is encrypted needs keys"
        try:
            return self.keys.open(content.sealed_key, content.key)
        except SealedKeyError as error:
            raise ObjectMissingError(f"the object {content.key} cannot be opened: {error}") from None

    async def _decoder(self, content: Content) -> Decoder:
        secret = self.secret_of(content)
        try:
            decoder = Decoder(content.key, content.size, content.stored_size, content.compression, secret)
            if decoder.index[1]:
                decoder.read_index(await self._range(content.key, *decoder.index))
        except DamagedError as error:
            raise ObjectMissingError(f"the object {content.key} cannot be opened: {error}") from None
        return decoder

    async def _opened(self, key: str, decoder: Decoder, first: int, last: int) -> bytes:
        stored = await self._range(key, *decoder.place(first, last))
        try:
            if decoder.compressed:
                return await asyncio.to_thread(decoder.open, first, last, stored)
            return decoder.open(first, last, stored)
        except DamagedError as error:
            raise ObjectMissingError(f"the object {key} cannot be opened: {error}") from None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Stream the bytes from ``start`` up to, not including, ``end``.

        Raises :class:`ObjectMissingError`.
        """
        if start >= end:
            return
        try:
            result = await obstore.get_async(self._store.store, key, options={"range": (start, end)})
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            raise ObjectMissingError(f"the object {key} is missing or too short") from error
        missing = end - start
        pieces = result.stream(min_chunk_size=READ_BYTES)
        while True:
            try:
                piece = await anext(pieces, None)
            except (OSError, obstore.exceptions.BaseError) as error:
                raise ObjectMissingError(f"the object {key} cannot be read to its end: {error}") from error
            if piece is None:
                break
            missing -= len(piece)
            yield bytes(piece)
        if missing:
            raise ObjectMissingError(f"the object {key} is too short")

    async def read_at_once(self, key: str, size: int) -> bytes:
        """All bytes of an object of ``size`` bytes: with much less work than in a stream, but in memory.

        Raises :class:`ObjectMissingError`.
        """
        return await self._range(key, 0, size) if size else b""

    async def _range(self, key: str, start: int, end: int) -> bytes:
        try:
            content = bytes(await obstore.get_range_async(self._store.store, key, start=start, end=end))
        except (OSError, obstore.exceptions.BaseError) as error:
            raise ObjectMissingError(f"the object {key} is missing or too short") from error
        if len(content) < end - start:
            raise ObjectMissingError(f"the object {key} is too short")
        return content

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that do not exist are no error."""
        for key in keys:
            try:
                await obstore.delete_async(self._store.store, key)
            except FileNotFoundError:
                continue

    async def delete_all(self) -> None:
        """Delete every object of the project, those of unfinished writers too."""
        await self._store.delete_project(self._project_id)

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
        first_day = day_of(max(0, since - _DAY_MS))
        for day in await self._store.days(self._project_id):
            if day >= first_day:
                await self._sweep_day(day, until, referenced)
        return until

    async def _sweep_day(
        self, day: str, until: int, referenced: Callable[[list[str]], Awaitable[set[str]]]
    ) -> None:
        prefix = f"{self._project_id}/{day}"
        async for objects in obstore.list(self._store.store, prefix, chunk_size=LISTED_KEYS):
            old = [each["path"] for each in objects if each["last_modified"].timestamp() * 1000 < until]
            if old and (stray := sorted(set(old) - await referenced(old))):
                await self._put_into_trash(stray)
        await self._store.delete_unfinished(prefix, until)

    async def _put_into_trash(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                await obstore.rename_async(self._store.store, key, f"{TRASH}/{day_of(now())}/{key}")
        _log.warning(
            "objects that nothing refers to were put into the trash",
            project=self._project_id,
            objects=len(keys),
            first=keys[0],
        )
