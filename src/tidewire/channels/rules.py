"""The rules of a project's channels, in memory and always those of the last commit."""

from __future__ import annotations

from typing import NamedTuple

from tidewire.core.custom_channels import ChannelRule, patterns_for
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.records.channel_rules import read_rules, rules_version


class _Rules(NamedTuple):
    version: str | None
    """The version of the rules that were read; None if none were read yet."""
    by_pattern: dict[str, ChannelRule]


class RuleBook:
    """Rules are read again when a commit, of whichever process, has changed one of them.

    What was committed before :meth:`find` is called counts in its answer: a rule takes effect with the
    very next message, in all processes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: Finding[str] = NEVER
        """The version of the rules as it was found last; it is looked up again only after a commit."""
        self._rules = _Rules(None, {})

    async def find(self, name: str) -> ChannelRule | None:
        """The rule for a channel: the most specific one; None if there is none."""
        if not self._database.holds(self._version):
            version = await self._database.find(rules_version, self._version)
            if version.value != self._rules.version:
                # There may be many: that is work for a thread.
                self._rules = await self._database.read(_load, lane="identities")
            self._version = version
        rules = self._rules.by_pattern
        return next((rules[pattern] for pattern in patterns_for(name) if pattern in rules), None)


def _load(connection: Connection) -> _Rules:
    return _Rules(rules_version(connection), read_rules(connection))
