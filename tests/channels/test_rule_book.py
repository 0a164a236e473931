"""The rules that a process keeps: those of the last commit, read where nobody has to wait for it."""

from __future__ import annotations

from pathlib import Path

from tidewire.channels.rules import RuleBook
from tidewire.core.custom_channels import ChannelRule
from tidewire.store.engine.database import Database
from tidewire.store.engine.sqlite.connections import driver
from tidewire.store.records.channel_rules import delete_rule, insert_rule


async def insert(database: Database, pattern: str) -> None:
    rule = ChannelRule(pattern=pattern)
    await database.write(lambda transaction: insert_rule(transaction.connection, rule, 1000))


async def test_rules_are_read_in_a_thread_and_count_from_their_commit(tmp_path: Path) -> None:
    """There may be a thousand of them: the event loop only asks whether they are still the same."""
    path = tmp_path / "database.sqlite3"
    database, other = await Database.open(path, "shop"), await Database.open(path, "shop")
    found = database.find_at_once(driver)
    assert found is not None
    on_the_event_loop: list[str] = []
    found.value.set_trace_callback(on_the_event_loop.append)
    book = RuleBook(database)
    assert await book.find("chat.one") is None
    for writer, pattern in ((database, "chat.*"), (other, "chat.one")):
        await insert(writer, pattern)
        rule = await book.find("chat.one")
        assert rule is not None
        assert rule.pattern == pattern
    await other.write(lambda transaction: delete_rule(transaction.connection, "chat.one"))
    rule = await book.find("chat.one")
    assert rule is not None
    assert rule.pattern == "chat.*"
    assert await book.find("chat.two") is rule
    assert on_the_event_loop
    assert not [statement for statement in on_the_event_loop if "channel_rules" in statement]
    await other.close()
    await database.close()
