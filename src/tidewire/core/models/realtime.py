"""Models of open realtime connections, and of why an event reached them or did not."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, Page, system


class RealtimeSubscription(Model, frozen=True, kw_only=True):
    """What a connection asked for under one id."""

    id: str = system("id")
    channels: list[str]
    queries: list[str]
    """The queries in their normal form."""


class RealtimeConnection(Model, frozen=True, kw_only=True):
    """An open connection."""

    id: str = system("id")
    user_id: str
    """The id of the user; empty for a guest."""
    roles: list[str]
    """The roles that it has now; ``any``, which all have, is not listed."""
    queued_bytes: int
    """Sent, but not taken by the network yet."""
    refused_messages: int
    """Messages of the client that were refused, in whole or in part."""
    subscriptions: list[RealtimeSubscription]
    truncated: bool
    """Whether there are more of them, too long to be listed."""


class RealtimeConnectionList(Page, frozen=True, kw_only=True):
    """Open connections, the oldest first."""

    connections: list[RealtimeConnection]
    missing_processes: list[str]
    """Ids of processes of the server that did not answer in time: their connections are left out."""


class RealtimeStep(Model, frozen=True, kw_only=True):
    """One condition of delivery."""

    check: str
    """``published``, ``refused``, ``replay``, ``since``, ``role``, ``channel`` or ``query``."""
    subscription_id: str
    """The id of the subscription; empty for a condition of the whole connection."""
    passed: bool
    explanation: str
    """The condition and its outcome in words."""


class RealtimeVerdict(Model, frozen=True, kw_only=True):
    """What became of an event at one connection."""

    connection_id: str
    user_id: str
    delivered: bool
    """Whether all conditions held for one of the subscriptions."""
    subscriptions: list[str]
    """Ids of those that matched."""
    steps: list[RealtimeStep]
    truncated: bool
    """Whether there are more of them, too long to be listed."""


class RealtimeExplanation(Model, frozen=True, kw_only=True):
    """Why an event reached connections or did not, as they are now."""

    events: list[str]
    channels: list[str]
    roles: list[str]
    """A connection must hold one of these roles."""
    connections: list[RealtimeVerdict]
    missing_processes: list[str]
    """Ids of processes of the server that did not answer in time: their connections are left out."""


class RealtimeEvent(Model, frozen=True, kw_only=True):
    """An event as the frames of a connection have it."""

    events: list[str]
    channels: list[str]
    timestamp: str
    payload: dict[str, Any]
    offset: int
    """Its offset in the event log."""


class RealtimeEventList(Model, frozen=True, kw_only=True):
    """Part of the event log."""

    events: list[RealtimeEvent]
    """Oldest first."""
    offset: int
    """The offset to ask from the next time: everything up to it has been looked at."""
    epoch: str
    """Name of the log's history; offsets of another one mean nothing in it."""
    recovered: bool
    """Whether nothing is missing between the place that was asked for and the first event."""
