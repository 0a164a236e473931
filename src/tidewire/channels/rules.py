"""The rules of a project's channels, in memory and always those of the last commit."""

from __future__ import annotations

from tidewire.core.custom_channels import ChannelRule, patterns_for
from tidewire.store.engine.database import Database
from tidewire.store.records.channel_rules import read_rules, rules_version


class RuleBook:
    """Rules are read again when a commit, of whichever process, has changed one of them.

    What was committed before :meth:`find` is called counts in its answer: a rule takes effect with the
    very next message, in all processes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules: dict[str, ChannelRule] = {}
        self._version: str | None = None
        """Of the rules that are kept; None: none are yet."""
        self._seen: int | None = None
        """Version of the database at which they were last known to be these."""

    async def find(self, name: str) -> ChannelRule | None:
        """The rule for a channel: the most specific one; None if there is none."""
        if not self._is_current():
            seen = self._database.data_version()
            self._version, self._rules = await self._database.read(
                lambda connection: (rules_version(connection), read_rules(connection)), lane="identities"
            )
            self._seen = seen
        rules = self._rules
        return next((rules[pattern] for pattern in patterns_for(name) if pattern in rules), None)

    def _is_current(self) -> bool:
        # The database's version first: what is committed after it makes another look necessary.
        seen = self._database.data_version()
        if seen == self._seen:
            return True
        version = self._database.glance(rules_version)
        if version is None or version != self._version:
            return False
        self._seen = seen
        return True
