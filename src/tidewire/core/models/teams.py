"""Models of teams and who is in them."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Page, Resource


class Team(Resource, frozen=True, kw_only=True):
    """A group of users that can be granted permissions together."""

    name: str
    total: int
    """Confirmed members."""
    prefs: dict[str, Any]


class TeamList(Page, frozen=True, kw_only=True):
    """A page of teams."""

    teams: list[Team]


class Membership(Resource, frozen=True, kw_only=True):
    """A user's place in a team.

    What the project hides from members about each other is empty, and ``mfa`` false.
    """

    user_id: str
    user_name: str
    user_email: str
    user_phone: str
    team_id: str
    team_name: str
    invited: str
    joined: str
    """The time at which the user joined; empty until the invitation is accepted."""
    confirm: bool
    mfa: bool
    user_accessed_at: str
    roles: list[str]


class MembershipList(Page, frozen=True, kw_only=True):
    """A page of memberships."""

    memberships: list[Membership]
