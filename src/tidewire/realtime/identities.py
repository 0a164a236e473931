"""Users of a project as its database has them."""

from __future__ import annotations

from tidewire.core.identities import Identity
from tidewire.core.time import now
from tidewire.store.database import Database
from tidewire.store.identities import jwt_identity, session_identity, user_identity


class StoredIdentities:
    """Looks users up in the database of their project."""

    def __init__(self, database: Database, jwt_secret: bytes) -> None:
        self._database = database
        self._jwt_secret = jwt_secret

    async def by_session(self, session: str) -> Identity | None:
        """The user of an encoded session; None if it is not valid, whatever the reason."""
        return await self._database.read(lambda connection: session_identity(connection, session, now()))

    async def by_jwt(self, token: str) -> Identity | None:
        """The user of a JWT; None if its session has ended. Raises InvalidJwtError."""
        secret = self._jwt_secret
        return await self._database.read(lambda connection: jwt_identity(connection, token, secret, now()))

    async def by_id(self, user_id: str) -> Identity | None:
        """The user as stored now; None if there is no such user."""
        return await self._database.read(lambda connection: user_identity(connection, user_id))
