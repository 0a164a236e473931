"""Clients that only subscribe again under the same ids get what they missed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.realtime.conftest import PROJECT, START, RealtimeServer, ask, receive, reset, running, told_of
from tests.realtime.raw_client import RawClient, frame, raw_client
from tests.store.samples import event
from tidewire.realtime.protocol.event_frames import EventFrame
from tidewire.realtime.receivers.page_progress import APART
from tidewire.realtime.recovery import recovery
from tidewire.realtime.recovery.positions import LAGGING_ROUNDS, PAGE_ROUNDS
from tidewire.realtime.recovery.recovery import Recovery
from tidewire.store.engine.event_log import trim
from tidewire.store.records.positions import count, find

Json = dict[str, Any]
_Connecting = contextlib.AbstractAsyncContextManager[ClientConnection]
ID = "66f0c2a1b3d4e5f60718"


async def _subscribe(client: ClientConnection, *channels: str, name: str = ID, **row: Any) -> Json:
    asked = [{"subscriptionId": name, "channels": list(channels or ["files"]), "queries": [], **row}]
    answer = await ask(client, "subscribe", asked)
    assert answer["type"] == "response", answer
    return told_of(answer, name)


async def _offsets(client: ClientConnection, count: int) -> list[int]:
    return [(await receive(client))["data"]["offset"] for _ in range(count)]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what changes is the server's
            await asyncio.sleep(0.01)


async def _acknowledged(server: RealtimeServer, offset: int) -> None:
    """Wait until the one connection has acknowledged everything up to ``offset``."""
    [connection] = server.realtime.sessions()
    await _until(lambda: connection.acknowledged >= offset)


async def test_what_was_missed_follows_the_same_id(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        assert "recovered" not in await _subscribe(client)
        first = (await server.publish(0)).offset
        assert await _offsets(client, 1) == [first]
        await _acknowledged(server, first)
    missed = [(await server.publish(number)).offset for number in range(1, 4)]
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        new = (await server.publish(4)).offset
        assert await _offsets(client, 4) == [*missed, new]


async def test_an_event_that_cannot_be_written_is_missed_by_nobody(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
        first = (await server.publish(0)).offset
        assert await _offsets(client, 1) == [first]
        await _acknowledged(server, first)
        with monkeypatch.context() as patch:
            patch.setattr(EventFrame, "around", _no_memory)
            missed = (await server.publish(1)).offset
            with pytest.raises(ConnectionClosed) as closed:
                await receive(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        new = (await server.publish(2)).offset
        assert await _offsets(client, 2) == [missed, new]


def _no_memory(*_: object) -> None:
    raise MemoryError


async def test_a_client_that_is_cut_off_is_recovered_from_what_it_acknowledged(
    server: RealtimeServer,
) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say(_row())
        await client.message()
        offsets = [(await server.publish(number)).offset for number in range(3)]
        got, ping = 0, b""
        while got < 3 or not ping:
            part = await client.frame()
            got += part.opcode == 1
            ping = part.data if part.opcode == 9 else ping
        # It answers the ping that came with the first event, and nothing more.
        assert ping == b"%d" % offsets[0]
        client.send(frame(10, ping))
        await _acknowledged(server, offsets[0])
        reset(client.writer)
    await server.is_left_empty()
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert await _offsets(client, 2) == offsets[1:]


def _row(name: str = ID, *channels: str) -> str:
    row = {"subscriptionId": name, "channels": list(channels or ["files"]), "queries": []}
    return json.dumps({"type": "subscribe", "data": [row]})


async def _pings(client: RawClient, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        part = await client.frame()
        found += [part.data] if part.opcode == 9 else []
    return found


async def test_one_ping_is_outstanding_at_most(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say(_row())
        await client.message()
        first = await server.publish(0)
        assert await _pings(client, 1) == [b"%d" % first.offset]
        for number in range(1, 30):
            await server.publish(number)
            await asyncio.sleep(0.1)
        for _ in range(29):
            assert (await client.frame()).opcode != 9
        [connection] = server.realtime.sessions()
        last = connection.sent
        client.send(frame(10, b"%d" % first.offset))
        # Now that it is answered, the rest is asked for.
        assert await _pings(client, 1) == [b"%d" % last]


async def test_who_becomes_recoverable_is_asked_at_once(server: RealtimeServer) -> None:
    """Or its process would be taken to have everything while it has not."""
    async with raw_client(server) as client:
        await client.message()
        client.say(_row("short"))
        await client.message()
        await server.publish(0)
        await client.message()
        client.say(_row(ID, "files"))
        await client.message()
        second = await server.publish(1)
        async with asyncio.timeout(10):
            assert await _pings(client, 1) == [b"%d" % second.offset]


@pytest.mark.parametrize("forged", [b"", b"999999999999", b"x" * 125, b"-1"])
async def test_a_pong_that_was_not_asked_for_says_nothing(server: RealtimeServer, forged: bytes) -> None:
    async with raw_client(server) as client:
        await client.message()
        client.say(_row())
        await client.message()
        logged = await server.publish(0)
        await client.message()
        client.send(frame(10, forged), frame(10, forged))
        client.say('{"type":"ping"}')
        assert await client.message() == '{"type":"pong"}'
        [connection] = server.realtime.sessions()
        assert connection.acknowledged < logged.offset
        assert connection.asked == logged.offset


async def test_after_a_restart_too(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        client = await connect(server.url(), proxy=None)
        await receive(client)
        await _subscribe(client)
        first = (await server.publish(0)).offset
        assert await _offsets(client, 1) == [first]
        await _acknowledged(server, first)
    async with running(tmp_path) as server:
        missed = (await server.publish(1)).offset
        async with server.client() as client:
            await receive(client)
            assert (await _subscribe(client))["recovered"] is True
            assert await _offsets(client, 1) == [missed]


async def test_on_another_process_while_the_first_has_not_noticed(tmp_path: Path) -> None:
    async with running(tmp_path) as one, running(tmp_path) as other, one.client() as client:
        await receive(client)
        await _subscribe(client)
        store = await one.instance.project(PROJECT)
        assert store is not None
        positions = one.realtime.projects.by_id[PROJECT].hub.recovery
        assert positions is not None
        await _until(lambda: positions.positions.count == 1)
        missed = (await other.publish(1)).offset
        async with other.client() as back:
            await receive(back)
            assert (await _subscribe(back))["recovered"] is True
            assert await _offsets(back, 1) == [missed]


async def test_who_comes_too_late_is_told(start: START) -> None:
    server = await start(realtime_recovery_seconds=0.01)
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
    await server.is_left_empty()
    await asyncio.sleep(0.02)
    last = await server.publish(1)
    async with server.client() as client:
        await receive(client)
        row = await _subscribe(client)
        assert (row["recovered"], row["offset"]) == (False, last.offset)


async def test_what_fell_off_the_log_is_told(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
    await server.publish(1)
    await server.publish(2)
    store = await server.instance.project(PROJECT)
    assert store is not None
    await store.database.write(lambda transaction: trim(transaction.connection, 10**15, 1))
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is False


async def test_a_subscription_that_wants_something_else_is_not_recovered(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
    await server.publish(1)
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client, "files", "teams"))["recovered"] is False


async def test_an_ended_subscription_is_new_when_it_is_made_again(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
        await ask(client, "unsubscribe", [{"subscriptionId": ID}])
    await server.publish(1)
    async with server.client() as client:
        await receive(client)
        assert "recovered" not in await _subscribe(client)


async def test_another_user_with_the_id_gets_nothing_of_it(server: RealtimeServer) -> None:
    ada, eve = await server.sign_up("ada"), await server.sign_up("eve")
    async with server.client(x_appwrite_session=ada) as client:
        await receive(client)
        await _subscribe(client)
    await server.publish(1)
    async with server.client(x_appwrite_session=eve) as client, server.client() as guest:
        for stranger in (client, guest):
            await receive(stranger)
            assert "recovered" not in await _subscribe(stranger)
        last = (await server.publish(2)).offset
        assert await _offsets(client, 1) == await _offsets(guest, 1) == [last]
    async with server.client(x_appwrite_session=ada) as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert len(await _offsets(client, 2)) == 2


async def test_short_ids_of_guests_are_not_kept(server: RealtimeServer) -> None:
    async with server.client() as client:
        await receive(client)
        await _subscribe(client, name="s")
    await server.publish(1)
    async with server.client() as client:
        await receive(client)
        assert "recovered" not in await _subscribe(client, name="s")


async def test_what_was_lost_makes_room_for_who_is_here(start: START) -> None:
    server = await start(realtime_max_kept=20)
    store = await server.instance.project(PROJECT)
    assert store is not None
    async with server.client() as crowd:
        await receive(crowd)
        rows = [{"subscriptionId": f"{ID}{number}", "channels": ["files"]} for number in range(30)]
        await ask(crowd, "subscribe", rows)
    await server.is_left_empty()
    positions = server.realtime.projects.by_id[PROJECT].hub.recovery.positions  # type: ignore[union-attr]
    await positions.written()
    assert await store.database.read(count) == 18
    async with server.client() as client:
        await receive(client)
        await _subscribe(client)
    missed = (await server.publish(1)).offset
    async with server.client() as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert await _offsets(client, 1) == [missed]


async def test_it_can_be_switched_off(start: START) -> None:
    server = await start(realtime_recovery_seconds=0)
    async with raw_client(server) as client:
        place = json.loads(await client.message())["data"]
        client.say(_row())
        await client.message()
        for number in range(3):
            await server.publish(number)
        for _ in range(3):
            assert (await client.frame()).opcode == 1
    async with server.client() as client:
        await receive(client)
        assert "recovered" not in await _subscribe(client)
        since = {"offset": place["offset"], "epoch": place["epoch"]}
        assert (await _subscribe(client, name="other", since=since))["recovered"] is True


async def test_a_client_that_answers_nothing_is_recovered_from_an_overlap(start: START) -> None:
    server = await start(realtime_overlap_seconds=0)
    async with raw_client(server) as client:
        await client.message()
        client.say(_row())
        await client.message()
        offsets = [(await server.publish(number)).offset for number in range(3)]
        for _ in range(3):
            await client.message()
        # Its kernel has acknowledged everything, and the server notices after some rounds.
        await _acknowledged(server, offsets[-1])
        reset(client.writer)
    await server.is_left_empty()
    missed = (await server.publish(4)).offset
    async with server.client() as again:
        await receive(again)
        assert (await _subscribe(again))["recovered"] is True
        assert await _offsets(again, 1) == [missed]


def _page(server: RealtimeServer, url: str = f"project={PROJECT}", **headers: str) -> _Connecting:
    """A page whose browser reads everything, and answers pings."""
    return server.client(url, origin="http://localhost", **headers)


def _recovery(server: RealtimeServer) -> Recovery:
    found = server.realtime.projects.by_id[PROJECT].hub.recovery
    assert found is not None
    return found


def _rounds(server: RealtimeServer, count: int) -> None:
    """Time goes by."""
    for _ in range(count):
        _recovery(server).begin_round()


async def _says(client: ClientConnection) -> None:
    assert (await ask(client, "ping"))["type"] == "pong"


async def test_what_its_browser_acknowledged_a_page_has_not_read(server: RealtimeServer) -> None:
    async with _page(server) as client:
        await receive(client)
        await _subscribe(client)
        offsets = [(await server.publish(number)).offset for number in range(3)]
        assert await _offsets(client, 3) == offsets
        await _acknowledged(server, offsets[-1])
        _rounds(server, PAGE_ROUNDS + 2)
        client.transport.abort()
    await server.is_left_empty()
    async with _page(server) as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert await _offsets(client, 3) == offsets


async def test_a_page_has_read_what_came_before_the_message_before_its_last(server: RealtimeServer) -> None:
    async with _page(server) as client:
        await receive(client)
        await _subscribe(client)
        offsets = []
        for number in range(4):
            offsets.append((await server.publish(number)).offset)
            assert await _offsets(client, 1) == offsets[-1:]
            await _acknowledged(server, offsets[-1])
            if number < 3:
                _rounds(server, APART)
                await _says(client)
        client.transport.abort()
    await server.is_left_empty()
    async with _page(server) as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert await _offsets(client, 2) == offsets[2:]


async def test_two_messages_of_one_instant_show_nothing(server: RealtimeServer) -> None:
    """As a page may send them that wakes, before it takes what waits for it."""
    async with _page(server) as client:
        await receive(client)
        await _subscribe(client)
        _rounds(server, APART)
        offset = (await server.publish(0)).offset
        assert await _offsets(client, 1) == [offset]
        await _acknowledged(server, offset)
        _rounds(server, APART)
        for _ in range(3):
            await _says(client)
        client.transport.abort()
    await server.is_left_empty()
    async with _page(server) as client:
        await receive(client)
        assert (await _subscribe(client))["recovered"] is True
        assert await _offsets(client, 1) == [offset]


async def test_a_page_on_another_process_gets_what_it_may_not_have_read(tmp_path: Path) -> None:
    async with running(tmp_path) as one, running(tmp_path) as other, _page(one) as page, one.client() as fast:
        for client, name in ((page, ID), (fast, f"{ID}1")):
            await receive(client)
            await _subscribe(client, name=name)
        offsets = [(await one.publish(number)).offset for number in range(2)]
        for client in (page, fast):
            assert await _offsets(client, 2) == offsets
        await _until(lambda: all(each.acknowledged >= offsets[-1] for each in one.realtime.sessions()))
        _rounds(one, APART)
        await _recovery(one).positions.written()
        new = (await other.publish(3)).offset
        for connect, name, again in ((_page, ID, [*offsets, new]), (RealtimeServer.client, f"{ID}1", [new])):
            async with connect(other) as back:
                await receive(back)
                assert (await _subscribe(back, name=name))["recovered"] is True
                assert await _offsets(back, len(again)) == again


async def test_who_lags_does_not_share_a_position_that_it_has_not_reached(server: RealtimeServer) -> None:
    async with raw_client(server) as slow, server.client() as quick:
        await slow.message()
        slow.say(_row())
        await slow.message()
        await receive(quick)
        await _subscribe(quick, name=f"{ID}1")
        lagging, _ = sorted(server.realtime.sessions(), key=lambda each: each.number)

        async def publish(number: int) -> int:
            offset = (await server.publish(number)).offset
            assert await _offsets(quick, 1) == [offset]
            await _until(lambda: max(each.acknowledged for each in server.realtime.sessions()) >= offset)
            return offset

        slow.send(frame(10, b"%d" % await publish(0)))  # it is one that answers
        await _until(lambda: lagging.answers)
        _rounds(server, 1)
        first = await publish(1)
        _rounds(server, LAGGING_ROUNDS + 1)
        second = await publish(2)
        _rounds(server, 1)
        slow.send(frame(10, b"%d" % first))
        await _until(lambda: lagging.acknowledged == first)
        _rounds(server, 1)
        await _recovery(server).positions.written()
        store = await server.instance.project(PROJECT)
        assert store is not None
        found = await store.database.read(lambda connection: find(connection, [("", ID), ("", f"{ID}1")]))
        assert found["", ID].position == first
        assert found["", f"{ID}1"].position >= second


async def test_many_connections_come_back_at_once(server: RealtimeServer) -> None:
    async def open_one(number: int) -> ClientConnection:
        client = await connect(server.url(), proxy=None)
        await receive(client)
        await _subscribe(client, name=f"subscription-of-{number:04}")
        return client

    clients = await asyncio.gather(*map(open_one, range(50)))
    for client in clients:
        client.transport.abort()
    await server.is_left_empty()
    store = await server.instance.project(PROJECT)
    assert store is not None
    missed = await store.database.write(
        lambda transaction: [transaction.append(event(number)).offset for number in range(250)]
    )
    clients = await asyncio.gather(*map(open_one, range(50)))
    for client in clients:
        assert await _offsets(client, 250) == missed
        await client.close()


async def test_the_same_url_and_session_is_recovered(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    url = f"project={PROJECT}&channels[]=files"
    async with raw_client(server, url, x_appwrite_session=session) as client:
        await client.message()
        reset(client.writer)
    await server.is_left_empty()
    missed = (await server.publish(1)).offset
    async with server.client(url, x_appwrite_session=session) as client:
        await receive(client)
        assert await _offsets(client, 1) == [missed]
    # It closed the connection itself: whoever opens the page again begins anew.
    await server.is_left_empty()
    await server.publish(2)
    async with server.client(url, x_appwrite_session=session) as client:
        await receive(client)
        last = (await server.publish(3)).offset
        assert await _offsets(client, 1) == [last]


async def test_the_same_url_is_recovered_when_the_session_is_shown_later(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    url = f"project={PROJECT}&channels[]=files&channels[]=account"
    shown = json.dumps({"type": "authentication", "data": {"session": session}})
    async with raw_client(server, url) as client:
        await client.message()
        client.say(shown)
        await client.message()
        first = (await server.publish(0, roles=["user:u1"])).offset
        await client.message()
        client.send(frame(10, b"%d" % first))
        await _acknowledged(server, first)
        reset(client.writer)
    await server.is_left_empty()
    missed = [(await server.publish(number, roles=["user:u1"])).offset for number in (1, 2)]
    async with raw_client(server, url) as client:
        await client.message()
        client.say(shown)
        await client.message()
        got = [json.loads(await client.message())["data"]["offset"] for _ in missed]
        assert got == missed
        reset(client.writer)
    await server.is_left_empty()
    other = await server.sign_up("u2")
    async with server.client(url) as stranger:
        await receive(stranger)
        await ask(stranger, "authentication", {"session": other})
        last = (await server.publish(3)).offset
        assert await _offsets(stranger, 1) == [last]


async def test_a_page_with_a_url_that_its_browser_closed_is_recovered(
    server: RealtimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does a browser when it wakes a page that it froze; and when a page is left, or loaded again."""
    session = await server.sign_up("u1")
    url = f"project={PROJECT}&channels[]=files"
    for at_once, recovered in ((0, True), (3_600_000, False)):
        monkeypatch.setattr(recovery, "LOADED_AGAIN_MS", at_once)
        async with _page(server, url, x_appwrite_session=session) as client:
            await receive(client)
            await client.close(1001)
        await server.is_left_empty()
        missed = (await server.publish(1)).offset
        async with _page(server, url, x_appwrite_session=session) as client:
            await receive(client)
            last = (await server.publish(2)).offset
            assert await _offsets(client, 1 + recovered) == [missed, last][-1 - recovered :]


