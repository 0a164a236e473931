"""What a subscriber receives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the event log of a project, from which a subscription can be resumed."""

    epoch: str
    """Which log; it changes if the server's log was lost."""
    offset: int
    """Of the last event that was received."""


@dataclass(frozen=True, slots=True)
class Event(Generic[Payload]):
    """A change that the subscriber may see."""

    events: tuple[str, ...]
    """Names of the event, the most specific first: ``databases.d.tables.t.rows.r.create``, …"""
    channels: tuple[str, ...]
    """All channels on which it was sent."""
    payload: Payload
    """The resource as the change left it, or the message of a custom channel."""
    timestamp: datetime
    """When it was published (UTC)."""
    position: Position | None
    """Where it stands in the log; None for what is not in it, and with servers that have none."""

    @property
    def name(self) -> str:
        """The most specific name."""
        return self.events[0] if self.events else ""

    @property
    def action(self) -> str:
        """What happened: ``create``, ``update``, …; of ``users.u.update.name`` it is ``update``."""
        words = self.name.split(".")
        return next((word for word in reversed(words) if word in _ACTIONS), words[-1])


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was published on a custom channel."""

    id: str
    channel: str
    offset: int | None
    """Its place in the event log, if the channel keeps a history."""


_ACTIONS = frozenset({"create", "update", "upsert", "delete", "join", "leave"})
