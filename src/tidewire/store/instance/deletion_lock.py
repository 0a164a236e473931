"""The lock between backups and deletions of objects.

No object is deleted while a backup is made: the databases in it refer to the objects that were there when it
began.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NAME: Final = "backup.lock"


@contextmanager
def deleting(directory: Path) -> Iterator[bool]:
    """Whether objects of the data directory may be deleted now, and nobody forbids it meanwhile."""
    with _opened(directory) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def nothing_deleted(directory: Path) -> Iterator[None]:
    """Keep all objects of the data directory; waits for deletions that are under way."""
    with _opened(directory) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
