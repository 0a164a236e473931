"""Memberships as callers see them: a project decides what members see of each other.

What it hides is hidden from owners of teams too, in every list and answer, their own entry included. Only
programs with an API key and people who manage the project see all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tidewire.core.models import Membership
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.second_factors import own_factors
from tidewire.services.answers import datetime_or_empty, shown
from tidewire.services.context import Context
from tidewire.services.teams.records import owns
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.records.identities import account_of
from tidewire.store.records.teams import team_names
from tidewire.store.records.users import users_with_factors


@dataclass(frozen=True)
class Viewer:
    """A viewer: who looks at memberships, and what they are shown of them."""

    sees_all: bool = False
    """Servers and people who manage the project."""
    manages: bool = False
    """Owners of an organisation. They see who joined it; before that they would learn the address of anybody
    whose id they know, only by inviting them."""
    gave: str = ""
    """The address that the caller just invited, which is shown to them."""

    def sees(self, membership: Row[Any]) -> bool:
        """Whether the membership hides nothing."""
        return self.sees_all or (self.manages and bool(membership.confirmed))


SERVER = Viewer(sees_all=True)
MEMBERS = Viewer()
"""All members together: what an event may show."""


def viewer_of(connection: Connection, context: Context, team_id: str) -> Viewer:
    """The caller as somebody who looks at this team."""
    if context.caller.bypasses_permissions:
        return SERVER
    if context.project.id == CONSOLE_PROJECT_ID and owns(connection, context.caller, team_id):
        return Viewer(manages=True)
    return MEMBERS


def membership_of(
    connection: Connection, settings: ProjectSettings, row: Row[Any], viewer: Viewer
) -> Membership:
    """A membership as the viewer sees it."""
    return memberships_of(connection, settings, [row], viewer)[0]


def memberships_of(
    connection: Connection, settings: ProjectSettings, rows: Sequence[Row[Any]], viewer: Viewer
) -> list[Membership]:
    """Rows of ``memberships`` as the viewer sees them."""
    names = team_names(connection, {row.team_id for row in rows})
    people = users_with_factors(connection, {row.user_id for row in rows})
    return [_view(settings, row, people[row.user_id], names[row.team_id], viewer) for row in rows]


def _view(
    settings: ProjectSettings, row: Row[Any], user: Row[Any], team_name: str, viewer: Viewer
) -> Membership:
    all_of_it, privacy = viewer.sees(row), settings.membership_privacy
    account = account_of(user)
    factors = own_factors(account, user.has_authenticator, settings.mfa_factors)
    return shown(
        Membership,
        row,
        user_id=row.user_id if all_of_it or privacy.user_id else "",
        user_name=account.name if all_of_it or privacy.user_name else "",
        user_email=_shown(account.email, all_of_it or privacy.user_email, viewer.gave),
        user_phone=_shown(account.phone, all_of_it or privacy.user_phone, viewer.gave),
        team_name=team_name,
        invited=datetime_or_empty(row.invited_at),
        joined=datetime_or_empty(row.joined_at),
        confirm=row.confirmed,
        mfa=(all_of_it or privacy.user_mfa) and account.mfa and bool(factors),
        user_accessed_at=account.accessed_at if all_of_it or privacy.user_accessed_at else "",
    )


def _shown(address: str, visible: bool, known: str) -> str:
    return address if visible or address == known else ""
