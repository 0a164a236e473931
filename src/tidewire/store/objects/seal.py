"""Single files beside the objects that show something of an encrypted one: encrypted too, read in any range.

A salt stands before the blocks, from which with the key of the object the key of this one file is derived.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from tidewire.store.objects.coding import BLOCK_BYTES, TAG_BYTES, DamagedError, Decoder, Encoder
from tidewire.store.secrets.purposes import derived_key

_SALT_BYTES: Final = 16


class FileSeal:
    """Seals files with the ``key`` (32 bytes) of the object that they show something of."""

    def __init__(self, key: bytes) -> None:
        self._secret = key

    def sealed(self, name: str, content: bytes) -> bytes:
        """What the file of this name is to hold."""
        salt = os.urandom(_SALT_BYTES)
        encoder = Encoder(name, "none", self._key(salt))
        return salt + encoder.add(content) + encoder.end()

    def size_of(self, file_bytes: int) -> int:
        """Bytes of content in a file of so many."""
        held = max(0, file_bytes - _SALT_BYTES)
        return max(0, held - TAG_BYTES * -(-held // (BLOCK_BYTES + TAG_BYTES)))

    def opened(self, file: BinaryIO, name: str, file_bytes: int, start: int, end: int) -> bytes:
        """The content from ``start`` up to ``end``. Raises OSError if the file was changed."""
        salt = file.read(_SALT_BYTES)
        try:
            size = self.size_of(file_bytes)
            decoder = Decoder(name, size, file_bytes - _SALT_BYTES, "none", self._key(salt))
            first, last = start // BLOCK_BYTES, -(-end // BLOCK_BYTES)
            begin, stop = decoder.place(first, last)
            file.seek(_SALT_BYTES + begin)
            content = decoder.open(first, last, file.read(stop - begin))
        except DamagedError as error:
            raise OSError(f"the file {name} cannot be opened: {error}") from None
        return content[start - first * BLOCK_BYTES : end - first * BLOCK_BYTES]

    def _key(self, salt: bytes) -> bytes:
        return derived_key(self._secret, b"tidewire sealed file " + salt)
