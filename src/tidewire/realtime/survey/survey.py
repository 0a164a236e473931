"""Surveys: questions to all processes of a server, and how the answers are put together.

Questions and answers hold no secrets: no session, no key, no address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import msgspec
import structlog

from tidewire.core.inspection import Occurrence
from tidewire.core.models.realtime import RealtimeConnection, RealtimeVerdict


class FindConnections(msgspec.Struct, frozen=True, tag="find", array_like=True):
    """A question: which connections to a project are open, of one user if given? Answered by
    :class:`Found`."""

    project_id: str
    user_id: str | None
    most: int


class Found(msgspec.Struct, frozen=True, array_like=True):
    """An answer: how many connections there are, and the numbers of the oldest."""

    total: int
    numbers: list[int]


class DescribeConnections(msgspec.Struct, frozen=True, tag="describe", array_like=True):
    """A question: what are these connections like? Answered by :class:`Described`."""

    project_id: str
    numbers: list[int]
    most_bytes: int


class Described(msgspec.Struct, frozen=True, array_like=True):
    """Connections in the order of the question, up to the one that exceeded ``most_bytes``."""

    connections: list[RealtimeConnection | None]
    """Descriptions of the connections; None for one that is not open any more."""


class ExplainEvent(msgspec.Struct, frozen=True, tag="explain", array_like=True):
    """A question: why does an event reach connections or not? Answered by :class:`Explained`."""

    project_id: str
    event: Occurrence
    number: int | None
    """The number of one connection; None: all of the user."""
    user_id: str
    most: int
    most_bytes: int


class Explained(msgspec.Struct, frozen=True, array_like=True):
    """Numbers of the oldest of these connections, each with what becomes of the event there."""

    verdicts: list[tuple[int, RealtimeVerdict]]


class CountConnections(msgspec.Struct, frozen=True, tag="count", array_like=True):
    """A question: how many connections does each project have? Answered by :class:`Counts`."""


class Counts(msgspec.Struct, frozen=True, array_like=True):
    """Open connections by project, of those that have or had some."""

    by_project: dict[str, int]


class ReadMetrics(msgspec.Struct, frozen=True, tag="metrics", array_like=True):
    """A question: what has been counted? Answered by :class:`Readings`."""


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """The present state of a metric."""

    values: dict[str, float] = {}
    """Values by the value of the label, or under an empty one if the metric has no label."""
    buckets: list[tuple[str, float]] = []
    """Upper bounds and counts of a histogram."""
    total: float = 0.0


class Readings(msgspec.Struct, frozen=True, array_like=True):
    """All metrics by their names."""

    by_name: dict[str, Reading]


Question = FindConnections | DescribeConnections | ExplainEvent | CountConnections | ReadMetrics
Answer = Found | Described | Explained | Counts | Readings
A = TypeVar("A", Found, Described, Explained, Counts, Readings)

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Question).decode
_log: Final = structlog.get_logger(__name__)


class OtherProcesses(Protocol):
    """The other processes of the server (:class:`tidewire.bus.mesh.Mesh`)."""

    def others(self) -> list[str]:
        """Return the ids of the other processes."""

    async def ask(self, asked: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        """Ask each of these something. None: it gave no answer in time; left out: it has ended."""


@dataclass(frozen=True)
class Answers(Generic[A]):
    """The answers of the processes to one question."""

    given: dict[str, A]
    """Answers by the id of the process."""
    missing: list[str]
    """Ids of the processes that live and did not answer in time."""


class Survey:
    """Asks all processes of the server, this one among them, and answers for this one."""

    def __init__(self, here: Callable[[], str], find: Callable[[Question], Awaitable[Answer]]) -> None:
        self._here = here
        self._find = find
        self._others: OtherProcesses | None = None
        """The other processes; None if there are none."""

    def connect(self, others: OtherProcesses) -> None:
        """Begin to ask other processes too."""
        self._others = others

    def processes(self) -> list[str]:
        """Return the ids of all processes, this one first."""
        return [self._here(), *(self._others.others() if self._others is not None else ())]

    async def answer(self, question: bytes) -> bytes:
        """Answer a question of another process. Raises msgspec.MsgspecError if it is none."""
        return _encode(await self._find(_decode(question)))

    async def ask(self, question: Question, kind: type[A]) -> Answers[A]:
        """Ask all processes the same; each answers by a ``kind``."""
        return await self.ask_each(dict.fromkeys(self.processes(), question), kind)

    async def ask_each(self, asked: Mapping[str, Question], kind: type[A]) -> Answers[A]:
        """Ask processes something each; they answer by a ``kind``."""
        given: dict[str, A] = {}
        missing: list[str] = []
        here = self._here()
        elsewhere = {name: _encode(question) for name, question in asked.items() if name != here}
        answering = asyncio.create_task(self._ask_others(elsewhere))
        try:
            if here in asked:
                own = await self._find(asked[here])
                assert isinstance(own, kind)
                given[here] = own
            for name, answer in (await answering).items():
                decoded = _decoded(name, answer, kind)
                if decoded is None:
                    missing.append(name)
                else:
                    given[name] = decoded
        finally:
            answering.cancel()
        return Answers(given, missing)

    async def _ask_others(self, asked: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        return await self._others.ask(asked) if self._others is not None and asked else {}


def _decoded(name: str, answer: bytes | None, kind: type[A]) -> A | None:
    if answer is None:
        return None
    try:
        return msgspec.msgpack.decode(answer, type=kind)
    except msgspec.MsgspecError:
        _log.exception("answer of another process not understood", process=name)
        return None
