"""The exact frames of every SDK and generation, replayed.

Those that run in Node run for real in ``tests/sdk/test_generations.py``; here all of them say and are
answered what is on their wire, down to the order of keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from tests.realtime.conftest import PROJECT, RealtimeServer
from tests.realtime.raw_client import RawClient, close, raw_client
from tests.support.platforms import register_platform
from tidewire.core.events import LoggedEvent
from tidewire.core.origins import Platform
from tidewire.core.time import format_datetime, now
from tidewire.store.engine.event_log import epoch, last_offset
from tidewire.store.secrets.credentials import encode_jwt

PING, PONG = '{"type":"ping"}', '{"type":"pong"}'
FILES = "buckets.b1.files"
EQUAL = '{"method":"equal","attribute":"name","values":["wanted"]}'
SELECT = '{"method":"select","values":["*"]}'


@dataclass(frozen=True)
class Sdk:
    """One SDK: what its sockets have in common."""

    name: str
    bracket: str = "[]"
    """After ``channels`` in the URL, as it is on the wire."""
    headers: dict[str, str] = field(default_factory=dict)
    logs_in: bool = False
    """Whether it sends ``authentication`` with the session that it stored; others send a cookie."""
    pings_first: bool = False
    """Whether its first ping comes before anything else."""
    close: bytes = close(1000)
    stop_status: int | None = 1000

    def __str__(self) -> str:
        return self.name


WEB = Sdk("web", "%5B%5D", {"origin": "http://localhost:5173"}, logs_in=True)
FLUTTER = Sdk("flutter", "%5B%5D", close=close(), stop_status=None)
FLUTTER_WEB = Sdk("flutter on the web", "%5B%5D", {"origin": "http://localhost:80"}, logs_in=True)
ANDROID = Sdk("android", close=close(1008), stop_status=1008)
APPLE = Sdk("apple", "%5B0%5D", pings_first=True, close=close(), stop_status=None)
REACT_NATIVE = Sdk("react-native", "%5B%5D", {"origin": "appwrite-ios://org.example"}, logs_in=True)
SDKS = [WEB, FLUTTER, FLUTTER_WEB, ANDROID, APPLE, REACT_NATIVE]


def _cookie(session: str) -> dict[str, str]:
    return {"cookie": f"a_session_{PROJECT}={quote(session, safe='')}"}


def _event_text(logged: LoggedEvent, *ids: str) -> str:
    """An event frame, down to the byte."""
    event = logged.event
    data = {
        "events": event.names,
        "channels": event.channels,
        "timestamp": format_datetime(event.timestamp),
        "payload": msgspec.json.decode(event.payload),
        "subscriptions": list(ids),
        "offset": logged.offset,
    }
    return msgspec.json.encode({"type": "event", "data": data}).decode()


async def _prepared(server: RealtimeServer, sdk: Sdk) -> tuple[str, dict[str, str]]:
    """A session of user u1, and the headers of a socket of theirs."""
    if sdk is REACT_NATIVE:
        await register_platform(server.instance, PROJECT, "App", Platform("apple", "", "org.example"))
    session = await server.sign_up("u1", name="Ada")
    return session, sdk.headers if sdk.logs_in else sdk.headers | _cookie(session)


async def _log_in(sdk: Sdk, client: RawClient, session: str) -> None:
    """What the SDK does after a ``connected`` without a user."""
    if sdk.logs_in:
        client.say(f'{{"type":"authentication","data":{{"session":"{session}"}}}}')
        answer = await client.message()
        assert answer.startswith(
            '{"type":"response","data":{"to":"authentication","success":true,"user":{"$id":"u1",'
        )


async def _connected(sdk: Sdk, client: RawClient) -> tuple[list[str], Any, Any]:
    """Channels, subscriptions and user of the first frame; the answer to an early ping may come before it."""
    messages = [await client.message() for _ in range(2 if sdk.pings_first else 1)]
    if sdk.pings_first:
        messages.remove(PONG)
    [message] = messages
    assert message.startswith('{"type":"connected","data":{"channels":[')
    data = json.loads(message)["data"]
    assert list(data)[:3] == ["channels", "subscriptions", "user"]
    assert (data["user"] is None) == sdk.logs_in
    if not sdk.logs_in:
        assert list(data["user"])[:4] == ["$id", "$createdAt", "$updatedAt", "name"]
        assert data["user"]["prefs"] == {}
    return data["channels"], data["subscriptions"], data["user"]


async def _place(server: RealtimeServer) -> str:
    """What ends the answers to ``subscribe``: where in the log their events begin."""
    store = await server.instance.project(PROJECT)
    assert store is not None
    return await store.database.read(lambda log: f'"offset":{last_offset(log)},"epoch":"{epoch(log)}"')


async def _leave(sdk: Sdk, client: RawClient) -> None:
    client.say(PING)
    assert await client.message() == PONG
    client.send(sdk.close)
    answer = await client.frame()
    assert (answer.opcode, answer.status) == (8, sdk.stop_status)
    assert await client.ended()


@pytest.mark.parametrize("sdk", SDKS, ids=str)
async def test_url_only(server: RealtimeServer, sdk: Sdk) -> None:
    session, headers = await _prepared(server, sdk)
    # React Native 0.21 to 0.28 add queries that no channel owns.
    more = f"&queries{sdk.bracket}={quote(EQUAL)}" if sdk is REACT_NATIVE else ""
    bracket = sdk.bracket.replace("0", "{}")
    channels = "&".join(
        f"channels{bracket.format(number)}={quote_plus(name)}"
        for number, name in enumerate(["files", "account"])
    )
    async with raw_client(server, f"project={PROJECT}&{channels}{more}", **headers) as client:
        if sdk.pings_first:
            client.say(PING)
        listed, subscriptions, _ = await _connected(sdk, client)
        assert listed == (["files", "account"] if sdk.logs_in else ["files", "account", "account.u1"])
        [(slot, name)] = subscriptions.items()
        assert (slot, type(name)) == ("0", str)
        await _log_in(sdk, client, session)
        logged = await server.publish(1, roles=["user:u1"])
        # They pick callbacks by `channels`; `subscriptions` is there all the same.
        assert await client.message() == _event_text(logged, name)
        own = await server.publish(
            2,
            pattern="users.[userId].update",
            parameters={"userId": "u1"},
            channels=["account", "account.u1", "account.u1.update"],
            roles=["user:u1"],
        )
        assert await client.message() == _event_text(own, name)
        await _leave(sdk, client)
    # Any change of the set is a new socket.
    async with raw_client(server, f"project={PROJECT}&channels{sdk.bracket}={FILES}", **headers) as client:
        if sdk.pings_first:
            client.say(PING)
        listed, subscriptions, _ = await _connected(sdk, client)
        assert listed == [FILES]
    assert await server.is_left_empty()


@pytest.mark.parametrize("sdk", [WEB, FLUTTER, FLUTTER_WEB, ANDROID, APPLE], ids=str)
async def test_slots_in_the_url(server: RealtimeServer, sdk: Sdk) -> None:
    session, headers = await _prepared(server, sdk)
    slots = [
        f"{quote_plus('files')}[1][]={quote_plus(SELECT)}",
        f"{quote_plus(FILES)}[2][]={quote_plus(EQUAL)}",
        f"{quote_plus('account')}[3][]={quote_plus(SELECT)}",
    ]
    if "%" in sdk.bracket:
        slots = [slot.replace("[", "%5B").replace("]", "%5D") for slot in slots]
    channels = "&".join(f"channels[]={quote_plus(name)}" for name in ("files", FILES, "account"))
    async with raw_client(server, "&".join([f"project={PROJECT}", channels, *slots]), **headers) as client:
        if sdk.pings_first:
            client.say(PING)
        listed, ids, _ = await _connected(sdk, client)
        assert listed == ["files", FILES, "account", *([] if sdk.logs_in else ["account.u1"])]
        # An object of strings, or Flutter throws. A signed-in `account` leads to slot 0 besides.
        assert list(ids) == ["1", "2", "3", *([] if sdk.logs_in else ["0"])]
        assert len(set(ids.values())) == len(ids)
        assert all(isinstance(value, str) for value in ids.values())
        await _log_in(sdk, client, session)
        other = await server.publish(1, payload=b'{"name":"other"}')
        assert await client.message() == _event_text(other, ids["1"])
        wanted = await server.publish(2, payload=b'{"name":"wanted"}', roles=["users"])
        assert await client.message() == _event_text(wanted, ids["1"], ids["2"])
        await _leave(sdk, client)
    # A single slot 0 is an object too.
    async with raw_client(
        server, f"project={PROJECT}&channels[]=files&files[0][]={quote_plus(SELECT)}"
    ) as guest:
        assert '"subscriptions":{"0":"' in await guest.message()


@pytest.mark.parametrize("sdk", SDKS, ids=str)
async def test_messages(server: RealtimeServer, sdk: Sdk) -> None:
    session, headers = await _prepared(server, sdk)
    async with raw_client(server, f"project={PROJECT}", **headers) as client:
        if sdk.pings_first:
            client.say(PING)
        assert (await _connected(sdk, client))[:2] == ([], [])
        place = await _place(server)
        login = [f'{{"type":"authentication","data":{{"session":"{session}"}}}}'] if sdk.logs_in else []
        first, second = "66f0c2a1b3d4e5f60718", "66f0c2a1b3d4f00a1b2c"
        # Both at once, without waiting for an answer.
        client.say(
            *login,
            f'{{"type":"subscribe","data":[{{"subscriptionId":"{first}","channels":["files","account"],"queries":[]}},'
            f'{{"subscriptionId":"{second}","channels":["{FILES}"],"queries":[{json.dumps(EQUAL)}]}}]}}',
        )
        if sdk.logs_in:
            assert '"to":"authentication","success":true' in await client.message()
        assert await client.message() == (
            '{"type":"response","data":{"to":"subscribe","success":true,"subscriptions":['
            f'{{"subscriptionId":"{first}","channels":["files","account","account.u1"],"queries":[]}},'
            f'{{"subscriptionId":"{second}","channels":["{FILES}"],"queries":[{json.dumps(EQUAL)}]}}],{place}}}}}'
        )
        wanted = await server.publish(1, payload=b'{"name":"wanted"}', roles=["user:u1"])
        assert await client.message() == _event_text(wanted, first, second)
        # update(): the same id, everything it shall hold from now on.
        client.say(
            f'{{"type":"subscribe","data":[{{"subscriptionId":"{first}","channels":["other"],"queries":[]}}]}}'
        )
        assert f'"subscriptionId":"{first}","channels":["other"]' in await client.message()
        again = await server.publish(2, payload=b'{"name":"wanted"}')
        assert await client.message() == _event_text(again, second)
        client.say(f'{{"type":"unsubscribe","data":[{{"subscriptionId":"{second}"}}]}}')
        assert await client.message() == (
            '{"type":"response","data":{"to":"unsubscribe","success":true,'
            f'"subscriptions":[{{"subscriptionId":"{second}","removed":true}}]}}}}'
        )
        await server.publish(3, payload=b'{"name":"wanted"}')
        last = await server.publish(4, channels=["other"])
        assert await client.message() == _event_text(last, first)
        await _leave(sdk, client)
    assert await server.is_left_empty()


@pytest.mark.parametrize(
    ("sdk", "header"), [(WEB, ""), (ANDROID, "x_appwrite_jwt"), (APPLE, "x_appwrite_jwt")], ids=str
)
async def test_messages_with_a_jwt(server: RealtimeServer, sdk: Sdk, header: str) -> None:
    """Web from 27.0.0 on in the URL, Android from 25.2.0 and Apple from 18.2.0 on in a header."""
    await server.sign_up("u1")
    token = encode_jwt("u1", "of-u1", now() + 60_000, server.instance.jwt_secret)
    query = f"project={PROJECT}" if header else f"project={PROJECT}&jwt={quote(token)}"
    headers = sdk.headers | ({header: token} if header else {})
    async with raw_client(server, query, **headers) as client:
        assert json.loads(await client.message())["data"]["user"]["$id"] == "u1"


async def test_react_native_takes_ids_from_the_answer_by_position(server: RealtimeServer) -> None:
    """0.29 sends rows without ids at first; later, and after a reconnect, all rows with the known ids."""
    rows: list[dict[str, Any]] = [
        {"channels": [name], "queries": []} for name in ("files", FILES, "account.x")
    ]
    async with raw_client(server) as client:
        await client.message()
        client.say(json.dumps({"type": "subscribe", "data": rows}))
        answered = json.loads(await client.message())["data"]["subscriptions"]
        assert [row["channels"] for row in answered] == [["files"], [FILES], []]
        ids = [row["subscriptionId"] for row in answered]
        assert len(set(ids)) == 3
        logged = await server.publish()
        assert await client.message() == _event_text(logged, ids[0], ids[1])
        known = [row | {"subscriptionId": name} for row, name in zip(rows, ids, strict=True)]
        client.say(json.dumps({"type": "subscribe", "data": [*known, {"channels": ["more"], "queries": []}]}))
        answered = json.loads(await client.message())["data"]["subscriptions"]
        assert [row["subscriptionId"] for row in answered[:3]] == ids
        again = await server.publish(2)
        assert await client.message() == _event_text(again, ids[0], ids[1])
    async with raw_client(server) as client:
        await client.message()
        client.say(json.dumps({"type": "subscribe", "data": known}))
        answered = json.loads(await client.message())["data"]["subscriptions"]
        assert [row["subscriptionId"] for row in answered] == ids


async def test_sdks_before_presence_subscribe_as_soon_as_the_socket_is_open(server: RealtimeServer) -> None:
    async with raw_client(server) as client:
        client.say('{"type":"subscribe","data":[{"subscriptionId":"s","channels":["files"],"queries":[]}]}')
        assert (await client.message()).startswith('{"type":"connected"')
        assert (await client.message()).startswith('{"type":"response"')


async def test_apple_gets_fragments_that_are_text_each_and_answers_no_ping(server: RealtimeServer) -> None:
    async with raw_client(server, f"project={PROJECT}&channels[]=files") as client:
        await client.message()
        letters = "žćš漢😀" * 10_000
        await server.publish(payload=msgspec.json.encode({"text": letters}))
        sizes, whole = [], b""
        while True:
            part = await client.frame()
            part.data.decode()
            sizes.append(len(part.data))
            whole += part.data
            if part.final:
                break
        assert max(sizes) <= 16_384
        assert len(sizes) > 5
        assert json.loads(whole)["data"]["payload"] == {"text": letters}
