"""Custom channels through the Python client and the command line."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from tests.client.world import World
from tests.support.launcher import run_apart
from tidewire_client import Realtime, RealtimeError


@pytest.fixture
async def channel(world: World) -> str:
    """A channel that everyone may read and users may publish on, with a history."""
    name = f"chat{uuid.uuid4().hex[:8]}"
    rule = {"channelId": name, "read": ["any"], "publish": ["users"], "history": True}
    await world.post("/realtime/channels", rule)
    return name


async def test_messages_between_programs(world: World, channel: str) -> None:
    _, secret = await world.sign_up()
    async with (
        Realtime(world.server.endpoint, world.server.project) as guest,
        Realtime(world.server.endpoint, world.server.project, session=secret) as user,
        guest.subscribe(f"channels.{channel}") as heard,
    ):
        sent = [await user.publish(channel, {"number": number}) for number in range(3)]
        again = await user.publish(channel, {"number": 3}, idempotency_key="once")
        assert await user.publish(channel, {"number": 3}, idempotency_key="once") == again
        received = [await anext(heard) for _ in range(4)]
        assert [event.payload["number"] for event in received] == [0, 1, 2, 3]
        assert [event.position.offset for event in received[:3] if event.position] == [
            message.offset for message in sent
        ]
        with pytest.raises(RealtimeError):
            await guest.publish(channel, {"number": 4})


async def test_the_command_line(world: World, api_key: str, channel: str) -> None:
    async with (
        Realtime(world.server.endpoint, world.server.project) as guest,
        guest.subscribe(f"channels.{channel}") as heard,
    ):
        server = ["--endpoint", world.server.endpoint, "--project", world.server.project, "--key", api_key]
        printed = await _run("publish", channel, json.dumps({"text": "hello"}), *server)
        event = await anext(heard)
        assert event.payload == {"text": "hello"}
        assert printed.strip() in event.name


async def _run(*arguments: str) -> str:
    ended = await asyncio.to_thread(run_apart, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
