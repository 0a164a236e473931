"""GraphQL over WebSocket, message by message: the protocol ``graphql-transport-ws``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.realtime.conftest import PROJECT, START, RealtimeServer, receive
from tests.realtime.session.test_sign_in import change_settings
from tests.realtime.world import Json

EVENTS = (
    "subscription ($channels: [String!]!, $since: Position) { events(channels: $channels, since: $since) {"
)
ALL = f"{EVENTS} events channels timestamp payload offset }} }}"
PROTOCOL = "graphql-transport-ws"


@contextlib.asynccontextmanager
async def opened(
    server: RealtimeServer,
    protocol: str | None = PROTOCOL,
    query: str = "",
    compression: str | None = None,
    **headers: str,
) -> AsyncIterator[ClientConnection]:
    """A connection on which nothing was said yet."""
    async with connect(
        f"ws://127.0.0.1:{server.port}/v1/graphql{query}",
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
        compression=compression,
        proxy=None,
    ) as client:
        yield client


@contextlib.asynccontextmanager
async def admitted(
    server: RealtimeServer, compression: str | None = None, **payload: str
) -> AsyncIterator[ClientConnection]:
    """A connection that was admitted."""
    async with opened(server, compression=compression) as client:
        assert (await init(client, **payload))["type"] == "connection_ack"
        yield client


async def say(client: ClientConnection, kind: str, **more: object) -> None:
    await client.send(msgspec.json.encode({"type": kind, **more}).decode())


async def init(client: ClientConnection, **payload: str) -> Json:
    """Say who it is; the answer."""
    await say(client, "connection_init", payload={"project": PROJECT, **payload})
    return await receive(client)


async def begin(client: ClientConnection, name: str, query: str = ALL, **variables: object) -> None:
    """Begin a subscription, and wait until it has begun."""
    await ask_for(client, name, query, **variables)
    await settled(client)


async def ask_for(client: ClientConnection, name: str, query: str = ALL, **variables: object) -> None:
    variables.setdefault("channels", ["files"])
    await say(client, "subscribe", id=name, payload={"query": query, "variables": variables})


async def settled(client: ClientConnection) -> None:
    """Wait until what was said is done: messages are done in their order, pings are not."""
    await say(client, "subscribe", id="refused", payload={"query": "{ nothing }"})
    assert (await receive(client))["id"] == "refused"


async def closed(client: ClientConnection) -> tuple[int, str]:
    """Status and reason of the close frame that comes next."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(10):
            await client.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def next_of(client: ClientConnection) -> tuple[str, Json]:
    """The id of the operation, and the data of the message that comes next."""
    message = await receive(client)
    assert message["type"] == "next", message
    return message["id"], message["payload"]["data"]


async def test_an_event_comes_as_it_was_selected(server: RealtimeServer) -> None:
    async with admitted(server) as client:
        await begin(client, "a")
        logged = await server.publish(7)
        name, data = await next_of(client)
        assert name == "a"
        event = data["events"]
        assert list(event) == ["events", "channels", "timestamp", "payload", "offset"]
        assert event["events"] == logged.event.names
        assert event["channels"] == logged.event.channels
        assert event["payload"] == msgspec.json.decode(logged.event.payload)
        assert event["offset"] == logged.offset


FRAGMENTS = """
subscription Files($channels: [String!]!, $long: Boolean!) {
  changed: events(channels: $channels) { __typename ...Short ... @include(if: $long) { at: timestamp } }
}
fragment Short on EventMessage { what: payload where: channels place: offset place: offset }
subscription Other { events(channels: ["account"]) { offset } }
"""


async def test_aliases_fragments_variables_and_several_operations_in_a_document(
    server: RealtimeServer,
) -> None:
    async with admitted(server) as client:
        for name, long in (("long", True), ("short", False)):
            variables = {"channels": ["files"], "long": long}
            payload = {"query": FRAGMENTS, "variables": variables, "operationName": "Files"}
            await say(client, "subscribe", id=name, payload=payload)
        await settled(client)
        logged = await server.publish(1)
        told = dict([await next_of(client), await next_of(client)])
        short = {
            "__typename": "EventMessage",
            "what": {"$id": "f1"},
            "where": logged.event.channels,
            "place": logged.offset,
        }
        assert told == {
            "short": {"changed": short},
            "long": {"changed": {**short, "at": "2023-11-14T22:13:20.001+00:00"}},
        }


