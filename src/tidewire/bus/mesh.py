"""What the processes of one data directory tell each other directly, because it is in no database.

Every process listens on a Unix socket of its own in the data directory and has a link to each other one. A
link is a stream, which keeps the contract of a bus (:mod:`tidewire.bus.contract`): frames arrive in their
order or not at all. Questions go beside the links (:mod:`tidewire.bus.asking`), and so do the rings of those
who commit (:mod:`tidewire.bus.doorbell`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.bus import asking, doorbell
from tidewire.bus.asking import MAX_FRAME, PREFIX, framed
from tidewire.bus.contract import MAX_QUEUE, Answer, News, Party
from tidewire.bus.directory import Meeting
from tidewire.core.ids import is_id
from tidewire.store.machine.processes import is_alive

MEET_SECONDS: Final = 2.0
"""How long a new process waits at most until the others have greeted it."""
FIRST_RETRY_SECONDS: Final = 0.02
LONGEST_RETRY_SECONDS: Final = 1.0
END_SECONDS: Final = 0.05
"""How long a process that was killed may hold its lock after its connections ended."""

_log: Final = structlog.get_logger(__name__)


class Mesh:
    """This process's links to all others. ``answer`` finds the answers to their questions."""

    def __init__(self, data_dir: Path, process_id: str, party: Party, answer: Answer, news: News) -> None:
        self._data_dir = data_dir
        self._id = process_id
        self._party = party
        self._news = news
        self._closed = False
        self.answer: Final = answer
        self._links: dict[str, _Outgoing] = {}
        self._incoming: set[_Incoming] = set()
        self._met: dict[str, asyncio.Event] = {}
        self._meeting: Meeting
        self._server: asyncio.AbstractServer

    async def start(self) -> None:
        """Listen, find the other processes and wait a moment for their greetings. Raises OSError."""
        self._meeting = Meeting(self._data_dir, make=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._meeting.address(self._id))
        (self._meeting.path / self._id).chmod(0o600)
        listener.listen(64)
        listener.setblocking(False)
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: _Incoming(self), sock=listener
        )
        others = self.others()
        for name in others:
            self._meet(name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MEET_SECONDS):
                await asyncio.gather(*(self._greeted_or_gone(name) for name in others))

    async def close(self) -> None:
        """Leave: the socket is removed and all links end."""
        self._closed = True
        (self._meeting.path / self._id).unlink(missing_ok=True)
        self._server.close()
        for link in list(self._links.values()):
            await link.close()
        for incoming in list(self._incoming):
            incoming.transport.abort()
        self._meeting.close()

    def others(self) -> list[str]:
        """The other processes that listen, and those that were killed and have left their sockets."""
        return sorted(name for name in self._meeting.names() if name != self._id)

    async def ask(self, asked: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """Ask each of these processes something. None: it gave no answer in time; left out: it has ended."""
        answers = await asyncio.gather(*(self._ask(name, question) for name, question in asked.items()))
        found = dict(zip(asked, answers, strict=True))
        for name in [name for name, answer in found.items() if answer is None]:
            if await asyncio.to_thread(self.is_gone, name):
                del found[name]
        return found

    @property
    def peers(self) -> int:
        """Processes that a link to is open."""
        return sum(link.transport is not None for link in self._links.values())

    def send(self, frame: bytes, *, may_be_lost: bool = True) -> int:
        """Send a frame to all others; return to how many it was not sent.

        Where too much waits already it is dropped; a frame that may not be lost ends the link instead,
        which then begins anew with the greeting. A frame of more than ``MAX_FRAME`` bytes is sent to nobody.
        """
        if len(frame) > MAX_FRAME:
            return len(self._links)
        message = framed(frame)
        return sum(not link.send(message, may_be_lost=may_be_lost) for link in self._links.values())

    async def _ask(self, name: str, question: bytes) -> bytes | None:
        try:
            return await asking.ask(self._meeting.connected(name), question)
        except (OSError, EOFError):
            await asyncio.sleep(END_SECONDS)
            return None

    def _meet(self, name: str) -> None:
        if name not in self._links and name != self._id:
            self._links[name] = _Outgoing(self, name)

    async def _greeted_or_gone(self, name: str) -> None:
        met = asyncio.create_task(self._met.setdefault(name, asyncio.Event()).wait())
        link = self._links.get(name)
        if link is not None:
            await asyncio.wait([met, link.task], return_when=asyncio.FIRST_COMPLETED)
        met.cancel()

    # For the links.

    def introduced(self, link: _Incoming, name: str) -> None:
        """A process said its name, which it does first of all.

        Its link before this one has ended at the other side, whatever of it is still to be read here: that
        would come too late now.
        """
        for earlier in [each for each in self._incoming if each.peer == name]:
            earlier.transport.abort()
            self.ended(earlier)
        link.peer = name
        self._meet(name)
        self._met.setdefault(name, asyncio.Event()).set()

    def opened(self, link: _Incoming) -> None:
        """A process has connected."""
        self._incoming.add(link)

    def received(self, link: _Incoming, frame: bytes) -> None:
        """A frame came from a process that is known."""
        try:
            self._party.received(link, frame)
        except Exception:
            _log.exception("frame of another process not understood", process=link.peer)

    def ended(self, link: _Incoming) -> None:
        """A process has gone, or connects anew. What was told already is not told again."""
        if link not in self._incoming:
            return
        self._incoming.remove(link)
        if link.peer:
            self._met.pop(link.peer, None)
            self._party.lost(link)
        if (link.peer or link.rings) and not self._closed:
            self._news.overlooked()

    def rung(self, link: _Incoming, frame: bytes) -> None:
        """Somebody who commits rings, or says goodbye."""
        if frame == doorbell.MARK:
            link.rings = False
        elif is_id(project_id := frame.decode("ascii", "replace")):
            self._news.rung(project_id)

    async def connect(self, link: _Outgoing) -> None:
        """Open a link; raises OSError."""
        connected = self._meeting.connected(link.name)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=connected)

    def greet(self, transport: asyncio.Transport) -> None:
        """Begin a link."""
        frames = [self._id.encode(), *self._party.greeting()]
        transport.write(b"".join(map(framed, frames)))

    def is_gone(self, name: str) -> bool:
        """Whether a process has ended; what is left of it is removed then."""
        if is_alive(self._data_dir, name):
            return False
        (self._meeting.path / name).unlink(missing_ok=True)
        return True

    def forget(self, link: _Outgoing) -> None:
        """Forget a process that exists no more."""
        if self._links.get(link.name) is link:
            del self._links[link.name]


