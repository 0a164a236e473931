"""Messages when more wait for their delivery than a process holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidewire.channels import Channels, Draft, Publisher
from tidewire.core.custom_channels import ChannelRule
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.settings import Settings
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.event_log import last_offset
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance
from tidewire.store.records.channel_rules import insert_rule


class Crowd:
    """Subscribers for whom a number of events may wait."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sent: list[Event] = []

    def has_room(self, project_id: str, count: int) -> bool:
        assert project_id == DEFAULT_PROJECT_ID
        return len(self.sent) + count <= self.room

    def broadcast(self, project_id: str, event: Event) -> None:
        assert project_id == DEFAULT_PROJECT_ID
        self.sent.append(event)


def _make_rules(transaction: Transaction) -> None:
    for rule in (ChannelRule(pattern="passing"), ChannelRule(pattern="kept", history=True)):
        insert_rule(transaction.connection, rule, 9)


async def test_a_batch_for_which_there_is_no_room_is_refused_whole(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    instance = await Instance.open(settings)
    try:
        store = await instance.project(DEFAULT_PROJECT_ID)
        assert store is not None
        await store.database.write(_make_rules)
        before = await store.database.read(last_offset)
        crowd = Crowd(3)
        channels, program = Channels(settings, crowd), Publisher("key", None)
        batch = [Draft("passing", b"{}"), Draft("kept", b"{}"), Draft("passing", b"{}")]
        assert len(await channels.publish(store.database, program, batch)) == 3
        assert await store.database.read(last_offset) == before + 1
        with pytest.raises(TidewireError) as refused:
            await channels.publish(store.database, program, batch)
        assert refused.value.type == "general_rate_limit_exceeded"
        assert (len(crowd.sent), await store.database.read(last_offset)) == (2, before + 1)
        await channels.publish(store.database, program, batch[:2])
        assert (len(crowd.sent), await store.database.read(last_offset)) == (3, before + 2)
    finally:
        await instance.close()
