"""Fan-out in slices, with connections that change in between."""

from __future__ import annotations

import asyncio
import json

from tests.realtime.world import World
from tidewire.core.events import Event, LoggedEvent
from tidewire.realtime.fanout import SLICE

COUNT = 3 * SLICE + 7
SUBSCRIBE = json.dumps({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": ["files"]}]})


async def _crowd(world: World) -> None:
    for number in range(COUNT):
        await world.connect(f"c{number}", "")
        await world.send(f"c{number}", SUBSCRIBE)


async def test_a_large_crowd_is_served_while_the_loop_runs() -> None:
    world = World()
    await _crowd(world)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    received = await world.publish(["any"], ["files"])
    ticking.cancel()
    assert len(received) == COUNT
    assert ticks >= 3


async def test_connections_that_change_between_slices() -> None:
    world = World()
    await _crowd(world)
    left, unsubscribed, logged_in, also, replaced = (f"c{COUNT - number}" for number in range(1, 6))
    world.users.stored["u1"] = {"$id": "u1"}
    gone = world.clients[left]

    async def change() -> None:
        world.close(left)
        await world.send(unsubscribed, '{"type":"unsubscribe","data":[{"subscriptionId":"s"}]}')
        await world.send(logged_in, '{"type":"authentication","data":{"session":"@u1"}}')
        await world.send(replaced, SUBSCRIBE)
        await world.connect("new")
        await world.send("new", SUBSCRIBE)

    changing = asyncio.create_task(change())
    received = await world.publish(["guests"], ["files"])
    await changing
    assert not gone.wire.data
    assert {unsubscribed, logged_in, "new"}.isdisjoint(received)
    assert {also, replaced} <= received.keys()
    assert len(received) == COUNT - 3


def _waiting(world: World, number: int) -> LoggedEvent:
    event = Event(
        pattern="buckets.[bucketId].files.[fileId].create",
        parameters={"bucketId": "b", "fileId": f"f{number}"},
        channels=["files"],
        roles=["any"],
        payload=b"{}",
        timestamp=0,
    )
    return LoggedEvent(world.hub.project_id, number, event)


async def test_waiting_events_are_written_together_and_in_order() -> None:
    world = World()
    await _crowd(world)
    await world.connect("other")
    for client in world.clients.values():
        client.wire.data.clear()
    for number in range(1, 4):
        await world.hub.publish(_waiting(world, number), more=True)
    assert not any(client.wire.data for client in world.clients.values())
    await world.hub.publish(_waiting(world, 4))
    received = {
        name: [frame["data"]["offset"] for frame in client.wire.take()]
        for name, client in world.clients.items()
    }
    assert received.pop("other") == []
    assert all(offsets == [1, 2, 3, 4] for offsets in received.values())


async def test_what_waited_does_not_reach_those_who_left_meanwhile() -> None:
    world = World()
    stays, unsubscribes = [await world.connect(name) for name in ("stays", "unsubscribes")]
    for name in ("stays", "unsubscribes"):
        await world.send(name, SUBSCRIBE)
    await world.hub.publish(_waiting(world, 1), more=True)
    await world.send("unsubscribes", '{"type":"unsubscribe","data":[{"subscriptionId":"s"}]}')
    for client in (stays, unsubscribes):
        client.wire.data.clear()
    await world.hub.flush()
    assert len(stays.wire.take()) == 1
    assert not unsubscribes.wire.take()
