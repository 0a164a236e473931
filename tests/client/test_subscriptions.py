"""Subscriptions of the Python client, on Tidewire and on a server without its extensions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from appwrite.query import Query

from tests.client.world import World, names
from tidewire_client import Event, Realtime, RealtimeError, RefusedError


async def test_events_arrive_in_order(world: World, endpoint: str) -> None:
    async with (
        Realtime(endpoint, world.server.project) as realtime,
        realtime.subscribe(world.files) as subscription,
    ):
        sent = [await world.upload(f"{number}.txt") for number in range(5)]
        received = [await anext(subscription) for _ in sent]
    assert [event.payload["$id"] for event in received] == [file["$id"] for file in sent]
    assert {event.action for event in received} == {"create"}
    assert received[0].name == f"buckets.{world.bucket}.files.{sent[0]['$id']}.create"
    assert world.files in received[0].channels
    assert received[0].timestamp.tzinfo is not None


async def test_the_user_behind_a_session(world: World, endpoint: str) -> None:
    user, secret = await world.sign_up()
    async with Realtime(endpoint, world.server.project, session=secret) as realtime:
        assert realtime.user
        assert realtime.user["$id"] == user["$id"]
        async with realtime.subscribe("account") as account:
            await world.rest.patch(f"/users/{user['$id']}/name", json={"name": "Grace"})
            event = await anext(account)
            assert (event.action, event.payload["name"]) == ("update", "Grace")


async def test_a_jwt_is_made_anew_for_each_connect(world: World, endpoint: str) -> None:
    user, _ = await world.sign_up()
    made: list[str] = []

    async def make() -> str:
        made.append((await world.post(f"/users/{user['$id']}/jwts", {}))["jwt"])
        return made[-1]

    for _ in range(2):
        async with Realtime(endpoint, world.server.project, jwt=make) as realtime:
            assert realtime.user
            assert realtime.user["$id"] == user["$id"]
    assert len(made) == 2


async def test_queries_callbacks_and_types(world: World, endpoint: str) -> None:
    @dataclass
    class File:
        name: str
        sizeOriginal: int  # noqa: N815

    received: asyncio.Queue[Event[File]] = asyncio.Queue()

    async def callback(event: Event[File]) -> None:
        if event.payload.name == "fails.txt":
            raise RuntimeError("a callback that fails does not end its subscription")
        await received.put(event)

    wanted = [Query.equal("name", ["fails.txt", "b.txt"])]
    async with Realtime(endpoint, world.server.project) as realtime:
        subscription = realtime.subscribe(world.files, payload=File, queries=wanted, callback=callback)
        await subscription.active()
        for name in ("a.txt", "fails.txt", "b.txt"):
            await world.upload(name)
        event = await asyncio.wait_for(received.get(), 60)
    assert event.payload == File("b.txt", 1)
    assert received.empty()


async def test_update_and_close(world: World, endpoint: str) -> None:
    async with Realtime(endpoint, world.server.project) as realtime:
        subscription = await realtime.subscribe(
            world.files, queries=[{"method": "equal", "attribute": "name", "values": ["a"]}]
        ).active()
        other = await realtime.subscribe(world.files).active()
        await world.upload("a")
        assert await names(subscription, 1) == ["a"]
        subscription.update(queries=[Query.equal("name", "b")])
        await _everything_is_sent(realtime)
        for name in ("a", "b"):
            await world.upload(name)
        assert await names(subscription, 1) == ["b"]
        assert await names(other, 3) == ["a", "a", "b"]
        subscription.close()
        assert [event async for event in subscription] == []
        await _everything_is_sent(realtime)
        await world.upload("b")
        assert await names(other, 1) == ["b"]


async def test_more_subscriptions_than_one_message_holds(world: World, endpoint: str) -> None:
    async with Realtime(endpoint, world.server.project) as realtime:
        many = [realtime.subscribe([world.files, f"{number}" * 250]) for number in range(200)]
        for subscription in many:
            await subscription.active()
        await world.upload("a")
        for subscription in many:
            assert await names(subscription, 1) == ["a"]


async def test_what_is_refused_fails_alone(world: World, endpoint: str) -> None:
    async with Realtime(endpoint, world.server.project) as realtime:
        bad = realtime.subscribe(world.files, queries=["nonsense"])
        good = realtime.subscribe(world.files)
        await good.active()
        with pytest.raises(RealtimeError) as refused:
            await bad.active()
        assert refused.value.code == 1003
        with pytest.raises(RealtimeError):
            await anext(bad)
        await world.upload("a")
        assert await names(good, 1) == ["a"]


async def test_a_payload_of_another_form_is_an_error(world: World, endpoint: str) -> None:
    @dataclass
    class Wrong:
        name: int

    async with Realtime(endpoint, world.server.project) as realtime:
        subscription = await realtime.subscribe(world.files, payload=Wrong).active()
        await world.upload("a")
        with pytest.raises(RealtimeError, match="has another form"):
            await anext(subscription)


@pytest.mark.parametrize("problem", ["project", "session", "jwt"])
async def test_refusals_are_final(world: World, endpoint: str, problem: str) -> None:
    given: dict[str, Any] = {"session": {"session": "e30="}, "jwt": {"jwt": "a.b.c"}}.get(problem, {})
    project = "nobody" if problem == "project" else world.server.project
    with pytest.raises(RefusedError):
        async with Realtime(endpoint, project, **given):
            pass


async def test_nobody_there() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        async with Realtime("http://127.0.0.1:9/v1", "p", first_seconds=0.5):
            pass


async def test_presence(world: World, endpoint: str) -> None:
    user, secret = await world.sign_up()
    async with Realtime(endpoint, world.server.project, session=secret) as realtime:
        await realtime.set_presence("online", metadata={"page": "home"}, permissions=['read("any")'])
        presences = (await world.rest.get("/presences")).json()["presences"]
        assert [each["metadata"] for each in presences if each["userId"] == user["$id"]] == [{"page": "home"}]
        with pytest.raises(RealtimeError):
            await realtime.set_presence("away", permissions=["nonsense"])
        with pytest.raises(RealtimeError, match="too large"):
            await realtime.set_presence("away", metadata={"page": "x" * 70_000})


@pytest.mark.parametrize(
    "wrong", [{"endpoint": "localhost"}, {"endpoint": "ftp://x/v1"}, {"session": "a", "key": "b"}]
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"endpoint|one of"):
        Realtime(**({"endpoint": "http://x/v1", "project": "p"} | wrong))


def test_credentials_are_not_shown() -> None:
    assert "secret" not in repr(Realtime("http://x/v1", "p", key="secret")._credentials)


async def _everything_is_sent(realtime: Realtime) -> None:
    """Changes are sent in order, so that a further subscription is confirmed after those before it."""
    async with realtime.subscribe("nothing"):
        pass
