"""Work that one process of a data directory does for all."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 0.5
"""Between two tries to get the lock; a process that dies is followed by another that soon."""


@asynccontextmanager
async def only_process(path: Path) -> AsyncIterator[None]:
    """Hold the lock file ``path``; waits while another process does. The system lets go of it at our end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)  # nobody tells that a lock of another process is free
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
