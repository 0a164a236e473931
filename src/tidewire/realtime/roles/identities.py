"""The questions of realtime about the users of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidewire.core.identities import Identity


class Identities(Protocol):
    """The identities of a project: looks its users up."""

    async def by_session(self, session: str) -> Identity | None:
        """The user of an encoded session; None if it is not valid, whatever the reason."""

    async def by_jwt(self, token: str) -> Identity | None:
        """The user of a JWT; None if its session has ended. Raises InvalidJwtError."""

    async def by_id(self, user_id: str) -> Identity | None:
        """The user as stored now; None if there is no such user."""

    async def open_sessions(self, user_id: str) -> Sequence[Identity]:
        """The user by each of the sessions that there are now."""
