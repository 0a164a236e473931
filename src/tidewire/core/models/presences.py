"""Models of the presences service."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Page, Resource, system


class Presence(Resource, frozen=True, kw_only=True):
    """The presence of a user: a sign that the user is there."""

    permissions: list[str] = system("permissions")
    user_id: str
    status: str
    source: str
    """``rest``, ``graphql`` or ``realtime``: how it was written last."""
    expires_at: str
    metadata: dict[str, Any]


class PresenceList(Page, frozen=True, kw_only=True):
    """A page of presences."""

    presences: list[Presence]
