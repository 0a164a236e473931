"""The write queue: messages that wait until their client reads, joined to blocks to save memory."""

from __future__ import annotations

from collections import deque
from typing import Final

BLOCK_BYTES: Final = 8 * 1024
"""Bytes at which waiting messages are joined to a block; larger messages are blocks of their own."""


class WriteQueue:
    """Messages in their order, which are taken out a block at a time."""

    __slots__ = ("_blocks", "_latest", "_latest_bytes", "_size")

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._latest: list[bytes] = []
        """Messages that are not joined yet."""
        self._latest_bytes = 0
        self._size = 0

    def __len__(self) -> int:
        """Bytes of all of them."""
        return self._size

    def add(self, message: bytes) -> None:
        """Put a message at the end."""
        self._latest.append(message)
        self._latest_bytes += len(message)
        self._size += len(message)
        if self._latest_bytes >= BLOCK_BYTES:
            self._join()

    def take(self) -> bytes:
        """The first messages, joined; empty if there is none."""
        if not self._blocks:
            self._join()
        block = self._blocks.popleft()
        self._size -= len(block)
        return block

    def _join(self) -> None:
        self._blocks.append(b"".join(self._latest))
        self._latest.clear()
        self._latest_bytes = 0
