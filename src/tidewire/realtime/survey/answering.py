"""Answering: what this process answers to the questions of a survey.

There may be very many connections: they are looked through in slices, between which the event loop serves
others.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tidewire.core.models.realtime import RealtimeConnection, RealtimeVerdict
from tidewire.realtime.session.session import Session
from tidewire.realtime.survey.inspection import described, verdict
from tidewire.realtime.survey.metrics import Counted, readings
from tidewire.realtime.survey.survey import (
    Answer,
    CountConnections,
    Counts,
    DescribeConnections,
    Described,
    Explained,
    ExplainEvent,
    FindConnections,
    Found,
    Question,
    Readings,
)

SLICE: Final = 2000
"""Connections that are looked at in one slice."""


class Answering:
    """Answers questions for this process alone."""

    def __init__(self, counted: Counted, sessions: Callable[[], Sequence[Session]]) -> None:
        """``sessions`` gives all open ones of this process."""
        self._counted = counted
        self._sessions = sessions

    async def answer(self, question: Question) -> Answer:
        """The answer to a question; the sessions are looked through as they are meanwhile."""
        if isinstance(question, FindConnections):
            found = await self._admitted(question.project_id, question.user_id)
            return Found(len(found), heapq.nsmallest(question.most, found))
        if isinstance(question, DescribeConnections):
            return await self._describe(question)
        if isinstance(question, ExplainEvent):
            return await self._explain(question)
        if isinstance(question, CountConnections):
            projects = self._counted.projects
            return Counts({name: project.hub.connections for name, project in projects.items()})
        return Readings(readings(self._counted))

    async def _describe(self, question: DescribeConnections) -> Described:
        found = await self._admitted(question.project_id)
        told: list[RealtimeConnection | None] = []
        size = 0
        for number in question.numbers:
            session = found.get(number)
            told.append(described(session) if session is not None and session.roles else None)
            size += len(msgspec.json.encode(told[-1]))
            if size > question.most_bytes:
                break
            await asyncio.sleep(0)
        return Described(told)

    async def _explain(self, question: ExplainEvent) -> Explained:
        found = await self._admitted(question.project_id, question.user_id or None)
        numbers = [question.number] if question.number is not None else heapq.nsmallest(question.most, found)
        payload = msgspec.json.decode(question.event.payload)
        told: list[tuple[int, RealtimeVerdict]] = []
        size = 0
        for number in numbers:
            session = found.get(number)
            if session is None or not session.roles:
                continue  # it has ended
            told.append((number, verdict(session, question.event, payload)))
            size += len(msgspec.json.encode(told[-1]))
            if size > question.most_bytes:
                break
            await asyncio.sleep(0)
        return Explained(told)

    async def _admitted(self, project_id: str, user_id: str | None = None) -> dict[int, Session]:
        """The sessions that were admitted to a project, of one user if given, by their numbers."""
        sessions = self._sessions() if project_id in self._counted.projects else ()
        found = {}
        for start in range(0, len(sessions), SLICE):
            for each in sessions[start : start + SLICE]:
                if each.roles and each.is_in(project_id) and user_id in (None, each.user_id):
                    found[each.number] = each
            await asyncio.sleep(0)
        return found