@pytest.mark.parametrize("same_process", [True, False])
async def test_a_second_page_gets_nothing_from_before_the_first(tmp_path: Path, same_process: bool) -> None:
    async with running(tmp_path) as one, running(tmp_path) as other:
        session = await one.sign_up("u1")
        url = f"project={PROJECT}&channels[]=files"
        async with _page(one, url, x_appwrite_session=session) as bystander:
            await receive(bystander)
            await bystander.close(1000)
        await one.publish(0)
        async with _page(one, url, x_appwrite_session=session) as first:
            await receive(first)
            offset = (await one.publish(1)).offset
            assert await _offsets(first, 1) == [offset]
            await _acknowledged(one, offset)
            await _until(lambda: _recovery(one).positions.count == 1)
            async with _page(one if same_process else other, url, x_appwrite_session=session) as second:
                await receive(second)
                assert await _offsets(second, 1) == [offset]


async def test_guests_with_a_url_begin_anew(server: RealtimeServer) -> None:
    url = f"project={PROJECT}&channels[]=files"
    async with raw_client(server, url) as client:
        await client.message()
        reset(client.writer)
    await server.is_left_empty()
    await server.publish(1)
    async with server.client(url) as client:
        await receive(client)
        last = (await server.publish(2)).offset
        assert await _offsets(client, 1) == [last]
