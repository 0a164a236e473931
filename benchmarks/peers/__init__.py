"""The servers that are measured, one module each: how to start one, and how to cause an event on it."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from benchmarks.native import LoadGenerator

EVENT_BYTES: Final = 2_800
"""Size of one event message that every peer sends, give or take the granularity of its padding."""

START_SECONDS: Final = 60
STOP_SECONDS: Final = 20

SUBJECT: Final = "Tidewire"
LIMIT: Final = "bare C sender"
"""The peer whose numbers are what the machine can do at all."""


class ServerFailedError(Exception):
    """A server did not start or does not do what is to be measured; the text says why."""


@dataclass(frozen=True)
class Running:
    """A started server."""

    port: int
    process: int
    realtime_path: str
    channel: str
    requests: dict[str, bytes] = field(default_factory=dict)
    """Whole HTTP/1.1 requests by what they do: `event` causes one event of EVENT_BYTES on the channel,
    `upload` creates a small file and so causes one event, `session` logs in, `account` reads."""


def stop(process: subprocess.Popen[str]) -> None:
    """End a server politely, or else at once."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def free_port() -> int:
    """A port of this machine that nobody listens on, for servers that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    """Return when a server accepts connections. Raises :class:`ServerFailedError`."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailedError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ServerFailedError(f"{process.args!r} does not accept connections")


class Peer(Protocol):
    """A server to be measured."""

    name: str

    def start(self, core: int, load: LoadGenerator) -> AbstractContextManager[Running]:
        """Start a fresh instance pinned to a core; it is stopped when the context ends."""


def all_peers() -> list[Peer]:
    """Every peer, the subject first."""
    from benchmarks.peers.bare_sender import BareSender
    from benchmarks.peers.tidewire import Tidewire

    return [Tidewire(), BareSender()]
