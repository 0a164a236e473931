"""Clients that say where they are get everything since then, once, in order, before what is new."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from tests.realtime.conftest import (
    PROJECT,
    START,
    RealtimeServer,
    ask,
    close_status,
    receive,
    subscribe,
    told_of,
)
from tests.store.samples import event
from tidewire.core.events import Event
from tidewire.core.inspection import Occurrence
from tidewire.realtime.recovery import recovery
from tidewire.realtime.recovery.history import KEPT_ROUNDS
from tidewire.realtime.survey.inspection import verdict
from tidewire.store.engine.event_log import trim

Json = dict[str, Any]
CHANNEL = "files"


async def _place(client: ClientConnection) -> Json:
    """What ``connected`` says of the log."""
    connected = await receive(client)
    return {name: connected["data"][name] for name in ("offset", "epoch")}


async def _recover(client: ClientConnection, since: Json, *channels: str, **row: Any) -> Json:
    """Subscribe from a place of the log on; the row of the answer."""
    asked = {"subscriptionId": "s", "channels": list(channels or [CHANNEL]), "since": since, **row}
    answer = await ask(client, "subscribe", [asked])
    assert answer["type"] == "response", answer
    return told_of(answer, "s")


async def _offsets(client: ClientConnection, count: int) -> list[int]:
    return [(await receive(client))["data"]["offset"] for _ in range(count)]


async def _publish_all(server: RealtimeServer, events: list[Event]) -> list[int]:
    """Commit events, many in a transaction."""
    store = await server.instance.project(PROJECT)
    assert store is not None
    return await store.database.write(
        lambda transaction: [transaction.append(each).offset for each in events]
    )


async def test_what_was_missed_comes_after_the_answer_and_before_what_is_new(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    missed = await _publish_all(server, [event(number) for number in range(300)])
    async with server.client() as client:
        await receive(client)
        row = await _recover(client, place)
        assert row["recovered"] is True
        assert row["offset"] == missed[-1]
        assert row["epoch"] == place["epoch"]
        new = [(await server.publish(number)).offset for number in range(5)]
        assert await _offsets(client, 305) == missed + new


async def test_nothing_missed_is_recovered_too(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
        assert (await _recover(client, place))["recovered"] is True
        logged = await server.publish()
        assert await _offsets(client, 1) == [logged.offset]


async def test_a_pong_tells_the_place_to_who_asks(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
        assert await ask(client, "ping") == {"type": "pong"}
        told = await ask(client, "ping", {"place": True})
        assert (told["type"], told["data"]["epoch"]) == ("pong", place["epoch"])
        last = (await server.publish(channels=["elsewhere"])).offset
        async with asyncio.timeout(10):
            while told["data"]["offset"] < last:
                told = await ask(client, "ping", {"place": True})
        assert told["data"]["offset"] == last


async def test_a_subscription_without_since_is_new(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await server.publish()
        answer = await subscribe(client, CHANNEL)
        assert "recovered" not in answer["data"]["subscriptions"][0]
        logged = await server.publish()
        assert await _offsets(client, 1) == [logged.offset]


async def test_events_keep_coming_in_order_while_much_is_replayed(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    expected = await _publish_all(server, [event(number) for number in range(3000)])

    async def go_on() -> None:
        for number in range(200):
            expected.append((await server.publish(number)).offset)

    async with server.client() as client:
        await receive(client)
        assert (await _recover(client, place))["recovered"] is True
        publishing = asyncio.create_task(go_on())
        got = await _offsets(client, 3200)
        await publishing
        assert got == expected


async def test_channels_queries_and_roles_count(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    await server.publish(1, channels=["other"])
    await server.publish(2, roles=["user:somebody"])
    await server.publish(3, payload=b'{"n":1}')
    wanted = await server.publish(4, payload=b'{"n":2}')
    query = json.dumps({"method": "equal", "attribute": "n", "values": [2]})
    async with server.client() as client:
        await receive(client)
        await _recover(client, place, queries=[query])
        assert await _offsets(client, 1) == [wanted.offset]
        last = await server.publish(5, payload=b'{"n":2}')
        assert await _offsets(client, 1) == [last.offset]


async def test_an_event_comes_once_with_all_subscriptions_that_want_it(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    first = await server.publish(1)
    later = {"offset": first.offset, "epoch": place["epoch"]}
    await server.publish(2)
    async with server.client() as client:
        await receive(client)
        rows = [
            {"subscriptionId": "a", "channels": ["files"], "since": place},
            {"subscriptionId": "b", "channels": ["buckets.b1.files"], "since": later},
            {"subscriptionId": "c", "channels": ["files"]},
        ]
        answer = await ask(client, "subscribe", rows)
        assert [row.get("recovered") for row in answer["data"]["subscriptions"]] == [True, True, None]
        await server.publish(3)
        got = [(await receive(client))["data"]["subscriptions"] for _ in range(3)]
        assert [sorted(ids) for ids in got] == [["a"], ["a", "b"], ["a", "b", "c"]]


async def test_a_later_replay_leaves_other_subscriptions_alone(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
        await subscribe(client, CHANNEL, name="old")
        offsets = [(await server.publish(number)).offset for number in range(3)]
        assert await _offsets(client, 3) == offsets
        row = {"subscriptionId": "late", "channels": [CHANNEL], "since": place}
        await ask(client, "subscribe", [row])
        got = [(await receive(client))["data"] for _ in range(3)]
        assert [(each["offset"], each["subscriptions"]) for each in got] == [(o, ["late"]) for o in offsets]
        await server.publish(4)
        assert sorted((await receive(client))["data"]["subscriptions"]) == ["late", "old"]


async def test_roles_are_those_of_now(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    async with server.client() as client:
        place = await _place(client)
    await server.publish(1, roles=["user:u2"])
    mine = await server.publish(2, roles=["user:u1"])
    async with server.client(x_appwrite_session=session) as client:
        await receive(client)
        await _recover(client, place)
        assert await _offsets(client, 1) == [mine.offset]


@pytest.mark.parametrize(
    "since", [{"offset": 0, "epoch": "another"}, {"offset": 2**53 - 1}, {"offset": 1_000_000, "epoch": ""}]
)
async def test_a_place_that_is_not_of_this_log_is_not_recovered(server: RealtimeServer, since: Json) -> None:
    async with server.client() as client:
        connected = await _place(client)
        await server.publish(1)
        row = await _recover(client, since)
        assert row["recovered"] is False
        assert row["offset"] == connected["offset"] + 1
        logged = await server.publish(2)
        assert await _offsets(client, 1) == [logged.offset]


async def test_what_fell_off_the_log_is_told(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    await server.publish(1)
    last = await server.publish(2)
    store = await server.instance.project(PROJECT)
    assert store is not None
    await store.database.write(lambda transaction: trim(transaction.connection, 10**15, 1))
    async with server.client() as client:
        await receive(client)
        row = await _recover(client, place)
        assert (row["recovered"], row["offset"]) == (False, last.offset)


async def test_going_back_too_far_is_told(start: START) -> None:
    server = await start(realtime_max_replay_events=3)
    async with server.client() as client:
        place = await _place(client)
    await _publish_all(server, [event(number) for number in range(4)])
    async with server.client() as client:
        await receive(client)
        assert (await _recover(client, place))["recovered"] is False
        assert (await _recover(client, place | {"offset": place["offset"] + 1}))["recovered"] is True
        assert len(await _offsets(client, 3)) == 3


@pytest.mark.parametrize(
    "since",
    [0, "0", [], {"offset": "1"}, {"offset": -1}, {"offset": 1.5}, {"offset": True}, {"epoch": "e"},
     {"offset": 1, "epoch": 1}, {"offset": 2**70}, {"offset": 1, "epoch": "e" * 65}],
)  # fmt: skip
async def test_a_since_that_is_none_is_refused(server: RealtimeServer, since: Any) -> None:
    async with server.client() as client:
        await receive(client)
        asked = [{"subscriptionId": "s", "channels": [CHANNEL], "since": since}]
        assert (await ask(client, "subscribe", asked))["data"]["code"] == 1003


async def test_a_replay_larger_than_the_queue_streams_as_the_client_reads(start: START) -> None:
    server = await start(realtime_max_queue_bytes=100_000)
    async with server.client() as client:
        place = await _place(client)
    payload = msgspec.json.encode({"text": "x" * 20_000})
    expected = await _publish_all(server, [event(number, payload=payload) for number in range(500)])
    async with server.client() as client:
        await receive(client)
        await _recover(client, place)
        # Nothing is read for a while: the server waits, and holds little meanwhile.
        for _ in range(20):
            queued = [each.wire.queued_bytes for each in server.realtime.sessions()]
            assert max(queued) < 300_000
            [connection] = server.realtime.sessions()
            told = verdict(connection, Occurrence(["files"], ["any"], payload, expected[-1]), {})
            assert "replay" in {step.check for step in told.steps}
            await asyncio.sleep(0.01)
        expected.append((await server.publish(1000)).offset)
        assert await _offsets(client, 501) == expected


async def test_what_nobody_asks_for_any_more_is_forgotten(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    missed = await _publish_all(server, [event(number) for number in range(50)])
    for _ in range(2):
        async with server.client() as client:
            await receive(client)
            while server.realtime.projects.by_id[PROJECT].hub.progress.matched < missed[-1]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # or else they might come as what happens now
            await _recover(client, place)
            assert await _offsets(client, 50) == missed
        recovery = server.realtime.projects.by_id[PROJECT].hub.recovery
        assert recovery is not None
        assert recovery.source.history._bytes > 0
        for _ in range(KEPT_ROUNDS + 1):
            recovery.begin_round()
        assert (recovery.source.history._bytes, len(recovery.source.history._next)) == (0, 0)


async def test_a_client_that_leaves_during_its_replay_leaves_nothing(server: RealtimeServer) -> None:
    async with server.client() as client:
        place = await _place(client)
    payload = msgspec.json.encode({"text": "x" * 20_000})
    await _publish_all(server, [event(number, payload=payload) for number in range(500)])
    async with server.client() as client:
        await receive(client)
        await _recover(client, place)
    assert await server.is_left_empty()


async def test_a_log_that_is_trimmed_under_a_replay_sends_the_client_back(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.client() as client:
        place = await _place(client)
        await subscribe(client, CHANNEL)
        missed = await _publish_all(server, [event(number) for number in range(3)])
        # Once they were delivered as they happened, they are to be had from the log alone.
        assert await _offsets(client, 3) == missed
    store = await server.instance.project(PROJECT)
    assert store is not None
    # As if the log was trimmed between the look at its bounds and the first reading.
    monkeypatch.setattr(recovery, "trimmed_offset", lambda _: 0)
    await store.database.write(lambda transaction: trim(transaction.connection, 10**15, 1))
    async with server.client() as client:
        await receive(client)
        assert (await _recover(client, place))["recovered"] is True
        assert await close_status(client) == 1013


async def test_a_database_that_cannot_tell_at_once_is_asked_with_time(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.client() as client:
        place = await _place(client)
    missed = await server.publish(1)
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client() as client:
        await receive(client)
        monkeypatch.setattr(store.database, "find_at_once", lambda *_: None)
        assert (await _recover(client, place))["recovered"] is True
        assert await _offsets(client, 1) == [missed.offset]
        assert await ask(client, "ping") == {"type": "pong"}


async def test_a_stream_whose_place_cannot_be_judged_just_now_comes_back(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not told that it has everything: its place may be beyond the end of the log."""
    async with server.client() as client:
        place = await _place(client)
        store = await server.instance.project(PROJECT)
        assert store is not None
        monkeypatch.setattr(store.database, "find_at_once", lambda *_: None)
        address = f"http://127.0.0.1:{server.port}/v1/realtime/sse?project={PROJECT}&channels[]={CHANNEL}"
        last = {"Last-Event-ID": f"{place['epoch']}:{place['offset'] + 1000}"}
        async with httpx.AsyncClient() as http:
            told = (await http.get(address, headers=last)).text
        assert '"recovered":true' not in told
        assert told.endswith('event: close\ndata: {"code":1013}\n\n')
        assert "\nid: " not in told, "it stays where it was"
