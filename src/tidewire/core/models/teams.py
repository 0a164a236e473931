"""Models of teams and who is in them."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, system


class Team(Model, frozen=True, kw_only=True):
    """A group of users that can be granted permissions together."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    name: str
    total: int
    """Confirmed members."""
    prefs: dict[str, Any]


class TeamList(Model, frozen=True, kw_only=True):
    """A page of teams."""

    total: int
    teams: list[Team]


class Membership(Model, frozen=True, kw_only=True):
    """A user's place in a team.

    What the project hides from members about each other is empty, and ``mfa`` false.
    """

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    user_id: str
    user_name: str
    user_email: str
    user_phone: str
    team_id: str
    team_name: str
    invited: str
    joined: str
    """Empty until the invitation is accepted."""
    confirm: bool
    mfa: bool
    user_accessed_at: str
    roles: list[str]


class MembershipList(Model, frozen=True, kw_only=True):
    """A page of memberships."""

    total: int
    memberships: list[Membership]
