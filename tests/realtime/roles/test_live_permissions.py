"""Live permissions on a whole server: changes made by REST, felt by connections that stay open."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from random import Random
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id
from tidewire.store.upkeep.outbox import Outbox

Json = dict[str, Any]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TidewireServer]:
    """Shared; with two processes most changes are commits of the other one."""
    running = TidewireServer(tmp_path_factory.mktemp("live"), ["--workers", str(request.param)]).start()
    yield running
    running.stop()


@pytest.fixture
async def admin(server: TidewireServer) -> AsyncIterator[httpx.AsyncClient]:
    """A program with an API key for everything."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as client:
        yield client


async def _call(client: httpx.AsyncClient, method: str, path: str, **body: Any) -> Json:
    response = await client.request(method, path, json=body or None)
    assert response.status_code < 300, response.text
    return response.json() if response.content else {}


class Person:
    """A user with a session and a connection."""

    def __init__(self, user_id: str, session_id: str, cookie: str, socket: ClientConnection) -> None:
        self.id, self.session_id, self.cookie, self.socket = user_id, session_id, cookie, socket

    async def receive(self) -> Json:
        async with asyncio.timeout(20):
            message: Json = json.loads(await self.socket.recv())
            return message

    async def events_until(self, marker: str) -> list[str]:
        """First names of all events before the file called ``marker``."""
        names = []
        while marker not in (name := (await self.receive())["data"]["events"][0]):
            names.append(name)
        return names


