"""Models of custom channels: their rules, messages and members."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from tidewire.core.models.base import Model, Page, system


class RealtimeChannel(Model, frozen=True, kw_only=True):
    """The rule of a channel, or of a family of channels."""

    id: str = system("id")
    """The channel's name, or ``<name>.*``."""
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    read: list[str]
    """Roles that receive messages."""
    publish: list[str]
    """Roles that may send messages."""
    history: bool
    presence: bool
    rate: int
    """Messages a second on one channel; 0: as the server's settings say."""
    publisher_rate: int
    """Messages a second from one publisher; 0: as the server's settings say."""


class RealtimeChannelList(Page, frozen=True, kw_only=True):
    """Rules of channels."""

    channels: list[RealtimeChannel]


class RealtimeMessage(Model, frozen=True, kw_only=True):
    """A message that was taken."""

    id: str = system("id")
    created_at: str = system("createdAt")
    channel: str
    """Name of the channel."""
    offset: int | UnsetType = UNSET
    """Its offset in the project's event log; left out if the channel keeps no history."""


class RealtimeMember(Model, frozen=True, kw_only=True):
    """Somebody who is on a channel."""

    id: str = system("id")
    """The id of the user, or of a guest's connection."""
    user_id: str
    """The id of the user; empty for a guest."""
    joined_at: str


class RealtimeMemberList(Page, frozen=True, kw_only=True):
    """The members of a channel as of now."""

    members: list[RealtimeMember]
