"""Scenarios of several steps: subscribing, logging in, changing roles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.realtime.world import World
from tests.vectors import Case, load_cases


@pytest.mark.parametrize(
    "case", [each for each in load_cases("lifecycle") if each.values[0]["class"] == "core"]
)
async def test_vectors(case: Case) -> None:
    world = World()
    world.users.stored.update({user: {"$id": user} for user in ("u1", "u2")})
    for step, expected in zip(case["steps"], case["expected"], strict=True):
        assert await _run(world, step) == expected, step


async def _run(world: World, step: Case) -> Any:
    match step["op"]:
        case "connect":
            client = await world.connect(step["connection"], step["userId"])
            return {"roles": list(client.roles)}
        case "set_user":
            world.users.stored[step["userId"]] = step["user"]
        case "close":
            world.close(step["connection"])
        case "send":
            reply = await world.send(step["connection"], json.dumps(step["frame"]))
            if "user" in (data := reply.get("response", {}).get("data", {})):
                data["user"] = {"$id": data["user"]["$id"]}
            return reply
        case "event":
            event = step["event"]
            received = await world.publish(
                event["roles"],
                event["channels"],
                event["payload"],
                event.get("userId", ""),
                event.get("permissionsChanged", False),
            )
            return {"receivers": {name: sorted(ids) for name, ids in received.items()}}
    return None


def _subscribe(*rows: tuple[str, list[str]]) -> str:
    data = [{"subscriptionId": name, "channels": channels} for name, channels in rows]
    return json.dumps({"type": "subscribe", "data": data})


async def test_a_repeated_id_replaces() -> None:
    world = World()
    await world.connect("c")
    await world.send("c", _subscribe(("s", ["documents", "files"])))
    await world.send("c", _subscribe(("s", ["files"])))
    assert await world.publish(["any"], ["documents"]) == {}
    assert await world.publish(["any"], ["files"]) == {"c": ["s"]}
    await world.send("c", _subscribe(("s", ["account.other"])))
    assert await world.publish(["any"], ["files"]) == {}


async def test_a_login_keeps_a_connection_without_subscriptions_in_its_project() -> None:
    world = World()
    await world.connect("c")
    world.users.stored["u1"] = {"$id": "u1"}
    await world.send("c", '{"type":"authentication","data":{"session":"@u1"}}')
    await world.send("c", _subscribe(("s", ["documents"])))
    assert await world.publish(["users"], ["documents"]) == {"c": ["s"]}


async def test_roles_are_refreshed_without_subscriptions_too() -> None:
    world = World()
    await world.connect("c", "u1")
    world.users.stored["u1"] = {"$id": "u1", "labels": ["vip"]}
    await world.publish(["team:t"], ["teams"], user_id="u1", permissions_changed=True)
    await world.send("c", _subscribe(("s", ["documents"])))
    assert await world.publish(["label:vip"], ["documents"]) == {"c": ["s"]}


async def test_a_deleted_user_becomes_a_guest_when_roles_are_refreshed() -> None:
    world = World()
    await world.connect("c", "u1")
    await world.send("c", _subscribe(("s", ["documents"])))
    del world.users.stored["u1"]
    await world.publish(["team:t"], ["teams"], user_id="u1", permissions_changed=True)
    assert await world.publish(["users", "user:u1"], ["documents"]) == {}
    assert await world.publish(["guests"], ["documents"]) == {"c": ["s"]}


async def test_an_event_committed_before_the_subscription_is_not_delivered_late() -> None:
    world = World()
    await world.connect("c")
    world.hub.progress.received = 5  # known, but not yet delivered
    await world.send("c", _subscribe(("old", ["files"])))
    world.offset = 4
    assert await world.publish(["any"], ["files"]) == {}
    await world.send("c", _subscribe(("old", ["files", "rows"])))
    assert await world.publish(["any"], ["files"]) == {"c": ["old"]}


async def test_nothing_remains_of_connections_that_left() -> None:
    world = World()
    for number in range(3):
        await world.connect(f"c{number}", "u1" if number else "")
        await world.send(f"c{number}", _subscribe(("a", ["account", "files"]), ("b", ["files"])))
    for name in list(world.clients):
        world.close(name)
    assert world.hub.is_empty
