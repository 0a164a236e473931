"""Roles of people in an organisation, a team of the console: on all of its projects, or on one of them.

``developer`` counts for every project of the team; ``project-blog-developer`` for the project ``blog`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from tidewire.core.scopes import TEAM_ROLES

_ON_PROJECT: Final = re.compile(r"project-([A-Za-z0-9][A-Za-z0-9._-]{0,35})-(owner|developer|admin)")


def is_team_role(role: str) -> bool:
    """Whether a role in an organisation gives anything."""
    return role in TEAM_ROLES or _ON_PROJECT.fullmatch(role) is not None


def base_role(role: str) -> str:
    """What a role is on the projects that it counts for: ``developer`` for ``project-blog-developer``."""
    found = _ON_PROJECT.fullmatch(role)
    return found[2] if found else role


def roles_on_projects(roles: Iterable[str]) -> list[tuple[str, str]]:
    """The roles that count for one project: its id, and what they are there."""
    return [(found[1], found[2]) for role in roles if (found := _ON_PROJECT.fullmatch(role))]


def is_confined(roles: Collection[str]) -> bool:
    """Whether a member with these roles has to do with single projects of the organisation only."""
    return bool(roles) and all(_ON_PROJECT.fullmatch(role) for role in roles)


def roles_on(roles: Collection[str], project_id: str) -> list[str] | None:
    """What a member with these roles is on a project of the organisation; None: the project is not theirs."""
    held = [role for role in TEAM_ROLES if role in roles or f"project-{project_id}-{role}" in roles]
    return None if not held and is_confined(roles) else held
