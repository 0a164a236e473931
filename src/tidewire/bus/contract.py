"""What a bus promises, whatever carries it: the contract between the processes of one server.

A bus carries what is in no database, and wakes those who read one. What must not be lost is in the event log.

* *Order*: the frames of one process reach each other process in the order in which they were sent.
* *At most once*: no frame arrives twice. One that was sent while a link was down, or while too much waited
  for its receiver, does not arrive at all.
* *Loss is told*: when a link ends, its receiver is told (:meth:`Party.lost`) before it gets anything over the
  next one, which begins with the sender's greeting. :meth:`News.overlooked` says that commits may have been
  missed meanwhile.
* *Bounds*: at most :data:`MAX_QUEUE` bytes wait for a process that does not read. Frames of
  :data:`LEAST_FRAME` bytes are carried; one that a bus cannot carry is sent to nobody, and :meth:`Bus.send`
  says so.
* *Questions* name who did not answer: a process that lives and gave no answer in time is told apart from one
  that has ended.
* *Faults*: a frame or question that its receiver fails on ends nothing, and a process that is killed costs
  the others nothing but its own frames.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

LEAST_FRAME: Final = 64 * 1024
"""Bytes of a frame that every bus carries."""
MAX_QUEUE: Final = 8 * 1024 * 1024
"""Bytes that wait for one process."""

Answer = Callable[[bytes], Awaitable[bytes]]
"""Finds the answer to a question of another process. If it raises, no answer is given."""


class Party(Protocol):
    """A part of the server that talks to the same part of other processes over the bus."""

    def received(self, link: object, frame: bytes) -> None:
        """Take a frame; ``link`` stands for the connection to its sender."""

    def lost(self, link: object) -> None:
        """The connection ended: its sender may be gone, or will greet again."""

    def greeting(self) -> Sequence[bytes]:
        """What a process must know first of all, whenever a link to it is new."""


class News(Protocol):
    """A part of the server that wants to know of the commits of other processes."""

    def rung(self, project_id: str) -> None:
        """Another process has committed something in a project."""

    def overlooked(self) -> None:
        """Another process has ended without a word, and may have committed something before."""


class Bus(Protocol):
    """The connection of one process to all others. Belongs to one event loop, which calls everything here."""

    async def start(self) -> None:
        """Find the other processes and wait a moment for their greetings. Raises OSError."""

    async def close(self) -> None:
        """Leave the bus: the others are told that the links to this process are lost."""

    def others(self) -> list[str]:
        """The ids of the other processes, in order; some may have been killed a moment ago."""

    @property
    def peers(self) -> int:
        """The number of processes that frames can be sent to now."""

    def send(self, frame: bytes, *, may_be_lost: bool = True) -> int:
        """Send a frame to all others; return to how many it was not sent. Never waits.

        Where too much waits already the frame is dropped; if it may not be lost, the link ends instead and
        begins anew with the greeting, which says what the frame said.
        """

    async def ask(self, asked: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """Ask each of these processes something. None: it gave no answer in time; left out: it has ended."""
