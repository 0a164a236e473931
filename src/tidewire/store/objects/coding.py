"""Content as it is stored: compressed, encrypted, or both, in blocks that are read each by itself.

Content is cut into blocks of :data:`BLOCK_BYTES`. A block is compressed, unless that makes it no shorter, and
then encrypted with AES-256-GCM. Where blocks are compressed, an index stands behind the last one: the length
of each, four bytes long and the big end first, encrypted as the blocks are.

Each object has a key of its own, made for it alone, so that the number of a block serves as its nonce (NIST
SP 800-38D, 8.2.1). The name of the object and its compression are authenticated with each block. So a block
that was changed, left out, repeated or put elsewhere, in this object or another, does not open.

Everything here is synchronous and without I/O. Compression takes about a millisecond a block (gzip) or a
third of it (zstd), encryption some forty microseconds.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, cast

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidewire.core.uploads import Compression

try:
    from isal import isal_zlib as _zlib  # several times as fast
except ImportError:
    _zlib = cast("Any", zlib)

BLOCK_BYTES: Final = 128 * 1024
"""Bytes of content in each block but the last."""
TAG_BYTES: Final = 16

_LENGTH_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_INDEX: Final = 2**64
"""The number of the index, which no block has."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 3
_FAILURES: Final[tuple[type[Exception], ...]] = (zstandard.ZstdError, zlib.error, cast("Any", _zlib).error)


class DamagedError(Exception):
    """What is stored is not what was written."""


class _Cipher:
    """Seals and opens the blocks of one object; without a key they stay as they are."""

    def __init__(self, name: str, compression: Compression, key: bytes | None) -> None:
        self._cipher = AESGCM(key) if key else None
        self._about = f"{compression}:{name}:".encode()
        self.overhead = TAG_BYTES if key else 0
        """Bytes that a block becomes longer by."""

    def seal(self, number: int, block: bytes) -> bytes:
        if self._cipher is None:
            return block
        return self._cipher.encrypt(number.to_bytes(_NONCE_BYTES), block, self._about)

    def open(self, number: int, block: bytes) -> bytes:
        if self._cipher is None:
            return block
        try:
            return self._cipher.decrypt(number.to_bytes(_NONCE_BYTES), block, self._about)
        except InvalidTag:
            raise DamagedError("a block of it was changed") from None


class Encoder:
    """Makes of content, as it comes, what is stored. ``key`` (32 bytes) must serve for no other object."""

    def __init__(self, name: str, compression: Compression, key: bytes | None) -> None:
        self._compression: Compression = compression
        self._cipher = _Cipher(name, compression, key)
        self._pending = bytearray()
        self._lengths = bytearray()
        self._number = 0

    @property
    def compresses(self) -> bool:
        """Whether blocks take so long that they are better made in a thread."""
        return self._compression != "none"

    def completes_block(self, size: int) -> bool:
        """Whether ``size`` more bytes make a block complete."""
        return len(self._pending) + size >= BLOCK_BYTES

    def add(self, data: bytes) -> bytes:
        """Take ``data``, and return what is to be stored by now."""
        self._pending += data
        whole = len(self._pending) - len(self._pending) % BLOCK_BYTES
        if not whole:
            return b""
        blocks = bytes(memoryview(self._pending)[:whole])
        del self._pending[:whole]
        return b"".join(self._stored(blocks[at : at + BLOCK_BYTES]) for at in range(0, whole, BLOCK_BYTES))

    def end(self) -> bytes:
        """What is still to be stored, once all content was added."""
        rest = self._stored(bytes(self._pending)) if self._pending else b""
        if not self._lengths:
            return rest
        return rest + self._cipher.seal(_INDEX, bytes(self._lengths))

    def _stored(self, block: bytes) -> bytes:
        if self._compression != "none":
            compressed = _compressed(self._compression, block)
            if len(compressed) < len(block):
                block = compressed
            self._lengths += len(block).to_bytes(_LENGTH_BYTES)
        self._number += 1
        return self._cipher.seal(self._number - 1, block)


class Decoder:
    """Finds and opens the blocks of one object, of ``size`` bytes of content in ``stored_size`` bytes."""

    def __init__(
        self, name: str, size: int, stored_size: int, compression: Compression, key: bytes | None
    ) -> None:
        self._size = size
        self._compression: Compression = compression
        self._cipher = _Cipher(name, compression, key)
        self.count = -(-size // BLOCK_BYTES)
        """The number of blocks."""
        self._ends: list[int] = []
        self._index_start = stored_size
        if compression != "none" and size:
            self._index_start -= _LENGTH_BYTES * self.count + self._cipher.overhead
            self.index = (self._index_start, stored_size)
            """Where the index is, which :meth:`read_index` needs first; empty if there is none."""
        else:
            self.index = (0, 0)
        if self._index_start < 0:
            raise DamagedError("it is too short")

    def read_index(self, stored: bytes) -> None:
        """Take the index. Raises :class:`DamagedError`."""
        lengths = self._cipher.open(_INDEX, stored)
        end = 0
        for number in range(self.count):
            at = number * _LENGTH_BYTES
            length = int.from_bytes(lengths[at : at + _LENGTH_BYTES])
            if not 0 < length <= self._length(number):
                raise DamagedError("its index was changed")
            end += length + self._cipher.overhead
            self._ends.append(end)
        if end != self._index_start:
            raise DamagedError("its index was changed")

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Where the blocks from ``first`` up to, not including, ``last`` are."""
        return self._start(first), self._start(last)

    def open(self, first: int, last: int, stored: bytes) -> bytes:
        """The content of the blocks from ``first`` up to ``last``. Raises :class:`DamagedError`."""
        begin = self._start(first)
        return b"".join(
            self._opened(number, stored[self._start(number) - begin : self._start(number + 1) - begin])
            for number in range(first, last)
        )

    @property
    def compressed(self) -> bool:
        """Whether blocks take so long that they are better opened in a thread."""
        return self._compression != "none"

    def _opened(self, number: int, stored: bytes) -> bytes:
        length = self._length(number)
        block = self._cipher.open(number, stored)
        if self._compression != "none" and len(block) < length:
            block = _decompressed(self._compression, block, length)
        if len(block) != length:
            raise DamagedError("a block of it was cut")
        return block

    def _length(self, number: int) -> int:
        """Bytes of content in a block."""
        return min(BLOCK_BYTES, self._size - number * BLOCK_BYTES)

    def _start(self, number: int) -> int:
        if self._ends:
            return self._ends[number - 1] if number else 0
        return min(number * BLOCK_BYTES, self._size) + number * self._cipher.overhead


def _compressed(compression: Compression, block: bytes) -> bytes:
    if compression == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(block)
    return bytes(_zlib.compress(block, _GZIP_LEVEL, _GZIP))


def _decompressed(compression: Compression, block: bytes, length: int) -> bytes:
    """The content of a block, of which no more than ``length`` bytes are made, whatever it says of itself."""
    try:
        if compression == "zstd":
            if zstandard.frame_content_size(block) != length:
                raise DamagedError("a block of it was changed")
            return zstandard.ZstdDecompressor().decompress(block)
        stream = _zlib.decompressobj(_GZIP)
        content = bytes(stream.decompress(block, length + 1))
        if not stream.eof:
            raise DamagedError("a block of it was changed")
        return content
    except _FAILURES as error:
        raise DamagedError(f"a block of it was changed: {error}") from None
