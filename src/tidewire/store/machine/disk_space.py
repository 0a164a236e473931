"""Room on the disk: a reserve that is given up when the disk is full, so that things can still be deleted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import structlog

from tidewire.core.errors import TidewireError
from tidewire.store.secrets.secret_file import SECRETS_NAME

LOOK_SECONDS: Final = 1.0
"""Between two looks at how much is free."""
_LARGEST_SHARE: Final = 20
"""The reserve is at most this part of the disk."""
_log = structlog.get_logger("tidewire.store")


class DiskSpace:
    """Watches the disk of a data directory for all processes on it.

    While there is room, the file ``reserve`` holds some. When less than a quarter of its size is free beside
    it, it is removed, and only deletions are let through until twice its size is free. Costs microseconds.
    """

    def __init__(self, directory: Path, reserve_bytes: int) -> None:
        self._directory = directory
        self._path = directory / "reserve"
        self._wanted = reserve_bytes
        self._look_again_at = 0.0
        self._full = False

    def is_full(self, *, look: bool = False) -> bool:
        """Whether only deletions may be written; ``look``: find it out now, so that a deletion has room."""
        if look or time.monotonic() >= self._look_again_at:
            self._look_again_at = time.monotonic() + LOOK_SECONDS
            full = self._settle()
            if full != self._full:
                self._full = full
                if full:
                    _log.error("the disk is full: only deletions are served", path=str(self._directory))
                else:
                    _log.info("the disk has room again", path=str(self._directory))
        return self._full

    def _settle(self) -> bool:
        try:
            disk = os.statvfs(self._directory)
        except FileNotFoundError:
            return False  # it is about to be made
        free = disk.f_bavail * disk.f_frsize
        reserve = min(self._wanted, disk.f_blocks * disk.f_frsize // _LARGEST_SHARE)
        if not reserve:
            return False
        if self._path.exists():
            if free < reserve // 4:
                self._path.unlink(missing_ok=True)
                return True
            return False
        if not (self._directory / SECRETS_NAME).exists():
            return False  # it is no data directory, or not yet
        return free < 2 * reserve or not self._take(reserve)

    def _take(self, size: int) -> bool:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True


def disk_full() -> TidewireError:
    """The error for what cannot be written because the disk is full."""
    return TidewireError(
        "general_disk_full",
        "The disk of the server is full: nothing can be stored until something is deleted.",
    )
