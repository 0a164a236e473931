"""Sessions that expire while their connections are open."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tests.realtime.world import Client, World, identity
from tidewire.core.events import Event
from tidewire.core.time import format_datetime, now
from tidewire.realtime.roles.live_roles import EARLY_MS

HOUR = 3_600_000


def _enter(world: World, name: str, session_id: str, expires: int, *, foreign: bool = False) -> Client:
    client = world.clients[name] = Client(name)
    user = replace(identity({"$id": "anna"}), session_id=session_id, session_expires=expires)
    world.hub.enter(client, user, foreign=foreign)
    world.hub.subscribe(client, "s", ["account", "account.anna", "account.anna.update"], None)
    return client


async def test_from_its_expiry_on_a_connection_is_a_guests() -> None:
    world = World()
    short = _enter(world, "short", "s1", now() + EARLY_MS)
    _enter(world, "long", "s2", now() + HOUR)
    _enter(world, "keyless", "", 0)
    assert await world.publish(["user:anna"], ["account"]) == {"long": ["s"], "keyless": ["s"]}
    assert await world.publish(["guests"], ["account.update"]) == {"short": ["s"]}
    assert (short.user_id, short.login, world.signed_out) == ("", None, [short])
    world.hub.roles.expire(now() + HOUR)
    assert await world.publish(["user:anna"], ["account"]) == {"keyless": ["s"]}
    for name in list(world.clients):
        world.close(name)
    assert world.hub.is_empty


async def test_a_session_that_is_made_longer_lasts_longer() -> None:
    world = World()
    _enter(world, "c", "s1", now() + 10 * EARLY_MS)
    event = Event(
        pattern="users.[userId].sessions.[sessionId].update",
        parameters={"userId": "anna", "sessionId": "s1"},
        channels=[],
        roles=[],
        payload=msgspec.json.encode({"expire": format_datetime(now() + HOUR)}),
        timestamp=now(),
    )
    await world.deliver(event)
    world.hub.roles.expire(now() + 20 * EARLY_MS)
    assert await world.publish(["user:anna"], ["account"]) == {"c": ["s"]}
    world.hub.roles.expire(now() + HOUR)
    assert await world.publish(["user:anna"], ["account"]) == {}


async def test_who_acts_as_another_does_so_until_their_own_session_expires() -> None:
    world = World()
    acting = _enter(world, "acting", "", 0)
    helper = replace(identity({"$id": "helper"}), session_id="s1", session_expires=now() + HOUR)
    world.hub.roles.follow_session(acting, helper)
    assert await world.publish(["user:anna"], ["account"]) == {"acting": ["s"]}
    world.hub.roles.expire(now() + HOUR)
    assert await world.publish(["user:anna"], ["account"]) == {}
    assert (acting.user_id, acting.login) == ("", None)
    world.close("acting")
    assert world.hub.is_empty


async def test_a_user_of_the_console_is_not_the_user_of_the_project_with_that_id() -> None:
    world = World()
    _enter(world, "console", "s1", now() + HOUR, foreign=True)
    _enter(world, "project", "s2", now() + HOUR)
    event = Event(
        pattern="users.[userId].delete",
        parameters={"userId": "anna"},
        channels=[],
        roles=[],
        payload=b"{}",
        timestamp=now(),
    )
    await world.deliver(event)
    assert world.clients["project"].user_id == ""
    assert world.clients["console"].user_id == "anna"
