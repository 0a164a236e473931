"""What domains lead to, in memory and always as of the last commit."""

from __future__ import annotations

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.records.rules import Place, places, rules_version


class Domains:
    """Verified domains are read again when a commit, of whichever process, has changed a rule.

    What was committed before :meth:`find` is called counts in its answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: Finding[str] = NEVER
        """As it was found last; it is looked up again only after a commit."""
        self._read: str | None = None
        """The version of the rules that were read; None if none were read yet."""
        self._places: dict[str, Place] = {}

    async def find(self, domain: str) -> Place | None:
        """What a domain, in lower case, leads to; None: it is of no verified rule."""
        if not self._database.holds(self._version):
            version = await self._database.find(rules_version, self._version)
            if version.value != self._read:
                # There may be many: that is work for a thread.
                self._read, self._places = await self._database.read(_load, lane="identities")
            self._version = version
        return self._places.get(domain)


def _load(connection: Connection) -> tuple[str, dict[str, Place]]:
    return rules_version(connection), places(connection)
