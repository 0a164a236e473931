"""Users together with their teams: owners' addresses, and the deletion of a user."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.schema import memberships, teams, users


def addresses_of(connection: Connection, user_id: str) -> list[str | None]:
    """The mail address and the phone number of a user, as far as there are any."""
    return list(connection.execute(select(users.c.email, users.c.phone).where(users.c.id == user_id)).one())


def owners_of_team(connection: Connection, team_id: str) -> list[tuple[str, str]]:
    """Address and name of each owner of a team."""
    rows = connection.execute(
        select(users.c.email, users.c.name, memberships.c.roles)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.team_id == team_id, memberships.c.confirmed, users.c.email.is_not(None))
        .order_by(memberships.c.sequence)
    )
    return [(row.email, row.name) for row in rows if "owner" in row.roles]


def remove_user(connection: Connection, user_id: str) -> None:
    """Delete a user; sessions, targets, tokens, factors and memberships go along."""
    left = select(memberships.c.team_id).where(memberships.c.user_id == user_id, memberships.c.confirmed)
    connection.execute(update(teams).where(teams.c.id.in_(left)).values(total=teams.c.total - 1))
    connection.execute(delete(users).where(users.c.id == user_id))
