"""What people see of memberships: a project decides what members learn of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from tidewire.core.identities import Caller
from tidewire.core.models import Membership
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.second_factors import own_factors
from tidewire.core.time import format_datetime
from tidewire.services.teams.records import owns
from tidewire.store.identities import account_of
from tidewire.store.schema import authenticators, teams, users


@dataclass(frozen=True)
class Viewer:
    """Who looks at memberships of a team."""

    user_id: str = ""
    sees_all: bool = False
    """Servers and people who manage the project."""
    owns_team: bool = False

    def sees(self, membership: Row[Any]) -> bool:
        """Whether the membership hides nothing.

        Owners see the data of those who joined their team. Before that they would learn the address of
        anybody whose id they know, only by inviting them.
        """
        return (
            self.sees_all
            or membership.user_id == self.user_id
            or (self.owns_team and bool(membership.confirmed))
        )


SERVER = Viewer(sees_all=True)
MEMBERS = Viewer()
"""All members together: what an event may show."""


def viewer_of(connection: Connection, caller: Caller, team_id: str) -> Viewer:
    """The caller as somebody who looks at this team."""
    if caller.bypasses_permissions:
        return SERVER
    return Viewer(caller.user_id, owns_team=owns(connection, caller, team_id))


def membership_of(
    connection: Connection, settings: ProjectSettings, row: Row[Any], viewer: Viewer
) -> Membership:
    """A membership as the viewer sees it."""
    return memberships_of(connection, settings, [row], viewer)[0]


def memberships_of(
    connection: Connection, settings: ProjectSettings, rows: Sequence[Row[Any]], viewer: Viewer
) -> list[Membership]:
    """Rows of ``memberships`` as the viewer sees them."""
    team_ids, user_ids = {row.team_id for row in rows}, {row.user_id for row in rows}
    names = connection.execute(select(teams.c.id, teams.c.name).where(teams.c.id.in_(team_ids)))
    has_authenticator = (
        exists()
        .where(authenticators.c.user_id == users.c.id, authenticators.c.verified)
        .label("has_authenticator")
    )
    people = connection.execute(select(users, has_authenticator).where(users.c.id.in_(user_ids)))
    team_names = {row.id: row.name for row in names}
    by_id = {row.id: row for row in people}
    return [_view(settings, row, by_id[row.user_id], team_names[row.team_id], viewer) for row in rows]


def _view(
    settings: ProjectSettings, row: Row[Any], user: Row[Any], team_name: str, viewer: Viewer
) -> Membership:
    all_of_it, privacy = viewer.sees(row), settings.membership_privacy
    account = account_of(user)
    # Those who invite know the address that they gave.
    invited_as = row.invited_address if viewer.owns_team else ""
    factors = own_factors(account, user.has_authenticator, settings.mfa_factors)
    return Membership(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        user_id=row.user_id if all_of_it or privacy.user_id else "",
        user_name=account.name if all_of_it or privacy.user_name else "",
        user_email=_shown(account.email, all_of_it or privacy.user_email, invited_as),
        user_phone=_shown(account.phone, all_of_it or privacy.user_phone, invited_as),
        team_id=row.team_id,
        team_name=team_name,
        invited=_datetime_or_empty(row.invited_at),
        joined=_datetime_or_empty(row.joined_at),
        confirm=row.confirmed,
        mfa=(all_of_it or privacy.user_mfa) and account.mfa and bool(factors),
        user_accessed_at=account.accessed_at if all_of_it or privacy.user_accessed_at else "",
        roles=row.roles,
    )


def _shown(address: str, visible: bool, known: str) -> str:
    return address if visible or address == known else ""


def _datetime_or_empty(moment: int) -> str:
    return format_datetime(moment) if moment else ""
