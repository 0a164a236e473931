"""Teams and memberships, found with the caller's rights.

Rights are read from the memberships themselves, in the transaction that relies on them: who was just removed
from a team, or lost its role of owner, can do nothing with an older session.
"""

from __future__ import annotations

from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Team
from tidewire.services.answers import shown
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.teams import (
    OWNER,
    has_other_owner,
    membership_by,
    roles_in_team,
    team_by_id,
)


def find_team(connection: Connection, caller: Caller, team_id: str) -> Row[Any]:
    """A team that the caller is in; others do not exist for them. Raises ``team_not_found``."""
    row = team_by_id(connection, team_id)
    if row is None or not (caller.bypasses_permissions or _roles(connection, caller, team_id) is not None):
        raise team_not_found()
    return row


def find_owned_team(connection: Connection, caller: Caller, team_id: str, action: str) -> Row[Any]:
    """A team that the caller owns; raises ``team_not_found`` or ``user_unauthorized``."""
    row = find_team(connection, caller, team_id)
    require_owner(connection, caller, team_id, action)
    return row


def require_owner(connection: Connection, caller: Caller, team_id: str, action: str) -> None:
    """Let only owners of the team do ``action``; raises ``user_unauthorized``."""
    if not owns(connection, caller, team_id):
        raise TidewireError("user_unauthorized", f"Only owners of the team may {action}.")


def owns(connection: Connection, caller: Caller, team_id: str) -> bool:
    """Whether the caller may do what owners of the team may."""
    return caller.bypasses_permissions or OWNER in (_roles(connection, caller, team_id) or ())


def find_membership(connection: Connection, team_id: str, membership_id: str, missing: str) -> Row[Any]:
    """A membership of the team, whoever asks.

    Raises the error type ``missing``, or ``team_membership_mismatch`` for one of another team.
    """
    row = membership_by(connection, id=membership_id)
    if row is None:
        raise TidewireError(missing, "There is no membership with this id.")
    if team_by_id(connection, team_id) is None:
        raise team_not_found()
    if row.team_id != team_id:
        raise TidewireError("team_membership_mismatch", "The membership is one of another team.")
    return row


def require_other_owner(connection: Connection, membership: Row[Any], error: str) -> None:
    """Keep the last owner in a team that must have one; raises the error type ``error``."""
    is_owner = membership.confirmed and OWNER in membership.roles
    if is_owner and not has_other_owner(connection, membership):
        raise TidewireError(error, "There must be at least one owner in the organization.")


def team_of(row: Row[Any]) -> Team:
    """The team as the API shows it."""
    return shown(Team, row)


def team_not_found() -> TidewireError:
    """The error for a team that does not exist, at least for the caller."""
    return TidewireError("team_not_found", "There is no team with this id.")


def _roles(connection: Connection, caller: Caller, team_id: str) -> list[str] | None:
    """The caller's roles in the team; None if the caller is no confirmed member."""
    return roles_in_team(connection, team_id, caller.user_id) if caller.user_id else None
