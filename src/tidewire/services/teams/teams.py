"""Teams: created, listed, renamed and deleted, and their preferences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import Items, JsonObject, QueryList
from tidewire.core.checks.names import CustomId, KeyName, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Preferences, Team, TeamList
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.publishing import publish, publish_unseen
from tidewire.services.teams import operations
from tidewire.services.teams.events import (
    MEMBERSHIP_DELETED,
    TEAM_CREATED,
    TEAM_DELETED,
    TEAM_PREFERENCES_UPDATED,
    TEAM_UPDATED,
    publish_founder,
)
from tidewire.services.teams.records import find_owned_team, find_team, team_of
from tidewire.services.teams.views import MEMBERS, memberships_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import teams as records
from tidewire.store.records.teams import (
    OWNER,
    TEAMS,
    change_team,
    insert_membership,
    insert_team,
    is_member,
    memberships_in,
    team_by_id,
)

Name = Annotated[str, Text(1, 128)]

_DELETE: Final = "delete it"


@operations.write("create", "POST", "/teams", scopes=("teams.write",), status=201, event=TEAM_CREATED)
def create(
    transaction: Transaction,
    context: Context,
    team_id: CustomId,
    name: Name,
    roles: Annotated[Sequence[str], Items(KeyName(36))] = (OWNER,),
) -> Team:
    """Create a team; the user who does is its first owner, with ``roles`` besides."""
    connection, new_id = transaction.connection, chosen_id(team_id)
    creator = "" if context.caller.bypasses_permissions else context.caller.user_id
    if team_by_id(connection, new_id) is not None:
        raise TidewireError("team_already_exists", "A team with this id exists already.")
    team = team_of(insert_team(connection, new_id, name, total=1 if creator else 0))
    parameters = {"teamId": new_id}
    if creator:
        founder = insert_membership(
            connection,
            new_id,
            creator,
            readers=(f"user:{creator}", f"team:{new_id}"),
            roles=list(dict.fromkeys((*roles, OWNER))),
            joined_at=now(),
            confirmed=True,
        )
        parameters["userId"] = creator
        # Before the team's own event, which goes to its members.
        publish_founder(transaction, founder)
    publish(transaction, context, TEAM_CREATED, parameters, team)
    return team


@operations.read("list", "GET", "/teams", scopes=("teams.read",))
def list_teams(
    connection: Connection,
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(TEAMS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> TeamList:
    """List the teams that the caller is in; servers see all."""
    where = () if context.caller.bypasses_permissions else (is_member(context.caller.user_id),)
    count, rows = list_rows(connection, TEAMS, queries, search, where, total)
    return TeamList(total=count, teams=[team_of(row) for row in rows])


@operations.read("get", "GET", "/teams/{teamId}", scopes=("teams.read",))
def get(connection: Connection, context: Context, team_id: ResourceId) -> Team:
    """Get a team."""
    return team_of(find_team(connection, context.caller, team_id))


@operations.write("updateName", "PUT", "/teams/{teamId}", scopes=("teams.write",), event=TEAM_UPDATED)
def update_name(transaction: Transaction, context: Context, team_id: ResourceId, name: Name) -> Team:
    """Rename a team."""
    connection = transaction.connection
    found = find_owned_team(connection, context.caller, team_id, "rename it")
    team = team_of(change_team(connection, found, name=name))
    publish(transaction, context, TEAM_UPDATED, {"teamId": team_id}, team)
    return team


@operations.read("getPrefs", "GET", "/teams/{teamId}/prefs", scopes=("teams.read",), model=Preferences)
def get_prefs(connection: Connection, context: Context, team_id: ResourceId) -> dict[str, Any]:
    """Get the preferences that the members of a team share."""
    prefs: dict[str, Any] = find_team(connection, context.caller, team_id).prefs
    return prefs


@operations.write(
    "updatePrefs",
    "PUT",
    "/teams/{teamId}/prefs",
    scopes=("teams.write",),
    model=Preferences,
    event=TEAM_PREFERENCES_UPDATED,
)
def update_prefs(
    transaction: Transaction,
    context: Context,
    team_id: ResourceId,
    prefs: Annotated[dict[str, Any], JsonObject(65535)],
) -> dict[str, Any]:
    """Replace the preferences that the members of a team share."""
    connection = transaction.connection
    team = find_owned_team(connection, context.caller, team_id, "change its preferences")
    change_team(connection, team, prefs=prefs)
    publish(transaction, context, TEAM_PREFERENCES_UPDATED, {"teamId": team_id}, prefs)
    return prefs


@operations.declare("delete", "DELETE", "/teams/{teamId}", scopes=("teams.write",), event=TEAM_DELETED)
async def delete_team(context: Context, team_id: ResourceId) -> None:
    """Delete a team; all its members lose the roles that it gave them.

    An organisation of the console is deleted with its projects, which nobody could reach any more.
    """
    if context.project.id == CONSOLE_PROJECT_ID:
        await _delete_projects(context, team_id)

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_owned_team(connection, context.caller, team_id, _DELETE)
        members = memberships_in(connection, team_id)
        seen = memberships_of(connection, context.project.settings, members, MEMBERS)
        records.delete_team(connection, row.sequence)
        # The members still hold the team's role while this is delivered.
        publish(transaction, context, TEAM_DELETED, {"teamId": team_id}, team_of(row))
        for member, membership in zip(members, seen, strict=True):
            parameters = {"teamId": team_id, "userId": member.user_id, "membershipId": member.id}
            publish_unseen(transaction, MEMBERSHIP_DELETED, parameters, membership, permissions_changed=True)

    await context.database.write(unit)


async def _delete_projects(context: Context, team_id: str) -> None:
    # First the projects: if this is interrupted, the team is still there to try again.
    await context.database.read(
        lambda connection: find_owned_team(connection, context.caller, team_id, _DELETE)
    )
    for project in await context.instance.list_projects():
        if project.team_id == team_id:
            await context.instance.delete_project(project.id)
