"""The Python client when connections end: Tidewire sends what was missed, other servers leave a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from msgspec import Raw

from tests.client.plain_server import PlainServer
from tests.client.world import World, names
from tests.support.server import TidewireServer
from tidewire_client import Position, Realtime, UnsupportedError
from tidewire_client.frames import EventData, SubscribeResponse

REPLAYED = 100
"""Events that the server goes back at most."""


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[World]:
    """A server that may be killed, with a bucket."""
    server = TidewireServer(tmp_path / "data")
    server.environment["TIDEWIRE_REALTIME_MAX_REPLAY_EVENTS"] = str(REPLAYED)
    await asyncio.to_thread(server.start)
    key = await asyncio.to_thread(server.create_key)
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as rest:
        body = {"bucketId": "b", "name": "b", "permissions": ['read("any")']}
        (await rest.post("/storage/buckets", json=body)).raise_for_status()
        yield World(server, rest, "b")
    assert await asyncio.to_thread(server.stop) == 0


async def test_nothing_is_missed_when_the_server_is_killed(own: World) -> None:
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        all_files = await realtime.subscribe(own.files).active()
        query = {"method": "startsWith", "attribute": "name", "values": ["1"]}
        some = await realtime.subscribe(own.files, queries=[query]).active()
        sent = []
        for number in range(30):
            if number in {10, 20}:
                own.server.kill()
                await asyncio.to_thread(own.server.start)
            sent.append(str(number))
            await own.upload(sent[-1])
        assert await names(all_files, 30) == sent
        assert await names(some, 11) == [name for name in sent if name.startswith("1")]
        assert (all_files.gaps, some.gaps) == (0, 0)


async def test_a_token_that_cannot_be_made_while_the_server_is_away(own: World) -> None:
    user, _ = await own.sign_up()
    failures = 0

    async def make() -> str:
        nonlocal failures
        try:
            return str((await own.post(f"/users/{user['$id']}/jwts", {}))["jwt"])
        except httpx.TransportError:
            failures += 1
            raise

    async with Realtime(own.server.endpoint, own.server.project, jwt=make) as realtime:
        account = await realtime.subscribe("account").active()
        own.server.kill()
        async with asyncio.timeout(60):
            while not failures:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.to_thread(own.server.start)
        await own.rest.patch(f"/users/{user['$id']}/name", json={"name": "Grace"})
        async with asyncio.timeout(60):
            assert ((await anext(account)).payload["name"], account.gaps) == ("Grace", 0)


async def test_what_waited_for_a_slow_subscriber_comes_again(
    own: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidewire_client.subscription.CAPACITY", 2)
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        slow = await realtime.subscribe(own.files).active()
        sent = [str(number) for number in range(5)]
        for name in sent:
            await own.upload(name)
        own.server.kill()
        await asyncio.to_thread(own.server.start)
        other = realtime.subscribe("teams")  # it finds that the connection has ended
        reading = asyncio.create_task(names(slow, 5))
        await other.active()
        async with asyncio.timeout(60):
            assert (await reading, slow.gaps) == (sent, 0)


async def test_who_heard_nothing_for_long_has_missed_nothing(
    own: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidewire_client.realtime.HEARTBEAT_SECONDS", 1.0)
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        other = {"bucketId": "quiet", "name": "quiet", "permissions": ['read("any")']}
        await own.post("/storage/buckets", other)
        quiet = await realtime.subscribe("buckets.quiet.files").active()
        for _ in range(REPLAYED + 10):
            await own.rest.put(f"/storage/buckets/{own.bucket}", json={"name": "b"})
        asked = {"channels[]": "files"}
        last = (await own.rest.get("/realtime/events", params=asked)).json()["offset"]
        assert last > REPLAYED
        async with asyncio.timeout(60):
            while (socket := realtime._connection) is None or socket.last_offset < last:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        own.server.kill()
        await asyncio.to_thread(own.server.start)
        await World(own.server, own.rest, "quiet").upload("a")
        async with asyncio.timeout(60):
            assert (await names(quiet, 1), quiet.gaps) == (["a"], 0)


async def test_what_is_on_its_way_during_an_update_is_taken() -> None:
    subscription = Realtime("http://localhost", "p").subscribe("files")
    subscription.confirm(SubscribeResponse([], "log", 10), resumed=False)
    subscription.update(queries=[])
    subscription.confirm(SubscribeResponse([], "log", 12), resumed=False)
    for offset in (11, 12, 12, 13):
        moment = datetime.now(UTC)
        await subscription.deliver(EventData(Raw(b"{}"), moment, offset=offset), "log")
    received = [(await anext(subscription)).position for _ in range(3)]
    assert received == [Position("log", offset) for offset in (11, 12, 13)]


async def test_a_program_goes_on_after_it_was_restarted(own: World) -> None:
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        subscription = await realtime.subscribe(own.files).active()
        await own.upload("a")
        await own.upload("b")
        position = (await anext(subscription)).position
    await own.upload("c")
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        assert await names(realtime.subscribe(own.files, since=position), 2) == ["b", "c"]


async def test_a_position_in_a_lost_log_is_a_gap(own: World) -> None:
    told = asyncio.Event()
    async with Realtime(own.server.endpoint, own.server.project) as realtime:
        lost = Position("0123456789abcdef", 1)
        subscription = await realtime.subscribe(own.files, since=lost, on_gap=told.set).active()
        assert (told.is_set(), subscription.gaps) == (True, 1)
        await own.upload("a")
        assert await names(subscription, 1) == ["a"]


async def test_on_other_servers_a_reconnect_is_a_gap(world: World, plain: PlainServer) -> None:
    back = asyncio.Event()
    async with Realtime(plain.endpoint, world.server.project) as realtime:
        subscription = await realtime.subscribe(world.files, on_gap=back.set).active()
        await world.upload("a")
        assert await names(subscription, 1) == ["a"]
        plain.cut()
        async with asyncio.timeout(60):
            await back.wait()
        await world.upload("b")
        event = await anext(subscription)
        assert (event.payload["name"], event.position, subscription.gaps) == ("b", None, 1)
    assert not any("since" in row for frame in plain.received for row in _rows(frame))


async def test_extensions_are_refused_on_other_servers(
    world: World, plain: PlainServer, api_key: str
) -> None:
    async with Realtime(plain.endpoint, world.server.project) as realtime:
        with pytest.raises(UnsupportedError):
            await realtime.publish("chat", {"text": "hello"})
    with pytest.raises(UnsupportedError):
        async with Realtime(plain.endpoint, world.server.project, key=api_key):
            pass


async def test_a_presence_is_told_again(world: World, plain: PlainServer) -> None:
    user, secret = await world.sign_up()
    async with Realtime(plain.endpoint, world.server.project, session=secret) as realtime:
        await realtime.set_presence("online", permissions=['read("any")'])
        plain.cut()
        async with asyncio.timeout(60):
            while sum(frame["type"] == "presence" for frame in plain.received) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        async with asyncio.timeout(60):
            while user["$id"] not in await _present(world):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _present(world: World) -> list[str]:
    presences = (await world.rest.get("/presences")).json()["presences"]
    return [each["userId"] for each in presences]


def _rows(frame: dict[str, object]) -> list[dict[str, object]]:
    data = frame.get("data")
    return data if isinstance(data, list) else []
