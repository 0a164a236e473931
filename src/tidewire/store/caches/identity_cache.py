"""Users of a project by what they show, without asking the database anew for each request.

An identity is kept together with the rows that it was made of. It is given out again at once while nobody,
in any process, has committed anything to the database, and otherwise only if those rows are still the same.
So whatever changes a user, a session, a membership or a second factor counts from its commit on, no matter
who committed it and whether an event tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tidewire.core.identities import Identity
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.records.identities import (
    IdentityRows,
    identity_of,
    rows_by_secret,
    rows_by_session,
    rows_by_user,
    session_identities,
    unexpired,
)
from tidewire.store.secrets.credentials import SessionClaims, decode_jwt, decode_session, hash_secret

CAPACITY: Final = 10_000
"""Identities kept of one project."""


@dataclass(frozen=True)
class _Key:
    """What identities are kept under: a user, and the session by its hash or by its id, or neither."""

    user_id: str
    secret_hash: str = ""
    session_id: str = ""


@dataclass(slots=True)
class _Entry:
    identity: Identity
    rows: IdentityRows


_Found = Finding["_Entry | None"]


class IdentityCache:
    """The users of one project; for use on the event loop."""

    def __init__(self, database: Database, jwt_secret: bytes, capacity: int = CAPACITY) -> None:
        self._database = database
        self._jwt_secret = jwt_secret
        self._capacity = capacity
        self._found: dict[_Key, _Found] = {}
        self._tokens: dict[str, SessionClaims] = {}

    async def by_session(self, session: str) -> Identity | None:
        """The user of an encoded session; None if it is not valid, whatever the reason."""
        credentials = decode_session(session)
        if credentials is None:
            return None
        user_id, secret = credentials
        return await self._identity(_Key(user_id, secret_hash=hash_secret(secret)))

    async def by_jwt(self, token: str) -> Identity | None:
        """The user of a JWT; None if its session has ended.

        Raises :class:`tidewire.store.secrets.credentials.InvalidJwtError`.
        """
        claims = self._claims(token)
        if not claims.session_id:
            return await self.by_id(claims.user_id)
        return await self._identity(_Key(claims.user_id, session_id=claims.session_id))

    async def by_id(self, user_id: str) -> Identity | None:
        """The user as stored now; None if there is no such user."""
        return await self._identity(_Key(user_id))

    async def open_sessions(self, user_id: str) -> list[Identity]:
        """The user by each of the sessions that there are now."""
        return await self._database.read(
            lambda connection: session_identities(connection, user_id, now()), lane="identities"
        )

    def clear(self) -> None:
        """Keep nothing."""
        self._found.clear()
        self._tokens.clear()

    def _claims(self, token: str) -> SessionClaims:
        """What a token says; its signature is checked once."""
        claims = self._tokens.get(token)
        if claims is None or claims.expires <= now():
            self._tokens.pop(token, None)
            claims = decode_jwt(token, self._jwt_secret, now(), self._database.project_id)
            _keep(self._tokens, token, claims, self._capacity)
        return claims

    async def _identity(self, key: _Key) -> Identity | None:
        known: _Found = self._found.pop(key, NEVER)
        if self._database.holds(known):
            found = known
        else:
            found = await self._database.find(partial(_load, key=key, known=known), known)
        if found.value is None or unexpired(found.value.identity, now()) is None:
            return None
        _keep(self._found, key, found, self._capacity)
        return found.value.identity


def _load(connection: Connection, key: _Key, known: _Found) -> _Entry | None:
    rows = _rows(connection, key)
    if rows is None:
        return None
    if known.value is not None and known.value.rows == rows:
        return known.value
    return _Entry(identity_of(connection, rows), rows)


def _rows(connection: Connection, key: _Key) -> IdentityRows | None:
    if key.secret_hash:
        return rows_by_secret(connection, key.user_id, key.secret_hash)
    if key.session_id:
        return rows_by_session(connection, key.user_id, key.session_id)
    return rows_by_user(connection, key.user_id)


def _keep(kept: dict[Any, Any], key: Any, value: Any, capacity: int) -> None:
    """Put a value at the end; the one that was used least recently gives way."""
    if len(kept) >= capacity:
        del kept[next(iter(kept))]
    kept[key] = value
