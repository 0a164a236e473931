"""Looking into realtime from outside, without knowing how it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewire.core.custom_channels import Member
from tidewire.core.models.realtime import RealtimeConnectionList, RealtimeVerdict


@dataclass(frozen=True)
class Occurrence:
    """An event, as far as it decides who receives it."""

    channels: list[str]
    roles: list[str]
    payload: bytes
    """A JSON object."""
    offset: int | None = None
    """Its place in the event log; None for an event that is only assumed."""


@dataclass(frozen=True)
class Explanations:
    """What becomes of an event at connections."""

    verdicts: list[RealtimeVerdict]
    missing_processes: list[str]
    """Ids of processes of the server that might have more, but did not answer in time."""


class RealtimeInspector(Protocol):
    """The realtime part of the server, in all its processes."""

    def members(self, project_id: str, channel: str) -> list[Member]:
        """The members of a custom channel, in the order in which they joined."""

    async def connections(
        self, project_id: str, user_id: str | None, limit: int, offset: int
    ) -> RealtimeConnectionList:
        """The open connections of a project, of one user if given, the oldest first."""

    async def explain(
        self, project_id: str, event: Occurrence, connection_id: str | None, user_id: str
    ) -> Explanations:
        """Why the event reaches a connection, or without one all of a user, or does not."""
