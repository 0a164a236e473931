"""Teams: making them, finding those one is in, renaming, preferences, ending them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row, delete, exists, select, update

from tidewire.core.checks.lists import Items, JsonObject, QueryList
from tidewire.core.checks.names import CustomId, KeyName, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Preferences, Team, TeamList
from tidewire.core.time import now
from tidewire.services.account.records import chosen_id
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
from tidewire.services.teams.records import (
    OWNER,
    find_owned_team,
    find_team,
    insert_membership,
    insert_team,
    team_of,
)
from tidewire.services.teams.views import MEMBERS, memberships_of
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.lists.search import search_text
from tidewire.store.schema import memberships, teams

Name = Annotated[str, Text(1, 128)]

_DELETE: Final = "delete it"
_LIST: Final = resource_list(teams, "name", "total", searchable=(teams.c.search,))


@operations.declare("create", "POST", "/teams", scopes=("teams.write",), status=201, event=TEAM_CREATED)
async def create(
    context: Context,
    team_id: CustomId,
    name: Name,
    roles: Annotated[Sequence[str], Items(KeyName(36))] = (OWNER,),
) -> Team:
    """Create a team; the user who does is its first owner, with ``roles`` besides."""
    new_id = chosen_id(team_id)
    creator = "" if context.caller.bypasses_permissions else context.caller.user_id

    def unit(transaction: Transaction) -> Team:
        connection = transaction.connection
        if connection.execute(select(teams.c.sequence).where(teams.c.id == new_id)).first():
            raise TidewireError("team_already_exists", "A team with this id exists already.")
        team = team_of(insert_team(connection, new_id, name, total=1 if creator else 0))
        parameters = {"teamId": new_id}
        if creator:
            founder = insert_membership(
                connection,
                new_id,
                creator,
                list(dict.fromkeys((*roles, OWNER))),
                (f"user:{creator}", f"team:{new_id}"),
                joined_at=now(),
                confirmed=True,
            )
            parameters["userId"] = creator
            # Before the team's own event, which goes to its members.
            publish_founder(transaction, founder)
        publish(transaction, context, TEAM_CREATED, parameters, team)
        return team

    return await context.database.write(unit)


@operations.declare("list", "GET", "/teams", scopes=("teams.read",))
async def list_teams(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> TeamList:
    """List the teams that the caller is in; servers see all."""
    member = exists().where(
        memberships.c.team_id == teams.c.id,
        memberships.c.user_id == context.caller.user_id,
        memberships.c.confirmed,
    )
    where = () if context.caller.bypasses_permissions else (member,)
    count, rows = await context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, search, where, total)
    )
    return TeamList(total=count, teams=[team_of(row) for row in rows])


@operations.declare("get", "GET", "/teams/{teamId}", scopes=("teams.read",))
async def get(context: Context, team_id: ResourceId) -> Team:
    """Get a team."""
    return await context.database.read(
        lambda connection: team_of(find_team(connection, context.caller, team_id))
    )


@operations.declare("updateName", "PUT", "/teams/{teamId}", scopes=("teams.write",), event=TEAM_UPDATED)
async def update_name(context: Context, team_id: ResourceId, name: Name) -> Team:
    """Rename a team."""

    def unit(transaction: Transaction) -> Team:
        find_owned_team(transaction.connection, context.caller, team_id, "rename it")
        values = {"name": name, "search": search_text(team_id, name)}
        team = team_of(_change(transaction, team_id, values))
        publish(transaction, context, TEAM_UPDATED, {"teamId": team_id}, team)
        return team

    return await context.database.write(unit)


@operations.declare("getPrefs", "GET", "/teams/{teamId}/prefs", scopes=("teams.read",), model=Preferences)
async def get_prefs(context: Context, team_id: ResourceId) -> dict[str, Any]:
    """Get the preferences that the members of a team share."""
    row = await context.database.read(lambda connection: find_team(connection, context.caller, team_id))
    prefs: dict[str, Any] = row.prefs
    return prefs


@operations.declare(
    "updatePrefs",
    "PUT",
    "/teams/{teamId}/prefs",
    scopes=("teams.write",),
    model=Preferences,
    event=TEAM_PREFERENCES_UPDATED,
)
async def update_prefs(
    context: Context, team_id: ResourceId, prefs: Annotated[dict[str, Any], JsonObject(65535)]
) -> dict[str, Any]:
    """Replace the preferences that the members of a team share."""

    def unit(transaction: Transaction) -> None:
        find_owned_team(transaction.connection, context.caller, team_id, "change its preferences")
        _change(transaction, team_id, {"prefs": prefs})
        publish(transaction, context, TEAM_PREFERENCES_UPDATED, {"teamId": team_id}, prefs)

    await context.database.write(unit)
    return prefs


@operations.declare("delete", "DELETE", "/teams/{teamId}", scopes=("teams.write",), event=TEAM_DELETED)
async def delete_team(context: Context, team_id: ResourceId) -> None:
    """Delete a team; all its members lose the roles that it gave them.

    An organisation of the console goes with its projects, which nobody could reach any more.
    """
    if context.project.id == CONSOLE_PROJECT_ID:
        await _delete_projects(context, team_id)

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_owned_team(connection, context.caller, team_id, _DELETE)
        members = connection.execute(select(memberships).where(memberships.c.team_id == team_id)).all()
        seen = memberships_of(connection, context.project.settings, members, MEMBERS)
        connection.execute(delete(teams).where(teams.c.sequence == row.sequence))
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


def _change(transaction: Transaction, team_id: str, values: dict[str, Any]) -> Row[Any]:
    return transaction.connection.execute(
        update(teams).where(teams.c.id == team_id).values(updated_at=now(), **values).returning(teams)
    ).one()
