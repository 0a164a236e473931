"""A connection to a project's database, with what the store has to know of it."""

from __future__ import annotations

import math

import sqlalchemy
from sqlalchemy import Row

from tidewire.store.secrets.encryption import Encryption

__all__ = ["Connection", "Row"]


class Connection(sqlalchemy.Connection):
    """A connection that units of work read and write with. Any thread may use it, one at a time.

    It never begins or ends a transaction by itself: that is the engine's business.
    """

    def __init__(
        self,
        engine: sqlalchemy.Engine,
        project_id: str,
        encryption: Encryption | None = None,
        list_bytes: float = math.inf,
    ) -> None:
        super().__init__(engine)
        self.project_id = project_id
        self.list_bytes = list_bytes
        """Bytes that one list may show that is read on the connection."""
        self.deadline = math.inf
        """Monotonic seconds until which the present unit of work may read."""
        self.sealing = encryption
        self.is_staging = False
        """Whether it is a staging connection: what it writes to users' tables stays beside them, and only it
        sees that."""

    @property
    def encryption(self) -> Encryption:
        """Seals and opens what is stored sealed."""
        assert self.sealing is not None, "the database was opened without encryption"
        return self.sealing
