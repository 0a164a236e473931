"""Rows of teams and memberships: found with the caller's rights, made, and removed.

Rights are read from the memberships themselves, in the transaction that relies on them: who was just
removed from a team, or lost its role of owner, can do nothing with an older session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.ids import unique_id
from tidewire.core.models import Team
from tidewire.core.permissions import permission
from tidewire.core.time import now
from tidewire.services.answers import shown
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.search import search_text
from tidewire.store.schema import memberships, teams

OWNER: Final = "owner"
"""The role that manages the team and its members."""

# Built once: building a statement takes longer than executing it.
_TEAM: Final = select(teams).where(teams.c.id == bindparam("team_id"))
_MEMBERSHIP: Final = select(memberships).where(memberships.c.id == bindparam("membership_id"))
_ROLES: Final = select(memberships.c.roles).where(
    memberships.c.team_id == bindparam("team_id"),
    memberships.c.user_id == bindparam("user_id"),
    memberships.c.confirmed,
)


def find_team(connection: Connection, caller: Caller, team_id: str) -> Row[Any]:
    """Return a team that the caller is in; others do not exist for them: ``team_not_found``."""
    row = connection.execute(_TEAM, {"team_id": team_id}).one_or_none()
    if row is None or not (caller.bypasses_permissions or _roles(connection, caller, team_id) is not None):
        raise team_not_found()
    return row


def find_owned_team(connection: Connection, caller: Caller, team_id: str, action: str) -> Row[Any]:
    """Return a team that the caller is in and owns.

    Raises ``team_not_found`` or ``user_unauthorized``.
    """
    row = find_team(connection, caller, team_id)
    if not owns(connection, caller, team_id):
        raise TidewireError("user_unauthorized", f"Only owners of the team may {action}.")
    return row


def owns(connection: Connection, caller: Caller, team_id: str) -> bool:
    """Whether the caller may do what owners of the team may."""
    return caller.bypasses_permissions or OWNER in (_roles(connection, caller, team_id) or ())


def find_membership(connection: Connection, team: Row[Any], membership_id: str, missing: str) -> Row[Any]:
    """Return a membership of the team.

    Raises the error type ``missing``, or ``team_membership_mismatch`` for one of another team.
    """
    row = membership_by_id(connection, membership_id, missing)
    require_membership_of(row, team.id)
    return row


def membership_by_id(connection: Connection, membership_id: str, missing: str) -> Row[Any]:
    """Return a membership of whatever team; raises the error type ``missing``."""
    row = connection.execute(_MEMBERSHIP, {"membership_id": membership_id}).one_or_none()
    if row is None:
        raise TidewireError(missing, "There is no membership with this id.")
    return row


def require_membership_of(membership: Row[Any], team_id: str) -> None:
    """Refuse a membership of another team: ``team_membership_mismatch``."""
    if membership.team_id != team_id:
        raise TidewireError("team_membership_mismatch", "The membership is one of another team.")


def require_other_owner(connection: Connection, membership: Row[Any], error: str) -> None:
    """Keep the last owner in a team that must have one; raises the error type ``error``."""
    others = select(memberships.c.roles).where(
        memberships.c.team_id == membership.team_id,
        memberships.c.sequence != membership.sequence,
        memberships.c.confirmed,
    )
    is_owner = membership.confirmed and OWNER in membership.roles
    if is_owner and not any(OWNER in roles for roles in connection.scalars(others)):
        raise TidewireError(error, "There must be at least one owner in the organization.")


def insert_team(connection: Connection, team_id: str, name: str, total: int) -> Row[Any]:
    """Add a team with a free id."""
    moment = now()
    return connection.execute(
        insert(teams).returning(teams),
        {
            "id": team_id,
            "created_at": moment,
            "updated_at": moment,
            "permissions": [
                permission("read", f"team:{team_id}"),
                permission("update", f"team:{team_id}/{OWNER}"),
                permission("delete", f"team:{team_id}/{OWNER}"),
            ],
            "name": name,
            "total": total,
            "search": search_text(team_id, name),
        },
    ).one()


def insert_membership(
    connection: Connection,
    team_id: str,
    user_id: str,
    roles: Sequence[str],
    readers: Sequence[str],
    **values: Any,
) -> Row[Any]:
    """Add a membership that ``readers`` may read."""
    membership_id, moment = unique_id(), now()
    managers = (f"user:{user_id}", f"team:{team_id}/{OWNER}")
    return connection.execute(
        insert(memberships).returning(memberships),
        {
            "id": membership_id,
            "created_at": moment,
            "updated_at": moment,
            "permissions": [
                *(permission("read", role) for role in readers),
                *(permission(action, role) for action in ("update", "delete") for role in managers),
            ],
            "team_id": team_id,
            "user_id": user_id,
            "roles": list(roles),
            "invited_at": moment,
            "search": search_text(membership_id, user_id),
            **values,
        },
    ).one()


def add_to_total(connection: Connection, team_id: str, members: int) -> None:
    """Keep the team's ``total``, the number of its confirmed members."""
    connection.execute(update(teams).where(teams.c.id == team_id).values(total=teams.c.total + members))


def team_of(row: Row[Any]) -> Team:
    """The team as the API shows it."""
    return shown(Team, row)


def team_not_found() -> TidewireError:
    """The error for a team that does not exist, at least for the caller."""
    return TidewireError("team_not_found", "There is no team with this id.")


def _roles(connection: Connection, caller: Caller, team_id: str) -> list[str] | None:
    """The caller's roles in the team; None if the caller is no confirmed member."""
    if not caller.user_id:
        return None
    return connection.execute(_ROLES, {"team_id": team_id, "user_id": caller.user_id}).scalar_one_or_none()
