"""Who is let in, as whom, and what the others are told."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.realtime.conftest import (
    PROJECT,
    START,
    UPGRADE,
    RealtimeServer,
    receive,
    rejection,
    subscribe,
)
from tests.realtime.raw_client import RawClient, text
from tests.support.platforms import register_platform
from tidewire.core.origins import Platform
from tidewire.core.time import now
from tidewire.store.secrets.credentials import encode_jwt, encode_session


async def test_a_guest_is_let_in(server: RealtimeServer) -> None:
    async with server.client() as client:
        connected = await receive(client)
        assert connected["data"].pop("epoch")
        assert connected == {
            "type": "connected",
            "data": {"channels": [], "subscriptions": [], "user": None, "offset": 0},
        }


async def test_sessions_and_tokens_are_found_where_sdks_put_them(server: RealtimeServer) -> None:
    session = await server.sign_up("u1", name="Ada")
    token = encode_jwt("u1", "of-u1", now() + 60_000, server.instance.jwt_secret)
    ways: list[tuple[str, dict[str, str]]] = [
        ("", {"cookie": f"x=1; a_session_{PROJECT}={session}"}),
        ("", {"cookie": f"a_session_{PROJECT}={quote(session, safe='')}"}),
        ("", {"cookie": f"a_session_{PROJECT}_legacy={session}"}),
        ("", {"x_appwrite_session": session}),
        ("", {"x_fallback_cookies": json.dumps({f"a_session_{PROJECT}": session})}),
        ("", {"x_appwrite_jwt": token}),
        (f"&jwt={token}", {}),
    ]
    for query, headers in ways:
        async with server.client(f"project={PROJECT}{query}", **headers) as client:
            user = (await receive(client))["data"]["user"]
            assert user["$id"] == "u1", headers
            assert user["name"] == "Ada"
            assert user["prefs"] == {}


async def test_a_session_that_is_not_valid_makes_a_guest(server: RealtimeServer) -> None:
    await server.sign_up("u1")
    for session in ("nonsense", encode_session("u1", "wrong"), encode_session("nobody", "secret")):
        async with server.client(x_appwrite_session=session) as client:
            assert (await receive(client))["data"]["user"] is None
    own = f"a_session_{PROJECT}"
    session = encode_session("u1", "secret")
    for headers in (
        {"cookie": f"{own}=nonsense", "x_appwrite_session": session},
        {"x_appwrite_session": "nonsense", "x_fallback_cookies": json.dumps({own: session, "other": 1})},
    ):
        async with server.client(**headers) as client:
            assert (await receive(client))["data"]["user"]["$id"] == "u1", "nonsense is passed over"
    async with server.client(x_fallback_cookies="[" * 5000) as client:
        assert (await receive(client))["data"]["user"] is None


async def test_the_project_is_named_in_the_header_or_the_query(server: RealtimeServer) -> None:
    async with server.client("", x_appwrite_project=PROJECT) as client:
        assert (await receive(client))["type"] == "connected"
    async with server.client(x_appwrite_project="other") as client:
        assert (await receive(client))["type"] == "connected", "the parameter counts, as in REST"
    async with server.client("") as client:
        assert (await receive(client))["type"] == "connected", "the console's"
    async with server.client("project=console", origin="https://any.example") as client:
        assert (await receive(client))["data"]["user"] is None, "where every page may be a guest"
    for query in ("project=nope", "project=..%2F..%2Fetc", "project=%00", "project=" + "x" * 5000):
        async with server.client(query) as client:
            assert await rejection(client) == (1008, 1008)


async def test_tokens_that_are_wrong_are_refused(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    secret = server.instance.jwt_secret
    for token in (
        "x",
        encode_jwt("u1", "of-u1", now() - 1000, secret),
        encode_jwt("u1", "s", now(), b"x" * 32),
    ):
        async with server.client(x_appwrite_jwt=token) as client:
            assert await rejection(client) == (401, 1008)
    token = encode_jwt("u1", "of-u1", now() + 60_000, secret)
    async with server.client(x_appwrite_jwt=token, x_appwrite_session=session) as client:
        assert await rejection(client) == (403, 1008)
    gone = encode_jwt("u1", "ended", now() + 60_000, secret)
    async with server.client(x_appwrite_jwt=gone) as client:
        assert (await receive(client))["data"]["user"] is None


async def test_origins(server: RealtimeServer) -> None:
    await register_platform(server.instance, PROJECT, "site", Platform("web", hostname="good.example"))
    for origin in ("http://localhost:3000", "https://good.example"):
        async with server.client(origin=origin) as client:
            assert (await receive(client))["type"] == "connected"
    for origin in ("https://evil.example", "null", "garbage"):
        async with server.client(origin=origin) as client:
            assert await rejection(client) == (1008, 1008)


async def test_connects_are_limited_per_address(start: START) -> None:
    server = await start(rate_limits=True, realtime_connects_per_minute=2, trusted_proxies=True)

    async def outcome(address: str) -> str:
        async with server.client(x_forwarded_for=f"203.0.113.9, {address}") as client:
            return str((await receive(client))["type"])

    # A minute may end in between: of many connects at most two in each of two minutes are let in.
    outcomes = [await outcome("192.0.2.1") for _ in range(8)]
    assert 2 <= outcomes.count("connected") <= 4
    assert "error" in outcomes
    assert await outcome("192.0.2.2") == "connected"


async def test_subscriptions_in_the_url(server: RealtimeServer) -> None:
    query = quote('{"method":"equal","attribute":"$id","values":["f2"]}')
    async with server.client(f"project={PROJECT}&channels[]=files&files[1][]={query}") as client:
        data = (await receive(client))["data"]
        assert data["channels"] == ["files"]
        assert list(data["subscriptions"]) == ["1"]
        await server.publish(1)
        await server.publish(2)
        event = await receive(client)
        assert event["data"]["payload"] == {"$id": "f2"}
        assert event["data"]["subscriptions"] == [data["subscriptions"]["1"]]
    for query, code in (("channels=files", 0), ("channels[]=a&a[1][]=nonsense", 1008)):
        async with server.client(f"project={PROJECT}&{query}") as client:
            assert await rejection(client) == (code, 1008)
    assert await server.is_left_empty()


async def test_a_query_string_of_60_kilobytes(server: RealtimeServer) -> None:
    query = quote(json.dumps({"method": "equal", "attribute": "x", "values": ["y" * 57_000, "z"]}))
    async with server.client(f"project={PROJECT}&channels[]=files&files[1][]={query}") as client:
        assert list((await receive(client))["data"]["subscriptions"]) == ["1"]


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/other", 404), ("/v1/realtime/", 404), ("/v1/%72ealtime", 101)]
)
async def test_other_paths_are_not_found(server: RealtimeServer, path: str, status: int) -> None:
    url = f"ws://127.0.0.1:{server.port}{path}"
    if status == 101:
        async with connect(url, proxy=None) as client:
            assert (await receive(client))["type"] == "connected"
    else:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url, proxy=None)
        assert caught.value.response.status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), b"400"),
        (("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", ""), b"400"),
        (("Sec-WebSocket-Key: AAAA", "Sec-WebSocket-Key: !"), b"400"),
    ],
)
async def test_a_broken_upgrade_is_refused_over_http(
    server: RealtimeServer, change: tuple[str, str], status: bytes
) -> None:
    head = f"GET /v1/realtime HTTP/1.1\r\n{UPGRADE}".replace(*change)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == status
    await reader.read()
    writer.close()
    assert await server.is_left_empty()


@pytest.mark.parametrize("split", [None, 0, 1, 7, 40])
async def test_frames_right_behind_the_upgrade_are_delivered(
    server: RealtimeServer, split: int | None
) -> None:
    """``split``: of the frames, so many bytes come in the packet of the request; None: all."""
    rows = json.dumps({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": ["files"]}]})
    frames = text(rows) + text('{"type":"ping"}')
    head = f"GET /v1/realtime?project={PROJECT} HTTP/1.1\r\n{UPGRADE}".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head + frames[:split])
    await reader.readuntil(b"\r\n\r\n")
    if split is not None:
        writer.write(frames[split:])
    client = RawClient("", reader, writer)
    kinds = [json.loads(await client.message())["type"] for _ in range(3)]
    assert sorted(kinds) == ["connected", "pong", "response"]
    await server.publish()
    assert json.loads(await client.message())["data"]["subscriptions"] == ["s"]
    writer.close()


async def test_leaving_before_being_let_in_leaves_nothing(server: RealtimeServer) -> None:
    for _ in range(20):
        _, writer = await server.raw()
        writer.close()
    assert await server.is_left_empty()


async def test_a_login_before_the_subscription_counts(server: RealtimeServer) -> None:
    session = await server.sign_up("u1")
    async with server.client(x_appwrite_session=session) as client:
        await receive(client)
        reply = await subscribe(client, "account")
        assert reply["data"]["subscriptions"][0]["channels"] == ["account", "account.u1"]
