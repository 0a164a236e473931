"""What becomes of the teams of the console that somebody owns who goes."""

from __future__ import annotations

from sqlalchemy import delete, exists, select

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import memberships, projects, teams

OWNER = "owner"


def leave_owned_teams(connection: Connection, user_id: str) -> None:
    """Let somebody go who owns teams, in the transaction that deletes the user.

    A team with another owner stays as it is, and one that others are in stays without an owner; one that
    nobody else is in goes along. None of them may leave projects behind that nobody owns:
    ``user_deletion_prohibited``.
    """
    of_user = select(memberships.c.team_id, memberships.c.roles).where(
        memberships.c.user_id == user_id, memberships.c.confirmed
    )
    for team_id, roles in connection.execute(of_user).all():
        others = connection.scalars(
            select(memberships.c.roles).where(
                memberships.c.team_id == team_id, memberships.c.user_id != user_id, memberships.c.confirmed
            )
        ).all()
        if OWNER not in roles or any(OWNER in each for each in others):
            continue
        if connection.scalar(select(exists().where(projects.c.team_id == team_id))):
            message = "You are the last owner of a team with projects: hand it over or delete it first."
            raise TidewireError("user_deletion_prohibited", message)
        if not others:
            connection.execute(delete(teams).where(teams.c.id == team_id))
