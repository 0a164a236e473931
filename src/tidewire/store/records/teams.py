"""Teams and the memberships of users in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Row, bindparam, exists, select, update

from tidewire.core.ids import unique_id
from tidewire.core.permissions import permission
from tidewire.core.project_roles import roles_on
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.lists.search import search_text
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import memberships, projects, teams, users

OWNER: Final = "owner"
"""The role that manages the team and its members."""

TEAMS: Final = resource_list(teams, "name", "total", searchable=(teams.c.search,))
MEMBERSHIPS: Final = resource_list(
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

_ROLES: Final = select(memberships.c.roles).where(
    memberships.c.team_id == bindparam("team_id"),
    memberships.c.user_id == bindparam("user_id"),
    memberships.c.confirmed,
)


def team_by_id(connection: Connection, team_id: str) -> Row[Any] | None:
    """The team with this id."""
    return find_row(connection, teams, id=team_id)


def insert_team(connection: Connection, team_id: str, name: str, total: int) -> Row[Any]:
    """Add a team with a free id."""
    return insert_row(
        connection,
        teams,
        id=team_id,
        permissions=[
            permission("read", f"team:{team_id}"),
            permission("update", f"team:{team_id}/{OWNER}"),
            permission("delete", f"team:{team_id}/{OWNER}"),
        ],
        name=name,
        total=total,
        search=search_text(team_id, name),
    )


def change_team(connection: Connection, team: Row[Any], **values: Any) -> Row[Any]:
    """Change the name or preferences of a team."""
    if "name" in values:
        values["search"] = search_text(team.id, values["name"])
    return update_row(connection, teams, team.sequence, **values)


def delete_team(connection: Connection, sequence: int) -> None:
    """Delete a team with its memberships."""
    delete_row(connection, teams, sequence)


def is_member(user_id: str) -> ColumnElement[bool]:
    """The condition that a user is a confirmed member of the team in a row of ``teams``."""
    return exists().where(
        memberships.c.team_id == teams.c.id, memberships.c.user_id == user_id, memberships.c.confirmed
    )


def team_names(connection: Connection, team_ids: Collection[str]) -> dict[str, str]:
    """The names of some teams by their ids."""
    named = select(teams.c.id, teams.c.name).where(teams.c.id.in_(team_ids))
    return {row.id: row.name for row in connection.execute(named)}


def people_of_project(connection: Connection, team_id: str, project_id: str) -> Sequence[Row[Any]]:
    """Who looks after a project of a team: ``id``, ``email`` (may be None), ``name``, ``roles``.

    They are the owners and developers of the team, and those who are so on this project.
    """
    rows = connection.execute(
        select(users.c.id, users.c.email, users.c.name, memberships.c.roles)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.team_id == team_id, memberships.c.confirmed)
        .order_by(memberships.c.sequence)
    )
    helpers = {OWNER, "developer"}
    return [cast("Row[Any]", row) for row in rows if helpers & set(roles_on(row.roles, project_id) or ())]


def teams_owned_alone(connection: Connection, user_id: str) -> list[tuple[Row[Any], bool, bool]]:
    """The teams that a user is the only owner of: whether others are in them, whether they have projects.

    Only in the instance's database, which keeps the projects.
    """
    of_user = memberships.c.user_id == user_id
    joined = select(teams, memberships.c.roles).join(memberships, memberships.c.team_id == teams.c.id)
    found = []
    for team in connection.execute(joined.where(of_user, memberships.c.confirmed)).all():
        others = connection.scalars(
            select(memberships.c.roles).where(
                memberships.c.team_id == team.id, ~of_user, memberships.c.confirmed
            )
        ).all()
        if OWNER in team.roles and not any(OWNER in roles for roles in others):
            has_projects = connection.scalar(select(exists().where(projects.c.team_id == team.id)))
            found.append((team, bool(others), bool(has_projects)))
    return found


def roles_in_team(connection: Connection, team_id: str, user_id: str) -> list[str] | None:
    """The roles of a user in a team; None if the user is no confirmed member."""
    return connection.execute(_ROLES, {"team_id": team_id, "user_id": user_id}).scalar_one_or_none()


def membership_by(connection: Connection, **values: str) -> Row[Any] | None:
    """The one membership with these values: its ``id``, or ``team_id`` and ``user_id``, or all of them."""
    return find_row(connection, memberships, **values)


def memberships_in(connection: Connection, team_id: str) -> Sequence[Row[Any]]:
    """All memberships of a team, confirmed or not."""
    return connection.execute(select(memberships).where(memberships.c.team_id == team_id)).all()


def has_other_owner(connection: Connection, membership: Row[Any]) -> bool:
    """Whether somebody else is an owner of the team."""
    others = select(memberships.c.roles).where(
        memberships.c.team_id == membership.team_id,
        memberships.c.sequence != membership.sequence,
        memberships.c.confirmed,
    )
    return any(OWNER in roles for roles in connection.scalars(others))


def insert_membership(
    connection: Connection,
    team_id: str,
    user_id: str,
    readers: Sequence[str],
    **values: Any,
) -> Row[Any]:
    """Add a membership that ``readers`` may read."""
    membership_id = unique_id()
    managers = (f"user:{user_id}", f"team:{team_id}/{OWNER}")
    granted = [
        *(permission("read", role) for role in readers),
        *(permission(action, role) for action in ("update", "delete") for role in managers),
    ]
    return insert_row(
        connection,
        memberships,
        id=membership_id,
        permissions=granted,
        team_id=team_id,
        user_id=user_id,
        search=search_text(membership_id, user_id),
        **{"invited_at": now(), **values},
    )


def change_membership(connection: Connection, sequence: int, **values: Any) -> Row[Any]:
    """Change columns of a membership and return its row."""
    return update_row(connection, memberships, sequence, **values)


def delete_membership(connection: Connection, membership: Row[Any]) -> None:
    """Delete a membership; a confirmed one no longer counts in the team's ``total``."""
    delete_row(connection, memberships, membership.sequence)
    if membership.confirmed:
        add_to_total(connection, membership.team_id, -1)


def add_to_total(connection: Connection, team_id: str, members: int) -> None:
    """Keep the team's ``total``, the number of its confirmed members."""
    connection.execute(update(teams).where(teams.c.id == team_id).values(total=teams.c.total + members))
