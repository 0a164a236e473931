"""Users of a project by what they show, without asking the database anew for each request.

An identity is kept together with the rows that it was made of. It is given out again at once while nobody,
in any process, has committed anything to the database, and otherwise only if those rows are still the same.
So whatever changes a user, a session, a membership or a second factor counts from its commit on, no matter
who committed it and whether an event tells of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from tidewire.core.identities import Identity
from tidewire.core.time import now
from tidewire.store.credentials import SessionClaims, decode_jwt, decode_session, hash_secret
from tidewire.store.database import Database
from tidewire.store.identities import (
    identity_by_secret,
    identity_by_session,
    session_identities,
    user_identity,
)
from tidewire.store.prepared import Prepared
from tidewire.store.schema import authenticators, memberships, sessions, targets, users

CAPACITY: Final = 10_000
"""Identities kept of one project."""

Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class _Key:
    """What identities are kept under: a user, and the session by its hash or by its id, or neither."""

    user_id: str
    secret_hash: str = ""
    session_id: str = ""


@dataclass(slots=True)
class _Entry:
    identity: Identity
    rows: Rows
    version: int
    """Of the database when ``rows`` were last seen to be these."""


class IdentityCache:
    """The users of one project; for use on the event loop."""

    def __init__(self, database: Database, jwt_secret: bytes, capacity: int = CAPACITY) -> None:
        self._database = database
        self._jwt_secret = jwt_secret
        self._capacity = capacity
        self._entries: dict[_Key, _Entry] = {}
        self._tokens: dict[str, SessionClaims] = {}

    async def by_session(self, session: str) -> Identity | None:
        """The user of an encoded session; None if it is not valid, whatever the reason."""
        credentials = decode_session(session)
        if credentials is None:
            return None
        user_id, secret = credentials
        secret_hash = hash_secret(secret)

        def find(connection: Connection) -> Identity | None:
            return identity_by_secret(connection, user_id, secret_hash, now())

        return await self._identity(_Key(user_id, secret_hash=secret_hash), find)

    async def by_jwt(self, token: str) -> Identity | None:
        """The user of a JWT; None if its session has ended.

        Raises :class:`tidewire.store.credentials.InvalidJwtError`.
        """
        claims = self._claims(token)
        if not claims.session_id:
            return await self.by_id(claims.user_id)

        def find(connection: Connection) -> Identity | None:
            return identity_by_session(connection, claims.user_id, claims.session_id, now())

        return await self._identity(_Key(claims.user_id, session_id=claims.session_id), find)

    async def by_id(self, user_id: str) -> Identity | None:
        """The user as stored now; None if there is no such user."""
        return await self._identity(_Key(user_id), lambda connection: user_identity(connection, user_id))

    async def open_sessions(self, user_id: str) -> list[Identity]:
        """The user by each of the sessions that there are now."""
        return await self._database.read(lambda connection: session_identities(connection, user_id, now()))

    def _claims(self, token: str) -> SessionClaims:
        """What a token says; its signature is checked once."""
        claims = self._tokens.get(token)
        if claims is None or claims.expires <= now():
            self._tokens.pop(token, None)
            claims = decode_jwt(token, self._jwt_secret, now(), self._database.project_id)
            _keep(self._tokens, token, claims, self._capacity)
        return claims

    async def _identity(self, key: _Key, find: Callable[[Connection], Identity | None]) -> Identity | None:
        entry = self._entries.pop(key, None)
        if entry is None or not self._holds(key, entry):
            entry = await self._load(key, find)
        if entry is None or (entry.identity.session_id and entry.identity.session_expires <= now()):
            return None
        _keep(self._entries, key, entry, self._capacity)
        return entry.identity

    def _holds(self, key: _Key, entry: _Entry) -> bool:
        # The version first: what is committed after it makes another look necessary.
        version = self._database.data_version()
        if version == entry.version:
            return True
        if self._database.glance(lambda connection: _rows(connection, key)) != entry.rows:
            return False
        entry.version = version
        return True

    async def _load(self, key: _Key, find: Callable[[Connection], Identity | None]) -> _Entry | None:
        version = self._database.data_version()

        def unit(connection: Connection) -> _Entry | None:
            identity = find(connection)
            return _Entry(identity, _rows(connection, key), version) if identity is not None else None

        return await self._database.read(unit)


def _rows(connection: Connection, key: _Key) -> Rows:
    """Everything that an identity is made of."""
    values = {"user_id": key.user_id}
    if key.secret_hash:
        own = _BY_SECRET.fetch(connection, values | {"secret_hash": key.secret_hash})
    elif key.session_id:
        own = _BY_SESSION.fetch(connection, values | {"session_id": key.session_id})
    else:
        own = _BY_USER.fetch(connection, values)
    return (*own, *_MEMBERSHIPS.fetch(connection, values), *_TARGETS.fetch(connection, values))


def _keep(kept: dict[Any, Any], key: Any, value: Any, capacity: int) -> None:
    """Put a value at the end; the one that was used least recently gives way."""
    if len(kept) >= capacity:
        del kept[next(iter(kept))]
    kept[key] = value


_OF_SESSION: Final = (
    select(
        users,
        sessions,
        select(authenticators.c.sequence)
        .where(authenticators.c.user_id == users.c.id, authenticators.c.verified)
        .limit(1)
        .scalar_subquery(),
    )
    .join_from(sessions, users, sessions.c.user_id == users.c.id)
    .where(sessions.c.user_id == bindparam("user_id"))
)
_BY_SECRET: Final = Prepared(_OF_SESSION.where(sessions.c.secret_hash == bindparam("secret_hash")))
_BY_SESSION: Final = Prepared(_OF_SESSION.where(sessions.c.id == bindparam("session_id")))
_BY_USER: Final = Prepared(select(users).where(users.c.id == bindparam("user_id")))
_MEMBERSHIPS: Final = Prepared(
    select(memberships).where(memberships.c.user_id == bindparam("user_id")).order_by(memberships.c.sequence)
)
_TARGETS: Final = Prepared(
    select(targets).where(targets.c.user_id == bindparam("user_id")).order_by(targets.c.sequence)
)
