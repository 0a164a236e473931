"""Sign-ins at other providers that are under way: what each is for, sealed, found by its state, used once."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import oauth2_attempts
from tidewire.store.secrets.credentials import hash_secret


def keep_attempt(connection: Connection, state: str, sealed: str, seconds: int, most: int) -> None:
    """Keep what a sign-in is for. Of more than ``most`` the oldest are forgotten."""
    table = oauth2_attempts.c
    newest = select(table.sequence).order_by(table.sequence.desc())
    oldest = connection.scalar(newest.limit(1).offset(most - 1))
    surplus = table.sequence <= (oldest or 0)
    connection.execute(delete(oauth2_attempts).where((table.expires_at <= now()) | surplus))
    connection.execute(
        insert(oauth2_attempts),
        {"state_hash": hash_secret(state), "sealed": sealed, "expires_at": now() + seconds * 1000},
    )


def find_attempt(connection: Connection, state: str) -> str | None:
    """What the sign-in with this state is for; None if there is none that is still open."""
    table = oauth2_attempts.c
    wanted = select(table.sealed).where(table.state_hash == hash_secret(state), table.expires_at > now())
    return connection.scalar(wanted)


def end_attempt(connection: Connection, state: str) -> None:
    """Forget a sign-in: its state works no more."""
    connection.execute(delete(oauth2_attempts).where(oauth2_attempts.c.state_hash == hash_secret(state)))
