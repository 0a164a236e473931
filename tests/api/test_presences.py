"""Presences over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import update

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id
from tidewire.core.time import format_datetime, now, parse_datetime
from tidewire.store.engine.event_log import read_after
from tidewire.store.records.presences import end_expired
from tidewire.store.schema import presences

Json = dict[str, Any]
PASSWORD = "correct horse battery"
DAY = 24 * 3600 * 1000


class Person:
    """A signed-in user."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.id = unique_id()
        account = {"userId": self.id, "email": f"{self.id}@example.com", "password": PASSWORD}
        assert http.post("/v1/account", json=account).status_code == 201
        del account["userId"]
        assert http.post("/v1/account/sessions/email", json=account).status_code == 201

    def upsert(self, presence_id: str, **given: Any) -> httpx.Response:
        return self.http.put(f"/v1/presences/{presence_id}", json={"status": "online", **given})


@pytest.fixture
def person(api: ApiServer) -> Iterator[Callable[[], Person]]:
    """Sign people up."""
    with ExitStack() as stack:

        def sign_up() -> Person:
            headers = {"X-Appwrite-Project": api.project}
            return Person(stack.enter_context(checked_client(base_url=api.url, headers=headers, timeout=20)))

        yield sign_up


@pytest.fixture
def server(api: ApiServer) -> Iterator[httpx.Client]:
    """A program with an API key."""
    key = api.create_key(["presences.read", "presences.write"])
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": key}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as client:
        yield client


def events_of(api: ApiServer, presence_id: str) -> list[Json]:
    """Pattern, roles, channels and payload of the events of a presence."""

    async def read() -> list[Json]:
        store = await api.instance.project(api.project)
        assert store is not None
        logged = await store.database.read(lambda connection: read_after(connection, 0, 100_000))
        return [
            {
                "action": each.event.pattern.rpartition(".")[2],
                "roles": each.event.roles,
                "channels": each.event.channels,
                "payload": msgspec.json.decode(each.event.payload),
            }
            for each in logged
            if each.event.parameters.get("presenceId") == presence_id
        ]

    return api.run(read)


def expire(api: ApiServer, presence_id: str) -> None:
    async def write() -> None:
        store = await api.instance.project(api.project)
        assert store is not None
        past = update(presences).where(presences.c.id == presence_id).values(expires_at=now() - 1)
        await store.database.write(lambda transaction: transaction.connection.execute(past) and None)

    api.run(write)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


def test_a_presence_is_its_users_alone_unless_shared(api: ApiServer, person: Callable[[], Person]) -> None:
    anna, ben = person(), person()
    written = anna.upsert(f"p-{anna.id}")
    assert written.status_code == 200
    presence = written.json()
    assert presence["$permissions"] == [
        f'{action}("user:{anna.id}")' for action in ("delete", "read", "update", "write")
    ]
    assert (presence["userId"], presence["source"], presence["metadata"]) == (anna.id, "rest", {})
    lasts = parse_datetime(presence["expiresAt"]) - parse_datetime(presence["$updatedAt"])
    assert abs(lasts - 15 * 60 * 1000) < 5000
    assert list(presence) == [
        "$id", "$createdAt", "$updatedAt", "$permissions",
        "userId", "status", "source", "expiresAt", "metadata",
    ]  # fmt: skip
    path = f"/v1/presences/{presence['$id']}"
    assert anna.http.get(path).json() == presence
    assert problem(ben.http.get(path)) == (404, "presence_not_found")
    [event] = events_of(api, presence["$id"])
    assert event == {
        "action": "upsert",
        "roles": [f"user:{anna.id}"],
        "channels": [
            "presences",
            f"presences.{presence['$id']}",
            "presences.upsert",
            f"presences.{presence['$id']}.upsert",
        ],
        "payload": presence,
    }
    assert anna.upsert("ignored", permissions=['read("users")']).json()["$id"] == presence["$id"]
    assert ben.http.get(path).status_code == 200
    assert problem(ben.http.patch(path, json={"status": "x"})) == (401, "user_unauthorized")
    assert problem(ben.http.delete(path)) == (401, "user_unauthorized")


def test_who_may_not_read_a_presence_is_told_of_none(person: Callable[[], Person]) -> None:
    """Whatever else they may do with it: a presence that is not readable does not exist."""
    anna, ben = person(), person()
    granted = ['update("users")', 'delete("users")', f'read("user:{anna.id}")']
    assert anna.upsert(f"p-{anna.id}", permissions=granted).status_code == 200
    path = f"/v1/presences/p-{anna.id}"
    for answer in (
        ben.http.get(path),
        ben.http.patch(path, json={"status": "busy"}),
        ben.http.delete(path),
    ):
        assert problem(answer) == (404, "presence_not_found")
    assert anna.http.get(path).json()["status"] != "busy"


