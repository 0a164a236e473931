"""The serving processes of a data directory: each has an id, and whether it still runs can be told.

A process holds a lock on a file of its own for as long as it lives; the system gives the lock back however
the process ends. So nobody has to write "I am alive" again and again, and nobody has to wait before a process
that was killed is known to be gone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from tidewire.core.ids import unique_id

_DIRECTORY: Final = "processes"


class LivingProcess:
    """This process's entry; it exists until :meth:`close`, or until the process ends."""

    def __init__(self, data_dir: Path) -> None:
        self.id: Final = unique_id()
        """Never used again."""
        directory = data_dir / _DIRECTORY
        directory.mkdir(mode=0o700, exist_ok=True)
        self._path = directory / self.id
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def close(self) -> None:
        """Leave; to be called once nothing needs the process's id any more."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_alive(data_dir: Path, process_id: str) -> bool:
    """Whether the process with this id runs. What is left of one that does not is removed."""
    path = data_dir / _DIRECTORY / process_id
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
