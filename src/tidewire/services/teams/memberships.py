"""Memberships: who is in a team, with which roles, and leaving it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import KeyName, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.errors import TidewireError
from tidewire.core.models import Membership, MembershipList
from tidewire.core.project_roles import is_team_role
from tidewire.core.scopes import TEAM_ROLES
from tidewire.services.context import Context
from tidewire.services.teams import operations
from tidewire.services.teams.events import MEMBERSHIP_DELETED, MEMBERSHIP_UPDATED, publish_membership
from tidewire.services.teams.records import find_membership, find_team, require_other_owner, require_owner
from tidewire.services.teams.views import MEMBERS, membership_of, memberships_of, viewer_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import teams as records
from tidewire.store.records.teams import MEMBERSHIPS, OWNER, change_membership, membership_by

Roles = Annotated[Sequence[str], Items(KeyName(81))]

_MEMBERSHIP: Final = "/teams/{teamId}/memberships/{membershipId}"


@operations.read("listMemberships", "GET", "/teams/{teamId}/memberships", scopes=("teams.read",))
def list_memberships(
    connection: Connection,
    context: Context,
    team_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(MEMBERSHIPS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> MembershipList:
    """List who is in a team, and who is invited."""
    find_team(connection, context.caller, team_id)
    count, rows = list_rows(connection, MEMBERSHIPS, queries, search, (), total, team_id=team_id)
    viewer = viewer_of(connection, context, team_id)
    seen = memberships_of(connection, context.project.settings, rows, viewer)
    return MembershipList(total=count, memberships=seen)


@operations.read("getMembership", "GET", _MEMBERSHIP, scopes=("teams.read",))
def get_membership(
    connection: Connection, context: Context, team_id: ResourceId, membership_id: ResourceId
) -> Membership:
    """Get a membership."""
    find_team(connection, context.caller, team_id)
    row = find_membership(connection, team_id, membership_id, "membership_not_found")
    viewer = viewer_of(connection, context, team_id)
    return membership_of(connection, context.project.settings, row, viewer)


@operations.write("updateMembership", "PATCH", _MEMBERSHIP, scopes=("teams.write",), event=MEMBERSHIP_UPDATED)
def update_membership(
    transaction: Transaction, context: Context, team_id: ResourceId, membership_id: ResourceId, roles: Roles
) -> Membership:
    """Replace the roles of a member. An organisation of the console keeps at least one owner."""
    require_known_roles(context, roles)
    connection, settings = transaction.connection, context.project.settings
    find_team(connection, context.caller, team_id)
    row = find_membership(connection, team_id, membership_id, "membership_not_found")
    require_owner(connection, context.caller, team_id, "change roles")
    if context.project.id == CONSOLE_PROJECT_ID and OWNER not in roles:
        require_other_owner(connection, row, "membership_downgrade_prohibited")
    viewer = viewer_of(connection, context, team_id)
    changed = change_membership(connection, row.sequence, roles=list(dict.fromkeys(roles)))
    seen = membership_of(connection, settings, changed, MEMBERS)
    publish_membership(transaction, context, MEMBERSHIP_UPDATED, changed, seen)
    return membership_of(connection, settings, changed, viewer)


@operations.write(
    "deleteMembership", "DELETE", _MEMBERSHIP, scopes=("teams.write",), event=MEMBERSHIP_DELETED
)
def delete_membership(
    transaction: Transaction, context: Context, team_id: ResourceId, membership_id: ResourceId
) -> None:
    """Leave a team, refuse an invitation, or remove somebody from a team that one owns.

    An organisation of the console keeps at least one owner.
    """
    connection = transaction.connection
    row = _find_removable(connection, context, team_id, membership_id)
    if context.project.id == CONSOLE_PROJECT_ID:
        require_other_owner(connection, row, "membership_deletion_prohibited")
    seen = membership_of(connection, context.project.settings, row, MEMBERS)
    records.delete_membership(connection, row)
    publish_membership(transaction, context, MEMBERSHIP_DELETED, row, seen)


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
    own = membership_by(connection, id=membership_id, team_id=team_id, user_id=caller.user_id)
    if own is not None and caller.user_id:
        # Those who are only invited cannot see the team, but may refuse.
        return own
    find_team(connection, caller, team_id)
    row = find_membership(connection, team_id, membership_id, "team_invite_not_found")
    require_owner(connection, caller, team_id, "remove others")
    return row