def test_a_user_has_one_presence_and_replaces_all_of_it(person: Callable[[], Person]) -> None:
    anna, ben = person(), person()
    first = anna.upsert(f"p-{anna.id}", metadata={"at": "home"}, permissions=['read("users")']).json()
    second = anna.upsert("another", status="away").json()
    assert (second["$id"], second["$createdAt"]) == (first["$id"], first["$createdAt"])
    assert (second["status"], second["metadata"]) == ("away", {})
    assert f'read("user:{anna.id}")' in second["$permissions"]
    taken = ben.upsert(first["$id"])
    assert problem(taken) == (409, "presence_already_exists")
    assert anna.http.get(f"/v1/presences/{first['$id']}").json() == second, "never a takeover"


def test_users_grant_only_to_roles_that_they_hold(person: Callable[[], Person]) -> None:
    anna = person()
    assert problem(anna.upsert("p", permissions=['read("team:other")'])) == (401, "user_unauthorized")
    assert problem(anna.upsert("p", permissions=['create("any")'])) == (400, "general_argument_invalid")
    written = anna.upsert(f"p-{anna.id}", permissions=['write("any")', 'read("any")']).json()
    assert written["$permissions"] == ['delete("any")', 'read("any")', 'update("any")']


def test_servers_say_whose_presence_it_is_and_users_must_not(
    api: ApiServer, person: Callable[[], Person], server: httpx.Client
) -> None:
    anna, ben = person(), person()
    assert problem(anna.upsert("p", userId=anna.id)) == (401, "general_unauthorized_scope")
    path = f"/v1/presences/p-{anna.id}"
    assert problem(server.put(path, json={"status": "s"})) == (400, "general_bad_request")
    assert problem(server.put(path, json={"status": "s", "userId": "nobody"})) == (404, "user_not_found")
    written = server.put(path, json={"status": "s", "userId": anna.id}).json()
    assert written["$permissions"][0] == f'delete("user:{anna.id}")'
    assert problem(anna.http.patch(path, json={"userId": ben.id})) == (401, "general_unauthorized_scope")
    moved = server.patch(path, json={"userId": ben.id}).json()
    assert (moved["userId"], moved["$permissions"][0]) == (ben.id, f'delete("user:{ben.id}")')
    anna.upsert(f"q-{anna.id}")
    assert problem(server.patch(path, json={"userId": anna.id})) == (409, "presence_already_exists")
    expire(api, f"q-{anna.id}")
    assert server.patch(path, json={"userId": anna.id}).json()["userId"] == anna.id
    assert [each["action"] for each in events_of(api, f"q-{anna.id}")] == ["upsert", "delete"]


def test_updates_change_only_what_is_given(
    api: ApiServer, person: Callable[[], Person], server: httpx.Client
) -> None:
    anna = person()
    written = anna.upsert(f"p-{anna.id}", metadata={"at": "home"}).json()
    path = f"/v1/presences/{written['$id']}"
    assert anna.http.patch(path, json={}).json() == written
    assert [each["action"] for each in events_of(api, written["$id"])] == ["upsert"], "nothing changed"
    soon = format_datetime(now() + DAY)
    changed = anna.http.patch(path, json={"status": "busy", "expiresAt": soon, "metadata": '{"a":1}'}).json()
    expected = {
        "status": "busy",
        "expiresAt": soon,
        "metadata": {"a": 1},
        "$updatedAt": changed["$updatedAt"],
    }
    assert changed == written | expected
    assert [each["action"] for each in events_of(api, written["$id"])] == ["upsert", "update"]
    assert problem(server.patch("/v1/presences/none", json={})) == (404, "presence_not_found")


@pytest.mark.parametrize(
    "given",
    [
        {"status": ""},
        {"status": "x" * 256},
        {"status": None},
        {"expiresAt": "yesterday"},
        {"expiresAt": format_datetime(now() - 1000)},
        {"expiresAt": format_datetime(now() + 31 * DAY)},
        {"expiresAt": 5},
        {"metadata": [1]},
        {"metadata": "[]x"},
        {"metadata": '{"a":' + "[" * 900 + "]" * 900 + "}"},
        {"metadata": {"a": "x" * 65_536}},
    ],
    ids=lambda given: next(iter(given)),
)
def test_bad_values_are_refused(person: Callable[[], Person], given: Json) -> None:
    assert problem(person().upsert("p", **given)) == (400, "general_argument_invalid")


