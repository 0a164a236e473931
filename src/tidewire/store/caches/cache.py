"""What was read from a database, kept until anybody changes that database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database

T = TypeVar("T")


class Cache(Generic[T]):
    """Values by name; all are dropped at any commit to ``database``, also one by another process.

    Meant for databases that change rarely. What is not found is not kept: names come from clients.
    """

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._capacity = capacity
        self._version = 0
        self._values: dict[str, T] = {}

    async def get(self, name: str, find: Callable[[Connection], T | None]) -> T | None:
        """The value called ``name``; ``find`` reads it if it is not kept."""
        version = self._database.data_version()
        if version != self._version:
            self._values.clear()
            self._version = version
        value = self._values.get(name)
        if value is None:
            value = await self._database.read(find, lane="identities")
            # A commit during the read may be one that the value does not show.
            if value is not None and self._version == version == self._database.data_version():
                if len(self._values) >= self._capacity:
                    self._values.clear()
                self._values[name] = value
        return value
