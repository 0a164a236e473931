"""Looking into realtime from outside, without knowing how it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewire.core.custom_channels import Member
from tidewire.core.models.realtime import RealtimeConnection, RealtimeVerdict


@dataclass(frozen=True)
class Occurrence:
    """What matters of an event for who gets it."""

    channels: list[str]
    roles: list[str]
    payload: bytes
    """A JSON object."""
    offset: int | None = None
    """In the log; None for an event that is only supposed."""


class RealtimeInspector(Protocol):
    """The realtime part of this process."""

    def members(self, project_id: str, channel: str) -> list[Member]:
        """Who is on a custom channel, over all processes, in the order of their coming."""

    def connections(self, project_id: str) -> list[RealtimeConnection]:
        """The open connections of a project, the oldest first."""

    def explain(self, project_id: str, event: Occurrence, connection_ids: list[str]) -> list[RealtimeVerdict]:
        """Why the event reaches these connections or does not."""
