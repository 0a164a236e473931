"""What was read from a database, kept while it is current."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding

T = TypeVar("T")


class Cache(Generic[T]):
    """Values by name, each read again once anybody, in any process, has committed to the database.

    Meant for databases that change rarely. What is not found is not kept: names come from clients.
    """

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._capacity = capacity
        self._found: dict[str, Finding[T | None]] = {}

    def current(self, name: str) -> T | None:
        """The value called ``name`` if it is kept and current, which costs no more than a look."""
        known = self._found.get(name)
        return known.value if known is not None and self._database.holds(known) else None

    async def get(self, name: str, find: Callable[[Connection], T | None]) -> T | None:
        """The value called ``name``; ``find`` reads it if it is not kept."""
        known: Finding[T | None] = self._found.get(name, NEVER)
        if self._database.holds(known):
            return known.value
        found = await self._database.find(find, known)
        if found is not known:
            if found.value is None:
                self._found.pop(name, None)
            else:
                if len(self._found) >= self._capacity:
                    self._found.clear()
                self._found[name] = found
        return found.value