async def test_all_protocols_get_an_event_together(server: RealtimeServer) -> None:
    payload = msgspec.json.encode({"text": "ä" * 9000})
    async with contextlib.AsyncExitStack() as stack:
        plain = await stack.enter_async_context(admitted(server))
        deflated = await stack.enter_async_context(admitted(server, compression="deflate"))
        native = await stack.enter_async_context(server.client(f"project={PROJECT}&channels[]=files"))
        await receive(native)
        for client in (plain, deflated):
            await begin(client, "all")
            await begin(client, "place", f"{EVENTS} offset }} }}")
            await begin(client, "one more of them", f"{EVENTS} offset }} }}")
        for number in range(3):
            logged = await server.publish(number, payload=payload)
            assert (await receive(native))["data"]["payload"] == msgspec.json.decode(payload)
            for client in (plain, deflated):
                told = dict([await next_of(client) for _ in range(3)])
                assert told["all"]["events"]["payload"] == msgspec.json.decode(payload)
                place = {"events": {"offset": logged.offset}}
                assert told["place"] == told["one more of them"] == place


async def test_many_subscribers_get_each_event_once_and_in_order(server: RealtimeServer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(admitted(server)) for _ in range(150)]
        for number, client in enumerate(clients):
            await begin(client, f"{number % 3:0{1 + number % 3}}", f"{EVENTS} a{number % 2}: offset }} }}")
        offsets = [(await server.publish(number)).offset for number in range(5)]
        for number, client in enumerate(clients):
            told = [(await next_of(client))[1]["events"] for _ in offsets]
            assert told == [{f"a{number % 2}": offset} for offset in offsets]


async def test_what_a_user_may_not_read_does_not_come(server: RealtimeServer) -> None:
    session = await server.sign_up("ada")
    async with (
        admitted(server) as guest,
        admitted(server, session=session) as ada,
        opened(server, cookie=f"a_session_{PROJECT}={session}") as by_cookie,
    ):
        assert (await init(by_cookie))["payload"]["user"]["$id"] == "ada"
        for client in (guest, ada, by_cookie):
            await begin(client, "a", f"{EVENTS} payload }} }}")
        await server.publish(1, roles=["user:ada"])
        await server.publish(2)
        for client in (ada, by_cookie):
            assert (await next_of(client))[1]["events"]["payload"] == {"$id": "f1"}
        for client in (ada, by_cookie, guest):
            assert (await next_of(client))[1]["events"]["payload"] == {"$id": "f2"}


async def test_conditions(server: RealtimeServer) -> None:
    query = 'subscription ($q: [String!]) { events(channels: ["files"], queries: $q) { payload } }'
    async with admitted(server) as client:
        wanted = '{"method":"equal","attribute":"$id","values":["f2"]}'
        await begin(client, "a", query, q=[wanted])
        await server.publish(1)
        await server.publish(2)
        assert (await next_of(client))[1]["events"]["payload"] == {"$id": "f2"}


async def test_an_operation_ends_and_its_id_is_free(server: RealtimeServer) -> None:
    async with admitted(server) as client:
        for _ in range(3):
            await begin(client, "a", f"{EVENTS} offset }} }}")
            logged = await server.publish()
            assert await next_of(client) == ("a", {"events": {"offset": logged.offset}})
            await say(client, "complete", id="a")
            await say(client, "complete", id="never there")
            await settled(client)
            await server.publish()
        await say(client, "ping", payload={"anything": 1})
        assert await receive(client) == {"type": "pong"}, "nothing that was published meanwhile"
    assert await server.is_left_empty()


async def test_since_gives_what_was_missed_or_says_that_it_cannot(server: RealtimeServer) -> None:
    first = (await server.publish(1)).offset
    later = [(await server.publish(number)).offset for number in (2, 3)]
    async with opened(server) as client:
        told = (await init(client))["payload"]
        assert told["offset"] == later[-1]
        epoch = told["epoch"]
        for number, since in enumerate([first, {"offset": first, "epoch": epoch}, f"{epoch}:{first}"]):
            await ask_for(client, f"{number}", f"{EVENTS} offset }} }}", since=since)
        offsets: dict[str, list[int]] = {"0": [], "1": [], "2": []}
        for _ in range(6):
            name, data = await next_of(client)
            offsets[name].append(data["events"]["offset"])
        assert list(offsets.values()) == [later] * 3
        for since in ({"offset": first, "epoch": "another"}, later[-1] + 1000):
            await ask_for(client, "lost", since=since)
            refusal = await receive(client)
            assert (refusal["type"], refusal["id"]) == ("error", "lost")
            assert refusal["payload"][0]["extensions"] == {"code": 410, "type": "realtime_events_gone"}
        new = (await server.publish(4)).offset
        told_to = [await next_of(client) for _ in range(3)]
        assert dict(told_to) == {name: {"events": {"offset": new}} for name in offsets}


