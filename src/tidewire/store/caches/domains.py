"""What domains lead to, in memory and always as of the last commit."""

from __future__ import annotations

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.records.rules import Place, places, rules_version


class Domains:
    """Verified domains are read again when a commit, of whichever process, has changed a rule.

    What a serving process committed before :meth:`find` is called counts in its answer. To ask the database
    whether anything was committed takes about 15 microseconds. The only serving process (``alone``) does so
    only after :meth:`committed`, since each request for a name that leads nowhere finds out here.
    """

    def __init__(self, database: Database, *, alone: bool) -> None:
        self._database = database
        self._alone = alone
        self._commits = 1
        """Commits that this was told of."""
        self._looked_after = 0
        """How many of them there were when the rules were looked at last."""
        self._version: Finding[str] = NEVER
        """The version as it was found last; it is looked up again only after a commit."""
        self._read: str | None = None
        """The version of the rules that were read; None if none were read yet."""
        self._places: dict[str, Place] = {}

    def committed(self, project_id: str = "") -> None:
        """Note that something was committed, in this project or in any."""
        if project_id in {"", self._database.project_id}:
            self._commits += 1

    async def find(self, domain: str) -> Place | None:
        """What a domain, in lower case, leads to; None: it is of no verified rule."""
        if not self._alone or self._looked_after != self._commits:
            await self._look()
        return self._places.get(domain)

    async def _look(self) -> None:
        commits = self._commits
        if not self._database.holds(self._version):
            version = await self._database.find(rules_version, self._version)
            if version.value != self._read:
                # There may be many: that is work for a thread.
                self._read, self._places = await self._database.read(_load, lane="identities")
            self._version = version
        self._looked_after = commits


def _load(connection: Connection) -> tuple[str, dict[str, Place]]:
    return rules_version(connection), places(connection)
