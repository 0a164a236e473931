"""What this process answers when all processes of the server are asked something.

There may be very many connections: they are looked through in slices, between which others get their turn.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Final

import msgspec

from tidewire.core.models.realtime import RealtimeConnection, RealtimeVerdict
from tidewire.realtime.session.session import Connection
from tidewire.realtime.survey.inspection import described, verdict
from tidewire.realtime.survey.metrics import readings
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

if TYPE_CHECKING:
    from tidewire.realtime.engine import Realtime

SLICE: Final = 2000
"""Connections that are looked at in one go."""


async def answer(realtime: Realtime, question: Question) -> Answer:
    """Answer a question for this process alone."""
    if isinstance(question, FindConnections):
        found = await _entered(realtime, question.project_id, question.user_id)
        return Found(len(found), heapq.nsmallest(question.most, found))
    if isinstance(question, DescribeConnections):
        return await _describe(realtime, question)
    if isinstance(question, ExplainEvent):
        return await _explain(realtime, question)
    if isinstance(question, CountConnections):
        return Counts({name: room.hub.connections for name, room in realtime.rooms.items()})
    return Readings(readings(realtime))


async def _describe(realtime: Realtime, question: DescribeConnections) -> Described:
    found = await _entered(realtime, question.project_id)
    told: list[RealtimeConnection | None] = []
    size = 0
    for number in question.numbers:
        connection = found.get(number)
        told.append(described(connection) if connection is not None and connection.roles else None)
        size += len(msgspec.json.encode(told[-1]))
        if size > question.most_bytes:
            break
        await asyncio.sleep(0)
    return Described(told)


async def _explain(realtime: Realtime, question: ExplainEvent) -> Explained:
    found = await _entered(realtime, question.project_id, question.user_id or None)
    numbers = [question.number] if question.number is not None else heapq.nsmallest(question.most, found)
    payload = msgspec.json.decode(question.event.payload)
    told: list[tuple[int, RealtimeVerdict]] = []
    size = 0
    for number in numbers:
        connection = found.get(number)
        if connection is None or not connection.roles:
            continue  # it has ended
        told.append((number, verdict(connection, question.event, payload)))
        size += len(msgspec.json.encode(told[-1]))
        if size > question.most_bytes:
            break
        await asyncio.sleep(0)
    return Explained(told)


async def _entered(realtime: Realtime, project_id: str, user_id: str | None = None) -> dict[int, Connection]:
    """Connections that were let in to a project, of one user if given, by their numbers."""
    room = realtime.rooms.get(project_id)
    connections = realtime.connections() if room is not None else []
    found = {}
    for start in range(0, len(connections), SLICE):
        for each in connections[start : start + SLICE]:
            if room is not None and each.is_in(room.hub) and each.roles and user_id in (None, each.user_id):
                found[each.number] = each
        await asyncio.sleep(0)
    return found