async def test_a_client_that_comes_back_with_its_ids_misses_nothing(server: RealtimeServer) -> None:
    name = "0b3ad3ee-67b5-4a2b-9d6e-9f0f3cf4a0b1"
    async with admitted(server) as client:
        await begin(client, name)
        await server.publish(1)
        first = (await next_of(client))[1]["events"]["offset"]
        [connection] = server.realtime.sessions()
        async with asyncio.timeout(10):
            while connection.acknowledged < first:  # noqa: ASYNC110 - what changes is the server's
                await asyncio.sleep(0.01)
    missed = (await server.publish(2)).offset
    async with admitted(server) as client:
        await begin(client, "new", f"{EVENTS} offset }} }}")
        await ask_for(client, name)
        assert (await next_of(client))[1]["events"]["offset"] == missed


def _ended(kind: str, **more: object) -> str:
    return msgspec.json.encode({"type": kind, **more}).decode()


SUBSCRIBE = _ended(
    "subscribe", id="a", payload={"query": 'subscription { events(channels: ["x"]) { offset } }'}
)
MALFORMED = [
    "",
    "ping",
    "[]",
    "{}",
    '{"type":"nothing"}',
    '{"type":["ping"]}',
    '{"type":"subscribe","id":"a"}',
    '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":7,"payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":"\\ud800","payload":{"query":"{a}"}}',
    '{"type":"subscribe","id":"a","payload":{"query":7}}',
    '{"type":"subscribe","id":"a","payload":{"query":"{a}","variables":[]}}',
    '{"type":"complete"}',
    "[" * 50_000,
    '{"type":"subscribe","id":"a","payload":{"query":"{a}","variables":' + '{"a":' * 5000,
]


@pytest.mark.parametrize("first", ["admitted", "new"])
async def test_what_is_no_message_closes_the_connection(server: RealtimeServer, first: str) -> None:
    for text in MALFORMED:
        async with opened(server) as client:
            if first == "admitted":
                await init(client)
            await client.send(text)
            assert (await closed(client))[0] == 4400, text
    assert await server.is_left_empty()


async def test_messages_out_of_their_order(start: START) -> None:
    server = await start(graphql_init_seconds=0.2)
    async with opened(server) as client:
        await say(client, "ping")
        assert await receive(client) == {"type": "pong"}
        await say(client, "pong")
        await client.send(SUBSCRIBE)
        assert (await closed(client))[0] == 4401
    async with opened(server) as client:
        await say(client, "connection_init")  # for the console, as nothing else is named
        await client.send(SUBSCRIBE)
        assert (await closed(client))[0] == 4401, "connection_ack was not waited for"
    async with opened(server) as client:
        assert await closed(client) == (4408, "Connection initialisation timeout")
    async with admitted(server) as client:
        await asyncio.sleep(0.3)
        await client.send(SUBSCRIBE)
        await client.send(SUBSCRIBE)
        assert await closed(client) == (4409, "Subscriber for a already exists")
    async with admitted(server) as client:
        await say(client, "connection_init")
        assert await closed(client) == (4429, "Too many initialisation requests")
    for protocol in (None, "graphql-ws"):
        with pytest.raises(InvalidStatus) as refused:
            async with opened(server, protocol):
                raise AssertionError
        assert refused.value.response.status_code == 400
    assert await server.is_left_empty()


async def test_who_is_not_admitted(server: RealtimeServer) -> None:
    session = await server.sign_up("ada")
    for status, payload in (
        (4403, {"project": "nothing"}),
        (4401, {"session": "garbage"}),
        (4401, {"session": session[:-4]}),
        (4401, {"jwt": "garbage"}),
        (4401, {"key": "garbage"}),
        (4401, {"key": "garbage", "session": session}),
        (4400, {"session": 7}),
    ):
        async with opened(server) as client:
            await say(client, "connection_init", payload={"project": PROJECT, **payload})
            assert (await closed(client))[0] == status, payload
    async with opened(server, origin="https://elsewhere.example") as client:
        await say(client, "connection_init", payload={"project": PROJECT})
        assert (await closed(client))[0] == 4403
    async with opened(server, cookie=f"a_session_{PROJECT}=old") as client:
        assert (await init(client))["payload"]["user"] is None, "a cookie may have become old"
    named = f"?project={PROJECT}&channels[]=files"
    async with opened(server, query=named, x_appwrite_session=session) as client:
        await say(client, "connection_init")
        told = (await receive(client))["payload"]
        assert told["user"]["$id"] == "ada"
        assert server.realtime.sessions()[0].subscriptions == {}
    assert await server.is_left_empty()


async def test_it_can_be_switched_off_for_all_but_programs(server: RealtimeServer) -> None:
    _, key = await server.instance.create_key(PROJECT, "Key", ["realtime.read"], 0)
    for protocol in ("graphql", "websocket"):
        await change_settings(server, disabled_protocols=frozenset({protocol}))
        async with opened(server) as client:
            await say(client, "connection_init", payload={"project": PROJECT})
            assert (await closed(client))[0] == 4403
        async with admitted(server, key=key):
            pass


