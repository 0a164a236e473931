"""Sessions that lack their second factor: no way to the events of their user."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import update
from websockets.asyncio.client import ClientConnection, connect

from tests.realtime.conftest import PROJECT, RealtimeServer, ask, receive, rejection, subscribe
from tests.realtime.session.test_sign_in import TEAM, change_settings, console_user, own_project
from tests.realtime.world import Json
from tests.store.samples import event
from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id
from tidewire.core.project_settings import MfaFactors
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import sessions, users
from tidewire.store.secrets.credentials import encode_jwt

PASSWORD = "correct horse battery"
ASKED = {"mfa": True, "email": "ada@example.com", "email_verification": True}
"""A user who is asked for a second factor, and can show one."""


async def execute(server: RealtimeServer, statement: Any) -> None:
    store = await server.instance.project(PROJECT)
    assert store is not None

    def run(connection: Connection) -> None:
        connection.execute(statement)

    await store.database.write(lambda transaction: run(transaction.connection))


async def hears_nothing(server: RealtimeServer, client: ClientConnection) -> None:
    """Commit an event for ada, one for guests, and see that only the latter arrives."""
    await server.publish(1, roles=["user:ada", "users"], channels=["account", "account.ada"])
    await server.publish(2, roles=["guests"], channels=["account"])
    assert (await receive(client))["data"]["payload"] == {"$id": "f2"}


def ways(session: str, server: RealtimeServer) -> list[tuple[str, dict[str, str]]]:
    """All ways to show a session at the handshake: query string and headers."""
    token = encode_jwt("ada", "of-ada", now() + 60_000, server.instance.jwt_secret, PROJECT)
    name = f"a_session_{PROJECT}"
    return [
        ("", {"cookie": f"{name}={session}"}),
        ("", {"cookie": f"{name}_legacy={session}"}),
        ("", {"x_appwrite_session": session}),
        ("", {"x_fallback_cookies": json.dumps({name: session})}),
        ("", {"x_appwrite_jwt": token}),
        (f"&jwt={token}", {}),
    ]


async def test_no_way_of_connecting_gets_around_it(server: RealtimeServer) -> None:
    session = await server.sign_up("ada", **ASKED)
    for query, headers in ways(session, server):
        async with server.client(f"project={PROJECT}{query}", **headers) as client:
            assert (await receive(client))["data"]["user"] is None
            answer = await subscribe(client, "account", "account.ada", "account.update")
            assert answer["data"]["subscriptions"][0]["channels"] == ["account", "account.update"]
            await hears_nothing(server, client)
            answer = await ask(client, "presence", {"status": "online"})
            assert answer["data"]["code"] == 401
        channels = "&channels[]=account&channels[]=account.ada&channels[]=account.update"
        async with server.client(f"project={PROJECT}{query}{channels}", **headers) as client:
            assert (await receive(client))["data"]["channels"] == ["account", "account.update"]
            await hears_nothing(server, client)
    await execute(server, update(sessions).values(factors=["password", "totp"]))
    for query, headers in ways(session, server):
        async with server.client(f"project={PROJECT}{query}", **headers) as client:
            assert (await receive(client))["data"]["user"]["$id"] == "ada", "the factor was shown"
    assert await server.is_left_empty()


async def test_signing_in_over_the_connection_is_refused_as_by_rest(server: RealtimeServer) -> None:
    session = await server.sign_up("ada", **ASKED)
    ben = await server.sign_up("ben")
    for own, user, role in (("", None, "guests"), (ben, "ben", "user:ben")):
        async with server.client(x_appwrite_session=own) as client:
            connected = (await receive(client))["data"]["user"]
            assert (connected and connected["$id"]) == user
            await subscribe(client, "account")
            assert await ask(client, "authentication", {"session": session}) == {
                "type": "error",
                "data": {
                    "code": 401,
                    "message": "The session needs a second factor.",
                    "reason": "user_more_factors_required",
                },
            }
            await server.publish(1, roles=["user:ada"], channels=["account"])
            await server.publish(2, roles=[role], channels=["account"])
            assert (await receive(client))["data"]["payload"] == {"$id": "f2"}, "it stays what it was"
    await execute(server, update(sessions).values(factors=["password", "email"]))
    async with server.client() as client:
        await receive(client)
        answer = await ask(client, "authentication", {"session": session})
        assert answer["data"]["user"]["$id"] == "ada"


async def test_the_project_decides_which_factors_there_are(server: RealtimeServer) -> None:
    session = await server.sign_up("ada", **ASKED)
    await change_settings(server, mfa_factors=MfaFactors(email=False))
    async with server.client(x_appwrite_session=session) as client:
        assert (await receive(client))["data"]["user"]["$id"] == "ada", "nobody is locked out"
        await ask(client, "authentication", {"session": session})
        await change_settings(server, mfa_factors=MfaFactors())
        answer = await ask(client, "authentication", {"session": session})
        assert answer["data"]["code"] == 401


async def test_who_impersonates_has_shown_both(server: RealtimeServer) -> None:
    session = await server.sign_up("ada", impersonator=True, **ASKED)
    await server.sign_up("ben")
    headers = {"x_appwrite_session": session, "x_appwrite_impersonate_user_id": "ben"}
    async with server.client(**headers) as client:
        assert (await receive(client))["data"]["user"] is None
    await execute(server, update(sessions).values(factors=["password", "totp"]))
    async with server.client(**headers) as client:
        assert (await receive(client))["data"]["user"]["$id"] == "ben"


async def test_admins_have_shown_both(server: RealtimeServer) -> None:
    session = await console_user(server, "ada", confirmed=True, roles=["owner"])
    await own_project(server)
    headers = {"cookie": f"a_session_console={session}", "x_appwrite_mode": "admin"}
    async with server.client(**headers) as admin:
        assert (await receive(admin))["data"]["user"]["$id"] == "ada"

        async def ask_for_factor() -> None:
            await server.instance.database.write(
                lambda transaction: (
                    transaction.connection.execute(update(users).values(**ASKED)),
                    transaction.append(event()),
                )
            )

        await ask_for_factor()
        with pytest.raises(Exception, match="1008"):
            while True:
                async with asyncio.timeout(30):
                    await admin.recv()
    async with server.client(**headers) as client:
        assert (await receive(client))["data"]["user"] is None
    async with server.client("project=console", cookie=f"a_session_console={session}") as client:
        assert (await receive(client))["data"]["user"] is None, TEAM


async def test_those_who_await_a_factor_count_as_the_users(start: Any) -> None:
    server = await start(realtime_max_connections_per_user=1)
    session = await server.sign_up("ada", **ASKED)
    async with server.client(x_appwrite_session=session) as client:
        assert (await receive(client))["data"]["user"] is None
        async with server.client(x_appwrite_session=session) as second:
            assert await rejection(second) == (1013, 1013)
    assert await server.is_left_empty()


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TidewireServer]:
    """A whole server; with two processes most changes are commits of the other one."""
    running = TidewireServer(tmp_path_factory.mktemp("factors"), ["--workers", str(request.param)]).start()
    yield running
    running.stop()


class Site:
    """A user with an authenticator app, on a whole server."""

    def __init__(self, server: TidewireServer) -> None:
        self.server = server
        self.user_id = unique_id()
        self.clients: list[httpx.AsyncClient] = []
        self.admin = self._client(**{"X-Appwrite-Key": server.create_key()})
        email = f"{self.user_id}@example.com"
        self.credentials = {"email": email, "password": PASSWORD}
        self.app: pyotp.TOTP

    def _client(self, **headers: str) -> httpx.AsyncClient:
        headers = {"X-Appwrite-Project": self.server.project, **headers}
        client = httpx.AsyncClient(base_url=self.server.endpoint, headers=headers, timeout=30)
        self.clients.append(client)
        return client

    async def call(self, client: httpx.AsyncClient, method: str, path: str, **body: Any) -> Json:
        response = await client.request(method, path, json=body or None)
        assert response.status_code < 300, response.text
        return response.json() if response.content else {}

    async def sign_in(self) -> tuple[httpx.AsyncClient, str]:
        """A browser that has shown the password, and its cookie."""
        browser = self._client()
        response = await browser.post("/account/sessions/email", json=self.credentials)
        assert response.status_code == 201, response.text
        cookie = response.headers["set-cookie"].partition(";")[0]
        browser.cookies.clear()
        browser.headers["Cookie"] = cookie
        return browser, cookie

    async def enrol(self, browser: httpx.AsyncClient) -> None:
        made = await self.call(browser, "POST", "/account/mfa/authenticators/totp")
        self.app = pyotp.TOTP(made["secret"])
        await self.call(browser, "PUT", "/account/mfa/authenticators/totp", otp=self.app.now())
        codes = await self.call(browser, "POST", "/account/mfa/recovery-codes")
        self.codes = list(codes["recoveryCodes"])
        await self.call(browser, "PATCH", "/account/mfa", mfa=True)

    async def show_factor(self, browser: httpx.AsyncClient) -> None:
        challenge = await self.call(browser, "POST", "/account/mfa/challenges", factor="recoverycode")
        body = {"challengeId": challenge["$id"], "otp": self.codes.pop()}
        await self.call(browser, "PUT", "/account/mfa/challenges", **body)

    async def publish(self, role: str) -> str:
        """Cause an event for a role; the id that its name ends with."""
        bucket, file = unique_id(), unique_id()
        body: Json = {"bucketId": bucket, "name": "b", "permissions": [f'read("{role}")']}
        await self.call(self.admin, "POST", "/storage/buckets", **body)
        path = f"/storage/buckets/{bucket}/files"
        response = await self.admin.post(path, data={"fileId": file}, files={"file": ("a", b"a")})
        assert response.status_code == 201, response.text
        return file

    @asynccontextmanager
    async def connected(self, cookie: str) -> AsyncIterator[ClientConnection]:
        url = f"{self.server.realtime}?project={self.server.project}"
        async with connect(url, additional_headers={"Cookie": cookie}, proxy=None) as socket:
            await receive(socket)
            await subscribe(socket, "files", "account", "account.update")
            yield socket

    async def hears(self, socket: ClientConnection, role: str) -> tuple[bool, list[str]]:
        """Whether an event for a role arrives, and the names of the events before it and the marker."""
        wanted, marker = await self.publish(role), await self.publish("any")
        names = []
        while marker not in (name := (await _receive(socket))["data"]["events"][0]):
            names.append(name)
        return any(wanted in name for name in names), [name for name in names if wanted not in name]


async def _receive(socket: ClientConnection) -> Json:
    async with asyncio.timeout(60):
        message: Json = json.loads(await socket.recv())
        return message


@pytest.fixture
async def site(whole: TidewireServer) -> AsyncIterator[Site]:
    site = Site(whole)
    await site.call(site.admin, "POST", "/users", userId=site.user_id, **site.credentials)
    yield site
    for client in site.clients:
        await client.aclose()


async def test_the_connection_is_the_users_from_the_factor_on(site: Site) -> None:
    own = f"user:{site.user_id}"
    first, _ = await site.sign_in()
    await site.enrol(first)
    browser, cookie = await site.sign_in()
    async with site.connected(cookie) as socket, site.connected(cookie) as second:
        assert not (await site.hears(socket, own))[0]
        assert (await site.hears(socket, "guests"))[0]
        await site.show_factor(browser)
        heard, before = await site.hears(socket, own)
        assert heard
        [session] = [name for name in before if "sessions" in name]
        assert session.startswith(f"users.{site.user_id}.sessions."), "the event that tells of it"
        assert not (await site.hears(socket, "guests"))[0]
        await site.call(browser, "PATCH", "/account/name", name="Ada")
        _, before = await site.hears(second, own)
        assert f"users.{site.user_id}.update" in before, "its account channels became the user's"
        await site.call(first, "DELETE", "/account/sessions")
        assert not (await site.hears(socket, own))[0]


async def test_sessions_that_need_a_factor_from_now_on(site: Site) -> None:
    own = f"user:{site.user_id}"
    first, first_cookie = await site.sign_in()
    other, cookie = await site.sign_in()
    async with site.connected(first_cookie) as trusted, site.connected(cookie) as socket:
        assert (await site.hears(socket, own))[0]
        await site.enrol(first)
        heard, before = await site.hears(socket, own)
        assert not heard
        assert before[-1] == f"users.{site.user_id}.update", "the last that it hears"
        assert (await site.hears(trusted, own))[0], "who switched it on goes on"
        await site.call(first, "PATCH", "/account/mfa", mfa=False)
        assert (await site.hears(socket, own))[0]
        await site.call(first, "PATCH", "/account/mfa", mfa=True)
        assert not (await site.hears(socket, own))[0]
        await site.show_factor(other)
        assert (await site.hears(socket, own))[0]
        await site.call(site.admin, "DELETE", f"/users/{site.user_id}/sessions")
        assert not (await site.hears(socket, own))[0]
        assert not (await site.hears(trusted, own))[0]


async def test_a_session_that_ends_half_way_stays_a_guests(site: Site) -> None:
    own = f"user:{site.user_id}"
    first, _ = await site.sign_in()
    await site.enrol(first)
    browser, cookie = await site.sign_in()
    other, _ = await site.sign_in()
    async with site.connected(cookie) as socket:
        await site.call(browser, "DELETE", "/account/sessions/current")
        await site.show_factor(other)
        assert not (await site.hears(socket, own))[0]
        assert (await site.hears(socket, "guests"))[0]
