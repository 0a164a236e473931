"""Rules of custom channels as rows, and a version that names their present state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from tidewire.core.custom_channels import ChannelRule, patterns_for
from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import find_row
from tidewire.store.schema import channel_rules, state

CHANNEL_RULES: Final = resource_list(channel_rules, "read", "publish", "history", "presence")

_VERSION: Final = "channels.rules"
_version: Final = Prepared(select(state.c.value).where(state.c.name == bindparam("name")))


def rules_version(connection: Connection) -> str:
    """The version of all rules: it changes whenever one of them does, and is empty before the first.

    Takes microseconds.
    """
    rows = _version.fetch(connection, {"name": _VERSION})
    return str(rows[0][0]) if rows else ""


def read_rules(connection: Connection) -> dict[str, ChannelRule]:
    """All rules by the pattern of channels that they are for."""
    return {row.id: rule_of(row) for row in connection.execute(select(channel_rules))}


def find_rule(connection: Connection, name: str) -> ChannelRule | None:
    """The rule that counts for a channel: the most specific one of those that match it."""
    patterns = list(patterns_for(name))
    rows = connection.execute(select(channel_rules).where(channel_rules.c.id.in_(patterns))).all()
    found = min(rows, key=lambda row: patterns.index(row.id), default=None)
    return rule_of(found) if found is not None else None


def get_rule(connection: Connection, pattern: str) -> ChannelRule:
    """The rule of exactly this pattern. Raises ``channel_not_found``."""
    row = find_row(connection, channel_rules, id=pattern)
    if row is None:
        raise TidewireError("channel_not_found", f"There is no rule for {pattern!r}.")
    return rule_of(row)


def insert_rule(connection: Connection, rule: ChannelRule, most: int) -> ChannelRule:
    """Create a rule. Raises ``channel_already_exists``, or ``channel_limit_exceeded`` beyond ``most``."""
    if find_row(connection, channel_rules, id=rule.pattern) is not None:
        raise TidewireError("channel_already_exists", f"There is a rule for {rule.pattern!r} already.")
    if (connection.scalar(select(func.count()).select_from(channel_rules)) or 0) >= most:
        raise TidewireError(
            "channel_limit_exceeded",
            f"A project has at most {most} rules for channels: use one for a family, such as chat.*.",
        )
    moment = now()
    connection.execute(
        insert(channel_rules), {"id": rule.pattern, "created_at": moment, **_columns(rule, moment)}
    )
    _changed(connection)
    return get_rule(connection, rule.pattern)


def update_rule(connection: Connection, rule: ChannelRule) -> ChannelRule:
    """Replace a rule. Raises ``channel_not_found``."""
    get_rule(connection, rule.pattern)
    connection.execute(
        update(channel_rules).where(channel_rules.c.id == rule.pattern).values(**_columns(rule, now()))
    )
    _changed(connection)
    return get_rule(connection, rule.pattern)


def delete_rule(connection: Connection, pattern: str) -> ChannelRule:
    """Delete a rule; return what it was. Raises ``channel_not_found``."""
    rule = get_rule(connection, pattern)
    connection.execute(delete(channel_rules).where(channel_rules.c.id == pattern))
    _changed(connection)
    return rule


def rule_of(row: Row[Any]) -> ChannelRule:
    """The rule of a row of ``channel_rules``."""
    return ChannelRule(
        pattern=row.id,
        read=_roles(row.read),
        publish=_roles(row.publish),
        history=row.history,
        presence=row.presence,
        rate=row.rate,
        publisher_rate=row.publisher_rate,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _roles(listed: Sequence[str]) -> tuple[str, ...]:
    return tuple(listed)


def _columns(rule: ChannelRule, moment: int) -> dict[str, Any]:
    return {
        "updated_at": moment,
        "read": list(rule.read),
        "publish": list(rule.publish),
        "history": rule.history,
        "presence": rule.presence,
        "rate": rule.rate,
        "publisher_rate": rule.publisher_rate,
    }


def _changed(connection: Connection) -> None:
    write_state(connection, _VERSION, str(int(read_state(connection, _VERSION) or 0) + 1))
