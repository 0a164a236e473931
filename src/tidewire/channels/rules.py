"""The rules of a project's channels, in memory and always those of the last commit."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from tidewire.core.custom_channels import ChannelRule, patterns_for
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.records.channel_rules import read_rules, rules_version


class _Rules(NamedTuple):
    version: str
    by_pattern: dict[str, ChannelRule]


class RuleBook:
    """Rules are read again when a commit, of whichever process, has changed one of them.

    What was committed before :meth:`find` is called counts in its answer: a rule takes effect with the
    very next message, in all processes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: Finding[_Rules] = NEVER

    async def find(self, name: str) -> ChannelRule | None:
        """The rule for a channel: the most specific one; None if there is none."""
        known: _Rules | None = self._found.value
        self._found = await self._database.find(partial(_load, known=known), self._found)
        rules = self._found.value.by_pattern
        return next((rules[pattern] for pattern in patterns_for(name) if pattern in rules), None)


def _load(connection: Connection, known: _Rules | None) -> _Rules:
    version = rules_version(connection)
    if known is not None and version == known.version:
        return known
    return _Rules(version, read_rules(connection))
