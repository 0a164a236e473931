"""Sessions of users: begun, found, changed and ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.records.rows import find_row, insert_row, update_row
from tidewire.store.records.targets import delete_targets_of_sessions
from tidewire.store.schema import sessions, users
from tidewire.store.secrets.credentials import encode_session, hash_secret

_TOUCH_USER: Final = update(users).where(users.c.id == bindparam("of_user"))


def insert_session(
    connection: Connection, user_id: str, duration: int, **values: Any
) -> tuple[Row[Any], str]:
    """Begin a session of ``duration`` seconds, of which only a hash of the secret is stored.

    Returns the session, and id and secret as clients keep them.
    """
    secret, moment = secrets.token_hex(32), now()
    row = insert_row(
        connection,
        sessions,
        id=unique_id(),
        user_id=user_id,
        secret_hash=hash_secret(secret),
        expires_at=moment + duration * 1000,
        **values,
    )
    connection.execute(_TOUCH_USER, {"of_user": user_id, "accessed_at": moment})
    return row, encode_session(user_id, secret)


def sessions_of(connection: Connection, user_id: str) -> list[Row[Any]]:
    """The sessions of a user that have not expired, the oldest first."""
    unexpired = select(sessions).where(sessions.c.user_id == user_id, sessions.c.expires_at > now())
    return list(connection.execute(unexpired.order_by(sessions.c.sequence)))


def find_session(connection: Connection, user_id: str, session_id: str) -> Row[Any]:
    """An unexpired session of a user; raises ``user_session_not_found``."""
    row = find_row(connection, sessions, id=session_id, user_id=user_id)
    if row is None or row.expires_at <= now():
        raise TidewireError("user_session_not_found", "This session does not exist.")
    return row


def change_session(connection: Connection, sequence: int, **values: Any) -> Row[Any]:
    """Change columns of a session and return its row."""
    return update_row(connection, sessions, sequence, **values)


def end_sessions(connection: Connection, session_ids: Sequence[str]) -> None:
    """Delete sessions; push messages no longer reach the devices that they were on."""
    delete_targets_of_sessions(connection, session_ids)
    connection.execute(delete(sessions).where(sessions.c.id.in_(session_ids)))
