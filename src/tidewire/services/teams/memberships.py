"""Memberships: who is in a team, with which roles, and leaving it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row, delete, select, update

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import KeyName, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.errors import TidewireError
from tidewire.core.models import Membership, MembershipList
from tidewire.core.project_roles import is_team_role
from tidewire.core.scopes import TEAM_ROLES
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.teams import operations
from tidewire.services.teams.events import MEMBERSHIP_DELETED, MEMBERSHIP_UPDATED
from tidewire.services.teams.records import (
    OWNER,
    add_to_total,
    find_membership,
    find_team,
    owns,
    require_other_owner,
)
from tidewire.services.teams.views import MEMBERS, membership_of, memberships_of, viewer_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import memberships

Roles = Annotated[Sequence[str], Items(KeyName(81))]

MEMBERSHIP_LIST: Final = resource_list(
    memberships,
    "userId",
    "teamId",
    "roles",
    "invited",
    "joined",
    "confirm",
    searchable=(memberships.c.search,),
    columns={
        "invited": memberships.c.invited_at,
        "joined": memberships.c.joined_at,
        "confirm": memberships.c.confirmed,
    },
)


@operations.declare("listMemberships", "GET", "/teams/{teamId}/memberships", scopes=("teams.read",))
async def list_memberships(
    context: Context,
    team_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(MEMBERSHIP_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> MembershipList:
    """List who is in a team, and who is invited."""

    def unit(connection: Connection) -> MembershipList:
        find_team(connection, context.caller, team_id)
        in_team = memberships.c.team_id == team_id
        count, rows = list_rows(connection, MEMBERSHIP_LIST, queries, search, (in_team,), total)
        viewer = viewer_of(connection, context, team_id)
        shown = memberships_of(connection, context.project.settings, rows, viewer)
        return MembershipList(total=count, memberships=shown)

    return await context.database.read(unit)


@operations.declare(
    "getMembership",
    "GET",
    "/teams/{teamId}/memberships/{membershipId}",
    scopes=("teams.read",),
)
async def get_membership(context: Context, team_id: ResourceId, membership_id: ResourceId) -> Membership:
    """Get a membership."""

    def unit(connection: Connection) -> Membership:
        team = find_team(connection, context.caller, team_id)
        row = find_membership(connection, team, membership_id, "membership_not_found")
        viewer = viewer_of(connection, context, team_id)
        return membership_of(connection, context.project.settings, row, viewer)

    return await context.database.read(unit)


@operations.declare(
    "updateMembership",
    "PATCH",
    "/teams/{teamId}/memberships/{membershipId}",
    scopes=("teams.write",),
    event=MEMBERSHIP_UPDATED,
)
async def update_membership(
    context: Context, team_id: ResourceId, membership_id: ResourceId, roles: Roles
) -> Membership:
    """Replace the roles of a member. An organisation of the console keeps at least one owner."""
    require_known_roles(context, roles)

    def unit(transaction: Transaction) -> Membership:
        connection, settings = transaction.connection, context.project.settings
        team = find_team(connection, context.caller, team_id)
        row = find_membership(connection, team, membership_id, "membership_not_found")
        if not owns(connection, context.caller, team_id):
            raise TidewireError("user_unauthorized", "Only owners of the team may change roles.")
        if context.project.id == CONSOLE_PROJECT_ID and OWNER not in roles:
            require_other_owner(connection, row, "membership_downgrade_prohibited")
        viewer = viewer_of(connection, context, team_id)
        changed = connection.execute(
            update(memberships)
            .where(memberships.c.sequence == row.sequence)
            .values(roles=list(dict.fromkeys(roles)), updated_at=now())
            .returning(memberships)
        ).one()
        parameters = {"userId": row.user_id, "teamId": team_id, "membershipId": membership_id}
        seen = membership_of(connection, settings, changed, MEMBERS)
        publish(transaction, context, MEMBERSHIP_UPDATED, parameters, seen)
        return membership_of(connection, settings, changed, viewer)

    return await context.database.write(unit)


@operations.declare(
    "deleteMembership",
    "DELETE",
    "/teams/{teamId}/memberships/{membershipId}",
    scopes=("teams.write",),
    event=MEMBERSHIP_DELETED,
)
async def delete_membership(context: Context, team_id: ResourceId, membership_id: ResourceId) -> None:
    """Leave a team, refuse an invitation, or remove somebody from a team that one owns.

    An organisation of the console keeps at least one owner.
    """

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = _find_removable(connection, context, team_id, membership_id)
        if context.project.id == CONSOLE_PROJECT_ID:
            require_other_owner(connection, row, "membership_deletion_prohibited")
        seen = membership_of(connection, context.project.settings, row, MEMBERS)
        connection.execute(delete(memberships).where(memberships.c.sequence == row.sequence))
        if row.confirmed:
            add_to_total(connection, team_id, -1)
        parameters = {"teamId": team_id, "userId": row.user_id, "membershipId": membership_id}
        publish(transaction, context, MEMBERSHIP_DELETED, parameters, seen)

    await context.database.write(unit)


def require_known_roles(context: Context, roles: Sequence[str]) -> None:
    """Refuse roles in the console that would give nothing; raises ``general_argument_invalid``."""
    unknown = [role for role in roles if not is_team_role(role)]
    if context.project.id == CONSOLE_PROJECT_ID and unknown:
        raise TidewireError(
            "general_argument_invalid",
            f"Invalid `roles` param: {unknown[0]} is none of ({', '.join(TEAM_ROLES)}), nor one of them on "
            "one project, such as project-blog-developer.",
        )


def _find_removable(connection: Connection, context: Context, team_id: str, membership_id: str) -> Row[Any]:
    """Return the membership if the caller may remove it: it is the caller's own, or one of an owned team."""
    caller = context.caller
    own = connection.execute(
        select(memberships).where(
            memberships.c.id == membership_id,
            memberships.c.team_id == team_id,
            memberships.c.user_id == caller.user_id,
        )
    ).one_or_none()
    if own is not None and caller.user_id:
        # Those who are only invited cannot see the team, but may refuse.
        return own
    team = find_team(connection, caller, team_id)
    row = find_membership(connection, team, membership_id, "team_invite_not_found")
    if not owns(connection, caller, team_id):
        raise TidewireError("user_unauthorized", "Only owners of the team may remove others.")
    return row