def test_guests_can_neither_read_nor_write(client: httpx.Client) -> None:
    assert problem(client.get("/v1/presences")) == (401, "general_unauthorized_scope")
    assert problem(client.put("/v1/presences/p", json={"status": "s"})) == (401, "general_unauthorized_scope")


def test_what_expired_is_gone_at_once_and_its_end_is_told(
    api: ApiServer, person: Callable[[], Person], server: httpx.Client
) -> None:
    anna, ben = person(), person()
    for one in (anna, ben):
        one.upsert(f"p-{one.id}", permissions=['read("users")', f'delete("user:{one.id}")'])
        expire(api, f"p-{one.id}")
        path = f"/v1/presences/p-{one.id}"
        assert problem(one.http.get(path)) == (404, "presence_not_found")
        assert problem(server.patch(path, json={"status": "s"})) == (404, "presence_not_found")
        wanted = {"queries[0]": f'{{"method":"equal","attribute":"userId","values":["{one.id}"]}}'}
        assert one.http.get("/v1/presences", params=wanted).json() == {"total": 0, "presences": []}
    assert anna.upsert(f"new-{anna.id}").json()["$id"] == f"new-{anna.id}", "the old one is over"
    assert ben.http.delete(f"/v1/presences/p-{ben.id}").status_code == 204
    for one in (anna, ben):
        actions = [(each["action"], each["roles"]) for each in events_of(api, f"p-{one.id}")]
        assert actions == [("upsert", ["users"]), ("delete", ["users"])]


def test_maintenance_tells_the_end_of_what_expired(api: ApiServer, person: Callable[[], Person]) -> None:
    anna = person()
    anna.upsert(f"p-{anna.id}")
    expire(api, f"p-{anna.id}")

    async def maintain() -> int:
        store = await api.instance.project(api.project)
        assert store is not None
        return await store.database.write(end_expired)

    assert api.run(maintain) >= 1
    assert api.run(maintain) == 0
    assert [each["action"] for each in events_of(api, f"p-{anna.id}")] == ["upsert", "delete"]


def test_lists_show_what_is_readable_and_can_be_filtered(
    person: Callable[[], Person], server: httpx.Client
) -> None:
    people = [person() for _ in range(3)]
    mark = unique_id()
    for one, permissions in zip(people, (None, ['read("users")'], ['read("any")']), strict=True):
        one.upsert(f"p-{one.id}", status=mark, permissions=permissions)
    params = {"queries[0]": f'{{"method":"equal","attribute":"status","values":["{mark}"]}}'}
    for http, expected in ((people[0].http, 3), (people[1].http, 2), (server, 3)):
        page = http.get("/v1/presences", params=params).json()
        assert (page["total"], len(page["presences"])) == (expected, expected)
    params["queries[1]"] = f'{{"method":"cursorAfter","values":["p-{people[0].id}"]}}'
    ids = [each["$id"] for each in server.get("/v1/presences", params=params).json()["presences"]]
    assert ids == [f"p-{one.id}" for one in people[1:]]


def test_lists_can_be_kept_until_something_ends_or_they_are_purged(
    person: Callable[[], Person], server: httpx.Client
) -> None:
    anna, ben = person(), person()
    anna.upsert(f"p-{anna.id}", permissions=['read("users")'])

    def listed(http: httpx.Client) -> tuple[str | None, str]:
        wanted = f'{{"method":"equal","attribute":"userId","values":["{anna.id}"]}}'
        response = http.get("/v1/presences", params={"ttl": "60", "queries[]": wanted})
        states = [each["status"] for each in response.json()["presences"]]
        return response.headers["x-appwrite-cache"], ",".join(states)

    assert "x-appwrite-cache" not in ben.http.get("/v1/presences").headers
    assert listed(ben.http) == ("miss", "online")
    anna.upsert("p", status="away", permissions=['read("users")'])
    assert listed(ben.http) == ("hit", "online")
    assert listed(anna.http) == ("miss", "away"), "other roles, other lists"
    server.patch(f"/v1/presences/p-{anna.id}", json={"purge": True})
    assert listed(ben.http) == ("miss", "away")
    server.delete(f"/v1/presences/p-{anna.id}")
    assert listed(ben.http) == ("miss", "")
