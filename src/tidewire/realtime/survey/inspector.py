"""The inspector: what all processes of the server know of their connections, as one answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tidewire.core.custom_channels import Member
from tidewire.core.inspection import Explanations, Occurrence
from tidewire.core.models.realtime import RealtimeConnection, RealtimeConnectionList
from tidewire.realtime.presence.channel_presence import ChannelPresence
from tidewire.realtime.survey.survey import (
    DescribeConnections,
    Described,
    Explained,
    ExplainEvent,
    FindConnections,
    Found,
    Survey,
)

MAX_EXPLAINED: Final = 1000
"""Connections of a user that an event is explained for."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""About how much is told in one answer."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
"""The number of a connection; no connection has the number 0."""

ConnectionKey = tuple[int, str]
"""Number and process of a connection, which order all connections in the same way in every process."""


class Inspector:
    """Lists the connections of all processes, and explains events to them."""

    def __init__(self, survey: Survey, channel_presence: ChannelPresence) -> None:
        self._survey = survey
        self._channel_presence = channel_presence

    def members(self, project_id: str, channel: str) -> list[Member]:
        """The members of a custom channel, in the order in which they joined."""
        return self._channel_presence.members((project_id, channel))

    async def connections(
        self, project_id: str, user_id: str | None, limit: int, offset: int
    ) -> RealtimeConnectionList:
        """The open connections of a project, of one user if given, the oldest first.

        First it is found which are on the page, then these are described, each by the process that has it.
        """
        found = await self._survey.ask(FindConnections(project_id, user_id, offset + limit), Found)
        places = sorted((number, name) for name, each in found.given.items() for number in each.numbers)
        page = places[offset : offset + limit]
        numbers: dict[str, list[int]] = {}
        for number, name in page:
            numbers.setdefault(name, []).append(number)
        share = MAX_BYTES // max(1, len(numbers))
        described = await self._survey.ask_each(
            {name: DescribeConnections(project_id, wanted, share) for name, wanted in numbers.items()},
            Described,
        )
        return RealtimeConnectionList(
            total=sum(each.total for each in found.given.values()),
            connections=list(_in_order(page, described.given)),
            missing_processes=sorted(found.missing + described.missing),
        )

    async def explain(
        self, project_id: str, event: Occurrence, connection_id: str | None, user_id: str
    ) -> Explanations:
        """Why the event reaches a connection, or without one all of a user, or does not."""
        number, processes = None, self._survey.processes()
        if connection_id is not None:
            holder, _, digits = connection_id.rpartition("-")
            number = int(digits) if _NUMBER.fullmatch(digits) else 0
            processes = [holder] if holder in processes else []
        share = MAX_BYTES // max(1, len(processes))
        question = ExplainEvent(project_id, event, number, user_id, MAX_EXPLAINED, share)
        answers = await self._survey.ask_each(dict.fromkeys(processes, question), Explained)
        found = [
            (number, name, verdict)
            for name, each in answers.given.items()
            for number, verdict in each.verdicts
        ]
        found.sort(key=lambda each: each[:2])
        return Explanations([verdict for _, _, verdict in found][:MAX_EXPLAINED], sorted(answers.missing))


def _in_order(page: Iterable[ConnectionKey], given: dict[str, Described]) -> Iterator[RealtimeConnection]:
    """The connections of a page, up to the first one that was too much for its process's answer."""
    described = {name: iter(each.connections) for name, each in given.items()}
    for _, name in page:
        if name not in described:
            continue  # its process ended, or does not answer any more
        try:
            connection = next(described[name])
        except StopIteration:
            return
        if connection is not None:
            yield connection