REFUSED = [
    ("", "Syntax Error"),
    ("subscription {", "Syntax Error"),
    ("{ status }", "HTTP"),
    ("mutation { status }", ""),
    ("subscription { events { offset } }", "channels"),
    ("subscription { events(channels: 3) { offset } }", ""),
    ("subscription { events(channels: []) { offset } }", "at least one channel"),
    ('subscription { events(channels: ["a"]) }', "subfields"),
    ('subscription { events(channels: ["a"]) { nothing } }', "nothing"),
    ('subscription { events(channels: ["a"], queries: ["garbage"]) { offset } }', "Invalid query"),
    ('subscription { events(channels: ["a"], since: -1) { offset } }', "since"),
    ('subscription { events(channels: ["a"], since: {offset: "1"}) { offset } }', "since"),
    ('subscription { events(channels: ["a"], since: 1e400) { offset } }', "since"),
    (
        "subscription { a: events(channels: []) { offset } b: events(channels: []) { offset } }",
        "one top level",
    ),
    (
        "subscription A { events(channels: []) { offset } } subscription B { events { offset } }",
        "",
    ),
    ("subscription { __schema { types { name } } }", ""),
    ("subscription { ...F } fragment F on Subscription { ...F }", ""),
    ("subscription " + "{a" * 400, "nested"),
    (
        "subscription { events(channels: []) {" + "".join(f" a{n}: payload" for n in range(33)) + "} }",
        "fields",
    ),
    ("subscription { events(channels: [" + '"a",' * 6000 + "]) { offset } }", "tokens"),
]


async def test_an_operation_that_cannot_be_is_refused_alone(start: START) -> None:
    server = await start(realtime_max_subscriptions=2)
    async with admitted(server) as client:
        for query, said in REFUSED:
            await say(client, "subscribe", id="a", payload={"query": query})
            answer = await receive(client)
            assert (answer["type"], answer["id"]) == ("error", "a"), query
            [error, *_] = answer["payload"]
            assert said in error["message"], (query, error)
            assert error["extensions"]["code"] == 400
        for name in ("1", "2"):
            await begin(client, name, f"{EVENTS} offset }} }}")
        await ask_for(client, "3")
        answer = await receive(client)
        assert answer["id"] == "3"
        assert answer["payload"][0]["extensions"] == {"code": 429, "type": "realtime_too_many_messages"}
        await server.publish()
        assert {(await next_of(client))[0] for _ in range(2)} == {"1", "2"}
    assert await server.is_left_empty()


async def test_a_client_that_ends_anywhere_leaves_nothing(server: RealtimeServer) -> None:
    for number in range(4):
        async with opened(server) as client:
            if number:
                await say(client, "connection_init", payload={"project": PROJECT})
            if number > 1:
                await receive(client)
                await client.send(SUBSCRIBE)
            if number > 2:
                await say(client, "complete", id="a")
    assert await server.is_left_empty()


async def test_long_messages_and_many_of_them_are_bounded(start: START) -> None:
    server = await start(realtime_max_message_bytes=2000, rate_limits=True, realtime_delay_seconds=0.3)
    async with admitted(server) as client:
        await say(client, "subscribe", id="a", payload={"query": "#" * 2000})
        assert (await closed(client))[0] == 1009
    async with admitted(server) as client:
        count = server.instance.settings.realtime_messages_per_minute + 3
        for number in range(count):
            payload = {"query": f"{EVENTS} offset }} }}", "variables": {"channels": ["files"]}}
            await say(client, "subscribe", id=f"{number}", payload=payload)
        await say(client, "ping")
        assert await receive(client) == {"type": "pong"}
        heard: set[str] = set()
        async with asyncio.timeout(30):
            while len(heard) < count:  # those over the rate are made later
                await server.publish()
                for _ in range(max(len(heard), 1)):
                    heard.add((await next_of(client))[0])


async def test_a_client_that_does_not_read_is_cut_off(start: START) -> None:
    server = await start(realtime_max_queue_bytes=200_000, realtime_compression=False)
    async with admitted(server) as client, admitted(server) as quick:
        await begin(client, "a")
        await begin(quick, "a")
        client.transport.pause_reading()
        payload = msgspec.json.encode({"text": "x" * 50_000})
        async with asyncio.timeout(20):
            while not +server.realtime.meters.closes:
                await server.publish(payload=payload)
                await next_of(quick)
        assert +server.realtime.meters.closes == {"slow": 1}
        client.transport.abort()
    assert await server.is_left_empty()
