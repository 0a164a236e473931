"""Writing of one object: as it arrives, coded where wanted, and nothing left of what is given up."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final

import obstore
import structlog

from tidewire.core.uploads import PLAIN, Compression, Storing
from tidewire.store.machine.disk_space import disk_full
from tidewire.store.objects.coding import Encoder
from tidewire.store.objects.stores import ObjectStore
from tidewire.store.secrets.file_keys import FileKeys

HEAD_BYTES: Final = 8192
"""Bytes of the beginning that a writer keeps."""

_THREADED_BYTES: Final = 128 * 1024
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

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
    stored_size: int
    """Bytes that it takes, compressed and encrypted."""
    compression: Compression = "none"
    sealed_key: str = ""
    """What opens it; empty if it is not encrypted."""


class ObjectWriter:
    """Writes one object; it comes into being only when :meth:`finish` returns.

    A writer that is not finished must be aborted, which leaves nothing behind.
    """

    def __init__(
        self, store: ObjectStore, key: str, storing: Storing, keys: FileKeys | None, *, durable: bool
    ) -> None:
        self._store = store
        self._compression: Compression = storing.compression
        self._encoder: Encoder | None = None
        self._sealed_key = ""
        secret = None
        if storing.encrypted:
            assert keys is not None, "what is to be encrypted needs keys"
            secret, self._sealed_key = keys.new(key)
        if storing != PLAIN:
            self._encoder = Encoder(key, storing.compression, secret)
        self._durable = durable
        self._file = obstore.open_writer_async(
            store.store, key, buffer_size=store.part_bytes, max_concurrency=1
        )
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._head = b""
        self._finishing = False
        self._given_up = False
        self._step: asyncio.Future[object] | None = None
        self.key = key
        self.size = 0
        """Bytes of content so far."""
        self._stored_size = 0

    async def write(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self.size += len(data)
        if len(data) >= _THREADED_BYTES:
            await asyncio.to_thread(self._md5.update, data)
        else:
            self._md5.update(data)
        encoder = self._encoder
        if encoder is not None:
            if encoder.compresses and encoder.completes_block(len(data)):
                data = await asyncio.to_thread(encoder.add, data)
            else:
                data = encoder.add(data)
        await self._store_bytes(data)

    async def finish(self) -> StoredObject:
        """Complete the object. It survives a power cut from now on if the storage is durable."""
        if self._encoder is not None:
            await self._store_bytes(self._encoder.end())
        self._finishing = True
        await self._whole(self._file.close())
        if self._durable:
            await self._store.settle(self.key)
        return StoredObject(
            self.key,
            self.size,
            self._md5.hexdigest(),
            self._head,
            self._stored_size,
            self._compression,
            self._sealed_key,
        )

    async def abort(self) -> None:
        """Give up: nothing of the object remains, also if :meth:`finish` failed or was cancelled half-way.

        It is done to its end even if who waits for it is cancelled, who learns of that afterwards.
        """
        cancelled = await _done(self._step) if self._step is not None else None
        if self._finishing:
            removal = obstore.delete_async(self._store.store, self.key)
        else:
            removal = self._file.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)
        removed = asyncio.ensure_future(removal)
        cancelled = await _done(removed) or cancelled
        # What cannot be removed now, the sweep removes; the reason for giving up must not be hidden.
        error = removed.exception()
        if error is not None and not isinstance(error, FileNotFoundError) and not self._given_up:
            _log.warning("an unfinished object cannot be removed", key=self.key, reason=str(error))
        self._given_up = True
        if cancelled is not None:
            raise cancelled

    async def _store_bytes(self, data: bytes) -> None:
        self._stored_size += len(data)
        if data:
            await self._whole(self._file.write(data))

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


async def _done(step: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait for a step to its end, whatever became of it; the cancellation that arrived meanwhile, if any."""
    cancelled = None
    while not step.done():
        try:
            await asyncio.wait([step])
        except asyncio.CancelledError as error:
            cancelled = error
    if not step.cancelled():
        step.exception()  # which is looked at by whoever wants to know
    return cancelled
