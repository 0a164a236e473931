"""Who serves a data directory: one server at a time, of however many worker processes.

Two servers on one directory would share no limits, and each would believe that it is the only one. The lock
is held by the process that was started, which watches over the others; the system gives it back however that
process ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec

from tidewire.core.time import format_datetime, now

_FILE: Final = "serve.lock"
_MOST_BYTES: Final = 4096


class AlreadyServedError(Exception):
    """Another process serves the directory; the text names it in one line."""


class _Server(msgspec.Struct):
    pid: int
    since: str
    address: str = ""


class ServingLock:
    """The right to serve a directory, which is created if it is missing; from here until :meth:`close`.

    Raises :class:`AlreadyServedError`, or OSError if the directory cannot be used.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_dir / _FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            said = os.pread(self._descriptor, _MOST_BYTES, 0)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise AlreadyServedError(f"the data directory {data_dir} is served by {_named(said)}") from None
        self.after_death: Final = bool(said)
        """The server before was killed; its workers may take a moment to notice."""
        self._server = _Server(os.getpid(), format_datetime(now()))
        self._say()

    def announce(self, address: str) -> None:
        """Have those who are refused told where this server is."""
        self._server.address = address
        self._say()

    def leave(self) -> None:
        """Have nothing to do with the lock, in a process that was forked from its holder."""
        os.close(self._descriptor)

    def close(self) -> None:
        """Give the lock back."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _say(self) -> None:
        text = msgspec.json.encode(self._server)
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))


def _named(said: bytes) -> str:
    try:
        server = msgspec.json.decode(said, type=_Server)
    except msgspec.DecodeError:
        return "another process, which is just starting"
    where = f" on {server.address}" if server.address else ""
    return f"process {server.pid}{where} since {server.since}: stop it first"
