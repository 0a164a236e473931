"""Identities looked up on a connection, as the cache of identities looks them up."""

from __future__ import annotations

from tidewire.core.identities import Identity
from tidewire.store.engine.connection import Connection
from tidewire.store.records.identities import (
    IdentityRows,
    identity_of,
    rows_by_secret,
    rows_by_session,
    unexpired,
    user_identity,
)
from tidewire.store.secrets.credentials import decode_jwt, decode_session, hash_secret


def session_identity(connection: Connection, encoded: str, now: int) -> Identity | None:
    """The user of an encoded session; None unless both exist and the session is not expired."""
    credentials = decode_session(encoded)
    if credentials is None:
        return None
    user_id, secret = credentials
    return _identity(connection, rows_by_secret(connection, user_id, hash_secret(secret)), now)


def jwt_identity(connection: Connection, token: str, jwt_secret: bytes, now: int) -> Identity | None:
    """The user of a token; None if the session or the user that it stands for is gone."""
    claims = decode_jwt(token, jwt_secret, now, connection.project_id)
    if not claims.session_id:
        return user_identity(connection, claims.user_id)
    return _identity(connection, rows_by_session(connection, claims.user_id, claims.session_id), now)


def _identity(connection: Connection, rows: IdentityRows | None, now: int) -> Identity | None:
    return unexpired(identity_of(connection, rows), now) if rows is not None else None