@asynccontextmanager
async def _connected(
    server: TidewireServer, cookie: str, *channels: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[ClientConnection]:
    url = f"{server.realtime}?project={server.project}"
    shown = {"Cookie": cookie, **(headers or {})}
    async with connect(url, additional_headers=shown, proxy=None) as socket:
        await socket.recv()
        data = [{"subscriptionId": "s", "channels": list(channels)}]
        await socket.send(json.dumps({"type": "subscribe", "data": data}))
        await socket.recv()
        yield socket


@asynccontextmanager
async def _person(server: TidewireServer, admin: httpx.AsyncClient) -> AsyncIterator[Person]:
    user_id = unique_id()
    email = f"{user_id}@example.com"
    await _call(admin, "POST", "/users", userId=user_id, email=email, password=PASSWORD)
    cookie, session_id = await _sign_in(server, email)
    async with _connected(server, cookie, "files", "account", "memberships", "teams") as socket:
        yield Person(user_id, session_id, cookie, socket)


async def _sign_in(server: TidewireServer, email: str) -> tuple[str, str]:
    headers = {"X-Appwrite-Project": server.project}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as client:
        response = await client.post("/account/sessions/email", json={"email": email, "password": PASSWORD})
        return response.headers["set-cookie"].partition(";")[0], response.json()["$id"]


async def _publish(admin: httpx.AsyncClient, role: str) -> str:
    """Cause an event for a role: a file in a bucket that the role may read."""
    bucket_id, file_id = unique_id(), unique_id()
    await _call(
        admin, "POST", "/storage/buckets", bucketId=bucket_id, name="b", permissions=[f'read("{role}")']
    )
    path = f"/storage/buckets/{bucket_id}/files"
    response = await admin.post(path, data={"fileId": file_id}, files={"file": ("a", b"a")})
    assert response.status_code == 201, response.text
    return file_id


async def _hears(person: Person, admin: httpx.AsyncClient, role: str) -> bool:
    """Whether an event for a role reaches a connection, other than account events aside."""
    probe = await _publish(admin, role)
    before = await person.events_until(await _publish(admin, "any"))
    return any(probe in name for name in before)


async def _team(admin: httpx.AsyncClient, person: Person) -> tuple[str, str]:
    """A team, and the membership of a person in it."""
    team_id = unique_id()
    await _call(admin, "POST", "/teams", teamId=team_id, name="Team")
    path = f"/teams/{team_id}/memberships"
    membership = await _call(admin, "POST", path, userId=person.id, roles=["editor"])
    return team_id, membership["$id"]


async def test_members_come_change_and_go(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as person:
        team_id, membership_id = await _team(admin, person)
        path = f"/teams/{team_id}/memberships/{membership_id}"
        names = await person.events_until(await _publish(admin, "any"))
        assert names == [f"teams.{team_id}.memberships.{membership_id}.create"], "a new member hears of it"
        assert await _hears(person, admin, f"team:{team_id}/editor")
        await _call(admin, "PATCH", path, roles=["owner"])
        assert not await _hears(person, admin, f"team:{team_id}/editor")
        assert await _hears(person, admin, f"team:{team_id}/owner")
        await _call(admin, "DELETE", path)
        marker = await _publish(admin, "any")
        names = await person.events_until(marker)
        assert names == [f"teams.{team_id}.memberships.{membership_id}.delete"], "a removed one hears of it"
        assert not await _hears(person, admin, f"team:{team_id}")


async def test_an_invitation_that_is_accepted(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as founder, _person(server, admin) as invited:
        team_id = unique_id()
        async with _acting_as(server, founder) as own:
            await _call(own, "POST", "/teams", teamId=team_id, name="Team")
            membership = await _call(
                own,
                "POST",
                f"/teams/{team_id}/memberships",
                email=f"{invited.id}@example.com",
                roles=["editor"],
                url="http://localhost/join",
            )
        assert not await _hears(invited, admin, f"team:{team_id}"), "not before it is accepted"
        secret = await _secret_mailed_to(server, invited)
        path = f"/teams/{team_id}/memberships/{membership['$id']}"
        async with _acting_as(server, invited) as own:
            await _call(own, "PATCH", f"{path}/status", userId=invited.id, secret=secret)
        heard = await invited.events_until(await _publish(admin, "any"))
        assert path[1:].replace("/", ".") + ".update" in {name.removesuffix(".status") for name in heard}
        assert await _hears(invited, admin, f"team:{team_id}/editor")
        assert await _hears(invited, admin, "users/verified"), "the mail reached its address"


def _acting_as(server: TidewireServer, person: Person) -> httpx.AsyncClient:
    headers = {"X-Appwrite-Project": server.project, "Cookie": person.cookie}
    return httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20)


async def _secret_mailed_to(server: TidewireServer, person: Person) -> str:
    for _ in range(200):
        for kept in Outbox(str(server.data_dir)).newest(50):
            text = kept.message.get_body(("plain",))
            if person.id in str(kept.message["to"]) and text is not None:
                [found] = re.findall(r"[?&]secret=(\w+)", text.get_content())
                return str(found)
        await asyncio.sleep(0.05)
    raise AssertionError("no mail came")


async def test_the_end_of_a_team(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as person:
        team_id, _ = await _team(admin, person)
        assert await _hears(person, admin, f"team:{team_id}")
        await _call(admin, "DELETE", f"/teams/{team_id}")
        names = await person.events_until(await _publish(admin, "any"))
        assert names == [f"teams.{team_id}.delete"]
        assert not await _hears(person, admin, f"team:{team_id}")


async def test_who_founds_a_team_is_in_it(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as person:
        headers = {"X-Appwrite-Project": server.project, "Cookie": person.cookie}
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers) as own:
            team_id = unique_id()
            await _call(own, "POST", "/teams", teamId=team_id, name="Team")
        assert await person.events_until(await _publish(admin, "any")) == [f"teams.{team_id}.create"]
        assert await _hears(person, admin, f"team:{team_id}/owner")


async def test_labels_and_verification(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as person:
        assert not await _hears(person, admin, "label:vip")
        await _call(admin, "PUT", f"/users/{person.id}/labels", labels=["vip"])
        assert await _hears(person, admin, "label:vip")
        await _call(admin, "PUT", f"/users/{person.id}/labels", labels=[])
        assert not await _hears(person, admin, "label:vip")
        assert not await _hears(person, admin, "users/verified")
        await _call(admin, "PATCH", f"/users/{person.id}/verification", emailVerification=True)
        assert await _hears(person, admin, "users/verified")
        assert not await _hears(person, admin, "users/unverified")


async def test_the_blocked_are_guests_until_they_are_not(
    server: TidewireServer, admin: httpx.AsyncClient
) -> None:
    async with _person(server, admin) as person:
        await _call(admin, "PATCH", f"/users/{person.id}/status", status=False)
        names = await person.events_until(await _publish(admin, "any"))
        assert names == [f"users.{person.id}.update.status"[: -len(".status")]], "the last they hear"
        assert not await _hears(person, admin, "users")
        assert await _hears(person, admin, "guests")
        await _call(admin, "PATCH", f"/users/{person.id}/status", status=True)
        assert await _hears(person, admin, "users")
        assert not await _hears(person, admin, "guests")


@pytest.mark.parametrize("how", ["delete", "delete all", "delete user", "delete own", "sign out", "password"])
async def test_who_is_signed_out_becomes_a_guest(
    server: TidewireServer, admin: httpx.AsyncClient, how: str
) -> None:
    async with _person(server, admin) as person:
        headers = {"X-Appwrite-Project": server.project, "Cookie": person.cookie}
        if how == "delete":
            await _call(admin, "DELETE", f"/users/{person.id}/sessions/{person.session_id}")
        elif how == "delete all":
            await _call(admin, "DELETE", f"/users/{person.id}/sessions")
        elif how == "delete user":
            await _call(admin, "DELETE", f"/users/{person.id}")
        elif how == "password":
            headers["Cookie"], _ = await _sign_in(server, f"{person.id}@example.com")
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as own:
            if how == "delete own":
                await _call(own, "DELETE", "/account")
            elif how == "sign out":
                await _call(own, "DELETE", "/account/sessions/current")
            elif how == "password":
                await _call(
                    own, "PATCH", "/account/password", password="new " + PASSWORD, oldPassword=PASSWORD
                )
        assert not await _hears(person, admin, "users"), how
        assert not await _hears(person, admin, f"user:{person.id}"), how
        assert await _hears(person, admin, "guests"), how


@pytest.mark.parametrize("how", ["delete", "delete all", "delete user", "block", "forbid"])
async def test_who_acts_as_another_does_so_as_long_as_they_may(
    server: TidewireServer, admin: httpx.AsyncClient, how: str
) -> None:
    async with _person(server, admin) as helper, _person(server, admin) as helped:
        await _call(admin, "PATCH", f"/users/{helper.id}/impersonator", impersonator=True)
        as_other = {"X-Appwrite-Impersonate-User-Id": helped.id}
        async with _connected(server, helper.cookie, "files", headers=as_other) as socket:
            acting = Person(helped.id, helper.session_id, helper.cookie, socket)
            await _call(admin, "DELETE", f"/users/{helped.id}/sessions")
            await _call(admin, "PUT", f"/users/{helper.id}/labels", labels=["calm"])
            await _call(admin, "PATCH", f"/users/{helper.id}/verification", emailVerification=True)
            assert await _hears(acting, admin, f"user:{helped.id}"), "what is not about it changes nothing"
            if how == "delete":
                await _call(admin, "DELETE", f"/users/{helper.id}/sessions/{helper.session_id}")
            elif how == "delete all":
                await _call(admin, "DELETE", f"/users/{helper.id}/sessions")
            elif how == "delete user":
                await _call(admin, "DELETE", f"/users/{helper.id}")
            elif how == "block":
                await _call(admin, "PATCH", f"/users/{helper.id}/status", status=False)
            elif how == "forbid":
                await _call(admin, "PATCH", f"/users/{helper.id}/impersonator", impersonator=False)
            assert not await _hears(acting, admin, f"user:{helped.id}"), how
            assert not await _hears(acting, admin, "users"), how
            assert await _hears(acting, admin, "guests"), how


async def test_other_sessions_go_on(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    async with _person(server, admin) as person:
        cookie, session_id = await _sign_in(server, f"{person.id}@example.com")
        async with _connected(server, cookie, "files") as socket:
            other = Person(person.id, session_id, cookie, socket)
            await _call(admin, "DELETE", f"/users/{person.id}/sessions/{person.session_id}")
            assert await _hears(other, admin, f"user:{person.id}")
        assert not await _hears(person, admin, f"user:{person.id}")


async def test_a_session_that_ends_with_its_password_hears_of_the_password_first(
    server: TidewireServer, admin: httpx.AsyncClient
) -> None:
    async with _person(server, admin) as person, _connected(server, person.cookie, "account") as socket:
        same = Person(person.id, person.session_id, person.cookie, socket)
        await _call(admin, "PATCH", f"/users/{person.id}/password", password="new " + PASSWORD)
        told = [(await same.receive())["data"]["events"][0] for _ in range(2)]
        user = f"users.{person.id}"
        assert told == [f"{user}.update", f"{user}.sessions.{person.session_id}.delete"]


class _Witness:
    """A program that gets every event, and works out from their order who was entitled to which."""

    def __init__(self, user_id: str, team_id: str) -> None:
        self._user_id, self._team_id = user_id, team_id
        self._team_roles: list[str] | None = None
        self._account: Json = {"labels": [], "emailVerification": False, "status": True}

    def roles(self) -> set[str]:
        """What the user holds after the events that were seen so far."""
        if not self._account["status"]:
            return {"guests"}
        verified = "verified" if self._account["emailVerification"] else "unverified"
        held = {
            f"user:{self._user_id}",
            f"users/{verified}",
            *map("label:{}".format, self._account["labels"]),
        }
        if self._team_roles is not None:
            held |= {f"team:{self._team_id}", *(f"team:{self._team_id}/{role}" for role in self._team_roles)}
        return held

    def sees(self, event: Json) -> None:
        """Take an event that may change what the user holds."""
        name, payload = event["events"][0], event["payload"]
        if ".memberships." in name:
            self._team_roles = None if name.endswith(".delete") else payload["roles"]
        elif name.startswith("users."):
            self._account = payload


async def _change_about(admin: httpx.AsyncClient, user_id: str, team_id: str, changes: int) -> None:
    """Change what a user is entitled to, again and again; at the end the user is not blocked."""
    chance, members, membership_id = Random(4), f"/teams/{team_id}/memberships", ""
    for _ in range(changes):
        what = chance.choice(["team", "team", "labels", "verification", "status"])
        if what == "team" and not membership_id:
            membership_id = (await _call(admin, "POST", members, userId=user_id, roles=["x"]))["$id"]
        elif what == "team" and chance.random() < 0.4:
            roles = [chance.choice("xy")]
            await _call(admin, "PATCH", f"{members}/{membership_id}", roles=roles)
        elif what == "team":
            await _call(admin, "DELETE", f"{members}/{membership_id}")
            membership_id = ""
        elif what == "labels":
            await _call(admin, "PUT", f"/users/{user_id}/labels", labels=chance.choice([[], ["vip"]]))
        else:
            name = "emailVerification" if what == "verification" else "status"
            await _call(admin, "PATCH", f"/users/{user_id}/{what}", **{name: chance.random() < 0.6})
    await _call(admin, "PATCH", f"/users/{user_id}/status", status=True)


async def test_no_event_reaches_whom_it_was_not_for_while_everything_changes(
    server: TidewireServer, admin: httpx.AsyncClient
) -> None:
    """What programs cause for roles of all kinds, at the same time as a user gains and loses them."""
    async with _person(server, admin) as person:
        team_id, place = unique_id(), f"/tablesdb/{unique_id()}"
        await _call(admin, "POST", "/teams", teamId=team_id, name="Team")
        await _call(admin, "POST", "/tablesdb", databaseId=place.rpartition("/")[2], name="d")
        table = {"tableId": "t", "name": "t", "permissions": [], "rowSecurity": True}
        await _call(admin, "POST", f"{place}/tables", **table)
        roles = [
            *(f"team:{team_id}{suffix}" for suffix in ("", "/x", "/y")),
            *("label:vip", "users/verified", "users/unverified", f"user:{person.id}", "guests"),
        ]

        async def write(row_id: str, role: str) -> None:
            row = {"rowId": row_id, "data": {}, "permissions": [f'read("{role}")']}
            await _call(admin, "POST", f"{place}/tables/t/rows", **row)

        async def keep_writing() -> None:
            for role in cycle(roles):
                await write(unique_id(), role)

        channels = "".join(f"&channels[]={name}" for name in ("rows", "memberships", f"account.{person.id}"))
        url = f"{server.realtime}?project={server.project}{channels}"
        key = {"X-Appwrite-Key": admin.headers["x-appwrite-key"]}
        async with connect(url, additional_headers=key, proxy=None, max_queue=None) as program:
            await program.recv()
            again = [{"subscriptionId": "rows", "channels": ["rows"]}]
            await person.socket.send(json.dumps({"type": "subscribe", "data": again}))
            assert (await person.receive())["type"] == "response"
            writers = [asyncio.create_task(keep_writing()) for _ in range(3)]
            await _change_about(admin, person.id, team_id, 40)
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
            await write("last", "any")
            everything = await _events_until_the_last(program)
        mine = await _events_until_the_last(person.socket)
        witness, expected = _Witness(person.id, team_id), []
        for event in everything:
            witness.sees(event)
            role = re.fullmatch(r'read\("(.+)"\)', (event["payload"].get("$permissions") or [""])[0])
            if ".rows." in event["events"][0] and role and role[1] in {"any", *witness.roles()}:
                expected.append(event["offset"])
        assert [event["offset"] for event in mine if "rows" in event["subscriptions"]] == expected
        assert 10 < len(expected) < len(everything) - 40


async def _events_until_the_last(socket: ClientConnection) -> list[Json]:
    events: list[Json] = []
    async with asyncio.timeout(30):
        while not events or events[-1]["payload"].get("$id") != "last":
            message = json.loads(await socket.recv())
            events += [message["data"]] if message["type"] == "event" else []
    return events