class _Outgoing(asyncio.Protocol):
    """The link that frames for one process go over."""

    def __init__(self, mesh: Mesh, name: str) -> None:
        self.name = name
        self.transport: asyncio.Transport | None = None
        self._mesh = mesh
        self._lost = asyncio.Event()
        self.task = asyncio.create_task(self._keep_open(), name=f"link to {name}")

    def send(self, message: bytes, *, may_be_lost: bool) -> bool:
        """Send; False if the frame was dropped."""
        if self.transport is None:
            return not may_be_lost  # the greeting will say it
        if self.transport.get_write_buffer_size() > MAX_QUEUE:
            if not may_be_lost:
                self.transport.abort()
            return False
        self.transport.write(message)
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the name and the greeting."""
        self.transport = _as_transport(transport)
        self._mesh.greet(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The other process ended, or does not read."""
        self.transport = None
        self._lost.set()

    async def close(self) -> None:
        """End the link for good."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        if self.transport is not None:
            self.transport.close()

    async def _keep_open(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while True:
            self._lost.clear()
            try:
                await self._mesh.connect(self)
            except OSError:
                if await asyncio.to_thread(self._mesh.is_gone, self.name):
                    break
            else:
                delay = FIRST_RETRY_SECONDS
                await self._lost.wait()
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY_SECONDS)
        self._mesh.forget(self)


class _Incoming(asyncio.Protocol):
    """The link that frames of one process come over, or a question."""

    def __init__(self, mesh: Mesh) -> None:
        self.peer = ""
        """The name of the other process; empty until it has said its name."""
        self.rings = False
        """Whether it is the connection of a process that commits, and has not said goodbye."""
        self.transport: asyncio.Transport
        self._mesh = mesh
        self._buffer = bytearray()
        self._answering: asyncio.Task[None] | None = None
        """The task that answers the question; None if the connection is not for a question."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody of this machine's user has connected."""
        self.transport = _as_transport(transport)
        self._mesh.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take what is complete."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= PREFIX:
            length = int.from_bytes(self._buffer[start : start + PREFIX], "big")
            if length > MAX_FRAME:
                self.transport.abort()
                return
            end = start + PREFIX + length
            if len(self._buffer) < end:
                break
            self._take(bytes(self._buffer[start + PREFIX : end]))
            start = end
        del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The other process has gone."""
        if self._answering is not None:
            self._answering.cancel()
        self._mesh.ended(self)

    def _take(self, frame: bytes) -> None:
        if self.peer:
            self._mesh.received(self, frame)
        elif self.rings:
            self._mesh.rung(self, frame)
        elif self._answering is not None:
            self.transport.abort()
        elif frame.startswith(asking.MARK):
            question = frame.removeprefix(asking.MARK)
            self._answering = asyncio.create_task(asking.answer(self.transport, question, self._mesh.answer))
        elif frame == doorbell.MARK:
            self.rings = True
        elif is_id(name := frame.decode("ascii", "replace")):
            self._mesh.introduced(self, name)
        else:
            self.transport.abort()


def _as_transport(transport: Any) -> asyncio.Transport:
    """uvloop's transports are asyncio's in all but their base class."""
    made: asyncio.Transport = transport
    return made
