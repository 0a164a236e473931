"""Large results that are being made into answers: bounded in bytes, whatever thread makes them."""

from __future__ import annotations

import threading
from typing import Final

from tidewire.core.errors import TidewireError

LARGE_RESULT: Final = 1024 * 1024
"""Bytes from which on a result is counted."""


class LargeResults:
    """All of them in one process. A single one may have any size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.size = 0
        """Bytes of all of them."""

    def take(self, size: int) -> None:
        """Count a result. Raises ``general_server_busy``."""
        with self._lock:
            if self.size and self.size + size > self._limit:
                raise TidewireError(
                    "general_server_busy", "The server is making as many large answers as it may: try again."
                )
            self.size += size

    def release(self, size: int) -> None:
        """It is written, or was given up."""
        with self._lock:
            self.size -= size


class HeldResults:
    """What one request holds of them."""

    __slots__ = ("_all", "_size")

    def __init__(self, results: LargeResults) -> None:
        self._all = results
        self._size = 0

    def take(self, size: int) -> None:
        """Hold ``size`` more bytes until the answer is written. Raises ``general_server_busy``."""
        if size > LARGE_RESULT:
            self._all.take(size)
            self._size += size

    def release(self) -> None:
        """Hold nothing any more."""
        if self._size:
            self._all.release(self._size)
            self._size = 0
