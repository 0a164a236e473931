"""Access to projects by way of organisations, which are teams of the console project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.project_roles import roles_on, roles_on_projects
from tidewire.core.roles import Membership
from tidewire.core.scopes import ROLE_SCOPES, TEAM_ROLES
from tidewire.services.context import Context
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project
from tidewire.store.records.projects import project_not_found

_MEMBER_SCOPES: Final = frozenset({"projects.read"})
"""What every member of an organisation may, whatever the role."""
_PROJECT_ROLES: Final = ("owner", "developer")
"""Roles that let somebody read and change the projects themselves; ``admin`` is about what is in them."""


@dataclass(frozen=True)
class Reach:
    """The projects that somebody may know of."""

    teams: frozenset[str]
    """All projects of these organisations."""
    projects: frozenset[tuple[str, str]] = frozenset()
    """And these: organisation and id."""

    def within(self, team_id: str) -> Reach:
        """The part that is in one organisation."""
        return Reach(self.teams & {team_id}, frozenset(each for each in self.projects if each[0] == team_id))


def reach_of(context: Context) -> Reach:
    """The projects that the caller may know of: by roles in organisations or on projects, or by a key."""
    caller = context.caller
    if caller.kind == "key":
        return Reach(frozenset({caller.organization_id} - {""}))
    teams: set[str] = set()
    single: set[tuple[str, str]] = set()
    for membership in _console_memberships(context):
        if any(role in _PROJECT_ROLES for role in membership.roles):
            teams.add(membership.team_id)
        single.update(
            (membership.team_id, project_id)
            for project_id, role in roles_on_projects(membership.roles)
            if role in _PROJECT_ROLES
        )
    return Reach(frozenset(teams), frozenset(single))


def organizations_of(context: Context) -> Mapping[str, frozenset[str]]:
    """The organisations that the caller acts for, with the scopes that count there.

    For a console user they are the teams with a confirmed membership, whose roles give the scopes; for an
    organization key it is its own.
    """
    caller = context.caller
    if caller.kind == "key":
        return {caller.organization_id: caller.scopes} if caller.organization_id else {}
    return {
        membership.team_id: scopes_of_team_roles(membership.roles)
        for membership in _console_memberships(context)
    }


def scopes_of_team_roles(roles: Iterable[str]) -> frozenset[str]:
    """The scopes on the projects of an organisation that these roles in it give."""
    return _MEMBER_SCOPES.union(*(ROLE_SCOPES[role] for role in roles if role in TEAM_ROLES))


def require_organization(context: Context, team_id: str, scope: str) -> None:
    """Refuse those who lack the scope in the organisation.

    Raises ``team_not_found`` for organisations they are no member of.
    """
    scopes = organizations_of(context).get(team_id)
    if scopes is None:
        raise TidewireError("team_not_found", "There is no such team.")
    if scope not in scopes:
        raise _lacking(scope)


async def find_accessible_project(context: Context, project_id: str, scope: str) -> Project:
    """The project with this id, if the caller has the scope in the organisation that owns it.

    Raises ``project_not_found``, also for projects of which the caller is neither owner nor developer.
    """
    if project_id == CONSOLE_PROJECT_ID:
        raise project_not_found()
    store = await context.instance.project(project_id)
    scopes = scopes_on(context, store.project) if store else None
    if store is None or scopes is None:
        raise project_not_found()
    if scope not in scopes:
        raise _lacking(scope)
    return store.project


def scopes_on(context: Context, project: Project) -> frozenset[str] | None:
    """The scopes of the caller on a project; None if it is none of theirs."""
    if context.caller.kind == "key":
        return organizations_of(context).get(project.team_id)
    for membership in _console_memberships(context):
        if membership.team_id == project.team_id:
            held = roles_on(membership.roles, project.id) or ()
            return scopes_of_team_roles(held) if any(role in _PROJECT_ROLES for role in held) else None
    return None


def is_owner(context: Context, team_id: str) -> bool:
    """Whether the caller is an owner of the organisation."""
    return any(
        membership.team_id == team_id and "owner" in membership.roles
        for membership in _console_memberships(context)
    )


def _console_memberships(context: Context) -> Iterator[Membership]:
    """The caller's confirmed memberships in teams of the console project.

    Users of any other project can create teams in it, also with the ids of organisations: these do not count.
    """
    caller = context.caller
    of_console = caller.kind == "admin" or context.project.id == CONSOLE_PROJECT_ID
    if caller.identity is not None and of_console:
        yield from (each for each in caller.identity.memberships if each.confirmed)


def _lacking(scope: str) -> TidewireError:
    return TidewireError(
        "general_unauthorized_scope", f"Your role in the organisation lacks the scope ({scope})."
    )
