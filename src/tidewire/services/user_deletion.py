"""The end of a user, with everything that belongs to them."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from tidewire.store.database import Transaction
from tidewire.store.presences import end_presences_of
from tidewire.store.schema import memberships, teams, users


def delete_user(transaction: Transaction, user_id: str) -> None:
    """Delete the user; sessions, targets, tokens, factors, memberships and the presence go along."""
    connection = transaction.connection
    end_presences_of(transaction, user_id)
    left = select(memberships.c.team_id).where(memberships.c.user_id == user_id, memberships.c.confirmed)
    connection.execute(update(teams).where(teams.c.id.in_(left)).values(total=teams.c.total - 1))
    connection.execute(delete(users).where(users.c.id == user_id))
