"""Challenges: second factors that users were asked for."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, delete, select

from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.records.tokens import MOST_ATTEMPTS
from tidewire.store.schema import challenges

_MOST_CHALLENGES: Final = 5
"""Open challenges of a user. The oldest gives way, with the guesses that were left for it."""


def insert_challenge(
    connection: Connection, user_id: str, session_id: str, type_: str, code: str, seconds: int
) -> Row[Any]:
    """Add a challenge that can be answered for ``seconds``; ``code`` was sent, empty if none was."""
    own = challenges.c.user_id == user_id
    newest = (
        select(challenges.c.sequence)
        .where(own, challenges.c.expires_at > now())
        .order_by(challenges.c.sequence.desc())
        .limit(_MOST_CHALLENGES - 1)
    )
    connection.execute(delete(challenges).where(own, challenges.c.sequence.not_in(newest)))
    return insert_row(
        connection,
        challenges,
        id=unique_id(),
        user_id=user_id,
        session_id=session_id,
        type=type_,
        code=connection.encryption.seal(code) if code else "",
        expires_at=now() + seconds * 1000,
    )


def find_challenge(connection: Connection, challenge_id: str, user_id: str, **values: str) -> Row[Any] | None:
    """The unexpired challenge of a user with this id and these values, whether it can be answered or not."""
    row = find_row(connection, challenges, id=challenge_id, user_id=user_id, **values)
    return row if row is not None and row.expires_at > now() else None


def can_be_answered(challenge: Row[Any]) -> bool:
    """Whether a challenge was not answered wrongly too often."""
    return bool(challenge.attempts < MOST_ATTEMPTS)


def count_attempt(connection: Connection, challenge: Row[Any]) -> None:
    """Count a wrong answer."""
    update_row(connection, challenges, challenge.sequence, attempts=challenge.attempts + 1)


def delete_challenge(connection: Connection, challenge: Row[Any]) -> None:
    """Delete a challenge, which was answered."""
    delete_row(connection, challenges, challenge.sequence)
