"""The servers that are measured, one module each: how to start one, and how to cause an event on it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from benchmarks.native import Endpoint, LoadGenerator
from benchmarks.rest_client import Rest

START_SECONDS: Final = 60
STOP_SECONDS: Final = 20

SUBJECT: Final = "Tidewire"
LIMIT: Final = "bare C sender"
"""The peer whose numbers are what the machine can do at all."""


MATCHING: Final = {
    "channels": "no query, each on a row of its own",
    "equality": "an equality query each, all different",
    "range": "a range query each, all different",
}
"""Cases in which one subscription of all matches, and what the subscriptions of each have."""


MESSAGE: Final = "message"
"""The case whose request sends a small message that is not stored."""


class ServerFailedError(Exception):
    """A server did not start or does not do what is to be measured; the text says why."""


@dataclass(frozen=True)
class Matching:
    """What a server counts of its work, since its start."""

    seconds: float
    """To find the receivers of events."""
    events: int
    frames: int
    """Messages to receivers of these events."""


@dataclass(frozen=True)
class Case:
    """Subscribers of another kind, and the request whose event they get."""

    endpoint: Endpoint
    request: bytes


@dataclass(frozen=True)
class Running:
    """A started server."""

    process: int
    """The one that holds the connections."""
    endpoint: Endpoint
    """One subscription for each subscriber, to what the requests change."""
    ten: Endpoint | None = None
    """Ten subscriptions for each subscriber, to ten channels; None if the server knows no more than one."""
    requests: dict[str, bytes] = field(default_factory=dict)
    """Whole HTTP/1.1 requests by what they do: `event` causes one event of EVENT_BYTES at `endpoint`,
    `upload` creates a small file and so causes one event, `session` logs in, `account` reads."""
    compresses: bool = False
    """Whether it negotiates permessage-deflate."""
    cases: dict[str, Case] = field(default_factory=dict)
    """By what they are: `row` is the update of a row, sent to all; the event of those in MATCHING goes to one
    subscriber, however many there are."""
    matching: Callable[[], Matching] | None = None
    """What the server itself says of the time that it took to find receivers, since its start."""
    rows: Callable[[int], dict[str, Case]] | None = None
    """Makes a table of so many rows, once, and gives requests on it: `create`, `get`, `list`,
    `list without total`; those who create cause an event for each of the endpoint's subscribers."""
    server: Rest | None = None
    """Its API with a key for everything, where it runs functions."""
    secures_rows: bool = False
    """Whether there are `list secured`, of a table as large, and `list small` of a small one."""
    graphql: Endpoint | None = None
    """The same as `endpoint` by GraphQL; None: the server does not serve it."""


def stop(process: subprocess.Popen[str]) -> None:
    """End a server politely, or else at once."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def read_port(process: subprocess.Popen[str]) -> int:
    """The port that a server prints as JSON when it listens. Raises :class:`ServerFailedError`."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise ServerFailedError(f"{process.args!r} ended with {process.wait()}")
    return msgspec.json.decode(line, type=dict[str, int])["port"]


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

    def prepare(self) -> None:
        """Fetch what it needs. Raises `NotInstalledError`; there is nothing to do twice."""

    def start(self, core: int, load: LoadGenerator) -> AbstractContextManager[Running]:
        """Start a fresh instance pinned to a core; it is stopped when the context ends."""


def all_peers() -> list[Peer]:
    """Every peer, the subject first."""
    from benchmarks.peers.bare_sender import BareSender
    from benchmarks.peers.bun import Bun
    from benchmarks.peers.nchan import Nchan
    from benchmarks.peers.pocketbase import PocketBase
    from benchmarks.peers.tidewire import Tidewire

    return [Tidewire(), BareSender(), Bun(own_ids=True), Bun(own_ids=False), Nchan(), PocketBase()]
