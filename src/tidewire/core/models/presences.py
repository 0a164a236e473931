"""Models of the presences service."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, system


class Presence(Model, frozen=True, kw_only=True):
    """That a user is around."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    permissions: list[str] = system("permissions")
    user_id: str
    status: str
    source: str
    """``rest``, ``graphql`` or ``realtime``: how it was written last."""
    expires_at: str
    metadata: dict[str, Any]


class PresenceList(Model, frozen=True, kw_only=True):
    """A page of presences."""

    total: int
    presences: list[Presence]
