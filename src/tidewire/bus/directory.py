"""The meeting place of the processes of a data directory: a Unix socket for each, named as its process is."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Final

from tidewire.core.ids import is_id

_NAME: Final = "mesh"
_SETTLED_NS: Final = 1_000_000_000
"""More than lies between two ticks of the clock that changes of a directory are dated by."""


class Meeting:
    """The directory of the sockets, open until :meth:`close`.

    Raises FileNotFoundError if no process was ever there, unless it is to be made.
    """

    def __init__(self, data_dir: Path, *, make: bool = False) -> None:
        self.path: Final = data_dir / _NAME
        if make:
            self.path.mkdir(mode=0o700, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # Through the directory's descriptor: the address of a Unix socket has about 100 bytes.
        through = Path(f"/proc/self/fd/{self._descriptor}")
        self._through = str(through if through.exists() else self.path)
        self._names: list[str] = []
        self._changed_at = 0

    def names(self) -> list[str]:
        """The processes that listen, and those that were killed and have left their sockets.

        Takes a microsecond while nobody comes or goes.
        """
        changed_at = os.fstat(self._descriptor).st_mtime_ns
        if changed_at != self._changed_at:
            # The system's clock is coarse: just after a change another one would not be seen.
            settled = time.time_ns() - changed_at > _SETTLED_NS
            self._names = [name for name in os.listdir(self.path) if is_id(name)]  # noqa: PTH208
            self._changed_at = changed_at if settled else 0
        return self._names

    def address(self, name: str) -> str:
        """The address of a process's socket."""
        return f"{self._through}/{name}"

    def connected(self, name: str) -> socket.socket:
        """A connection to a process, which does not block. Raises OSError."""
        raw = socket.socket(socket.AF_UNIX)
        raw.setblocking(False)
        try:
            raw.connect(self.address(name))
        except OSError:
            raw.close()
            raise
        return raw

    def close(self) -> None:
        """Forget the directory."""
        os.close(self._descriptor)
