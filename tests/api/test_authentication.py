"""Sessions, JSON Web Tokens and API keys: where they are looked for, and what they may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import update

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tests.support.unanswering import unanswering
from tidewire.core.time import now
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.schema import sessions, users


@dataclass
class Login:
    """A signed-in user."""

    user_id: str
    value: str
    """The encoded session."""


def _sign_in(client: httpx.Client, api: ApiServer) -> Login:
    response = client.post("/v1/account/sessions/anonymous", json={})
    assert response.status_code == 201
    client.cookies.clear()
    fallback = json.loads(response.headers["x-fallback-cookies"])
    return Login(response.json()["userId"], fallback[f"a_session_{api.project}"])


@pytest.fixture
def login(client: httpx.Client, api: ApiServer) -> Login:
    """A new anonymous user."""
    return _sign_in(client, api)


@pytest.fixture
def jwt(client: httpx.Client, login: Login) -> str:
    """A token for the user's session."""
    token: str = client.post("/v1/account/jwts", headers={"X-Appwrite-Session": login.value}).json()["jwt"]
    return token


@pytest.fixture
def plain(api: ApiServer) -> Iterator[httpx.Client]:
    """A client that keeps no cookies."""
    with checked_client(base_url=api.url, timeout=20) as checked:
        checked.headers["X-Appwrite-Project"] = api.project
        yield checked


def _type(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


def test_a_guest(client: httpx.Client) -> None:
    seen = client.get("/v1/probe/p").json()
    assert (seen["caller"], seen["userId"], seen["roles"]) == ("guest", "", ["any", "guests"])


def test_where_sessions_are_looked_for(api: ApiServer, plain: httpx.Client, login: Login) -> None:
    name = f"a_session_{api.project}"
    for headers in (
        {"Cookie": f"{name}={login.value}"},
        {"Cookie": f"other=1; {name}_legacy={login.value}; more=2"},
        {"Cookie": f"{name}={login.value.replace('=', '%3D')}"},
        {"X-Appwrite-Session": login.value},
        {"X-Fallback-Cookies": json.dumps({name: login.value})},
        {"Cookie": f"{name}=deleted", "X-Appwrite-Session": login.value},
        {"X-Appwrite-Session": "junk", "X-Fallback-Cookies": json.dumps({name: login.value})},
    ):
        seen = plain.get("/v1/probe/p", headers=headers).json()
        assert (seen["caller"], seen["userId"]) == ("user", login.user_id), headers
        assert seen["roles"][:3] == ["any", f"user:{login.user_id}", "users"]


def test_order_of_lookup(api: ApiServer, plain: httpx.Client, login: Login) -> None:
    other = _sign_in(plain, api)
    name = f"a_session_{api.project}"
    headers = {"Cookie": f"{name}={login.value}", "X-Appwrite-Session": other.value}
    assert plain.get("/v1/probe/p", headers=headers).json()["userId"] == login.user_id
    headers = {"Cookie": f"{name}_legacy={other.value}; {name}={login.value}"}
    assert plain.get("/v1/probe/p", headers=headers).json()["userId"] == login.user_id
    headers = {"X-Appwrite-Session": other.value, "X-Fallback-Cookies": json.dumps({name: login.value})}
    assert plain.get("/v1/probe/p", headers=headers).json()["userId"] == other.user_id


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Appwrite-Session": "x"},
        {"X-Appwrite-Session": "eyJpZCI6InUiLCJzZWNyZXQiOiJzIn0="},
        {"X-Appwrite-Session": "x" * 9000},
        {"X-Fallback-Cookies": "[]"},
        {"X-Fallback-Cookies": "{"},
        {"X-Fallback-Cookies": '{"a_session_default": 5}'},
        {"Cookie": "a_session_default"},
        {"Cookie": "=;;=;a_session_default==="},
        {"X-Appwrite-Key": ""},
        {"X-Appwrite-JWT": ""},
    ],
)
def test_what_is_no_session_makes_a_guest(plain: httpx.Client, headers: dict[str, str]) -> None:
    assert plain.get("/v1/probe/p", headers=headers).json()["caller"] == "guest"


def test_expired_and_deleted_sessions(api: ApiServer, plain: httpx.Client, login: Login, jwt: str) -> None:
    store = _store(api)

    def expire() -> None:
        api.run(
            lambda: store.database.write(
                lambda transaction: (
                    transaction.connection.execute(
                        update(sessions)
                        .where(sessions.c.user_id == login.user_id)
                        .values(expires_at=now() - 1)
                    )
                    and None
                )
            )
        )

    expire()
    assert plain.get("/v1/probe/p", headers={"X-Appwrite-Session": login.value}).json()["caller"] == "guest"
    assert _type(plain.get("/v1/account", headers={"X-Appwrite-Session": login.value})) == (
        401,
        "general_unauthorized_scope",
    )
    assert _type(plain.get("/v1/account", headers={"X-Appwrite-JWT": jwt})) == (401, "user_jwt_invalid")


def test_jwt(plain: httpx.Client, login: Login, jwt: str) -> None:
    seen = plain.get("/v1/probe/p", headers={"X-Appwrite-JWT": jwt}).json()
    assert (seen["userId"], seen["byJwt"]) == (login.user_id, True)
    stale = {"X-Appwrite-JWT": jwt, "X-Appwrite-Session": "junk"}
    assert plain.get("/v1/probe/p", headers=stale).json()["userId"] == login.user_id
    both = {"X-Appwrite-JWT": jwt, "X-Appwrite-Session": login.value}
    assert _type(plain.get("/v1/probe/p", headers=both)) == (403, "user_jwt_and_cookie_set")


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "x" * 10_000])
def test_broken_jwt(plain: httpx.Client, token: str) -> None:
    assert _type(plain.get("/v1/probe/p", headers={"X-Appwrite-JWT": token})) == (401, "user_jwt_invalid")


def test_forged_jwt(plain: httpx.Client, jwt: str) -> None:
    head, body, signature = jwt.split(".")
    forged = ".".join([head, body, signature[::-1]])
    assert _type(plain.get("/v1/probe/p", headers={"X-Appwrite-JWT": forged})) == (401, "user_jwt_invalid")
    unsigned = "eyJhbGciOiJub25lIn0." + body + "."
    assert _type(plain.get("/v1/probe/p", headers={"X-Appwrite-JWT": unsigned})) == (401, "user_jwt_invalid")


def test_api_key(api: ApiServer, plain: httpx.Client, key: str) -> None:
    seen = plain.get("/v1/probe/p", headers={"X-Appwrite-Key": key}).json()
    assert (seen["caller"], seen["userId"], seen["roles"]) == ("key", "", ["any", "keys"])
    users_key = api.create_key(["users.read"])
    assert plain.get("/v1/probe/internal", headers={"X-Appwrite-Key": users_key}).status_code == 200
    response = plain.get("/v1/probe/internal", headers={"X-Appwrite-Key": key})
    assert _type(response) == (401, "general_unauthorized_scope")
    assert "users.read" in response.json()["message"]


def test_unknown_keys_do_what_guests_may(plain: httpx.Client, key: str) -> None:
    for secret in ("x", "standard_x", key[:-1], f"{key}0", "x" * 10_000, "ephemeral_a.b.c"):
        headers = {"X-Appwrite-Key": secret}
        assert plain.get("/v1/probe/p", headers=headers).json()["caller"] == "guest"
        assert _type(plain.get("/v1/storage/buckets", headers=headers)) == (401, "general_unauthorized_scope")


def test_expired_key(api: ApiServer, plain: httpx.Client) -> None:
    expired = api.create_key(["buckets.read"], expires=now() - 1)
    assert _type(plain.get("/v1/probe/p", headers={"X-Appwrite-Key": expired})) == (
        401,
        "project_key_expired",
    )


def test_a_key_counts_before_a_session(
    api: ApiServer, plain: httpx.Client, key: str, login: Login, jwt: str
) -> None:
    cookie = {"Cookie": f"a_session_{api.project}={login.value}"}
    for other in ({"X-Appwrite-Session": login.value}, {"X-Appwrite-JWT": jwt}, cookie):
        seen = plain.get("/v1/probe/p", headers={"X-Appwrite-Key": key, **other}).json()
        assert (seen["caller"], seen["userId"]) == ("key", "")
        # One that is no key does not make the user speak instead.
        seen = plain.get("/v1/probe/p", headers={"X-Appwrite-Key": f"{key}x", **other}).json()
        assert (seen["caller"], seen["userId"]) == ("guest", "")
    broken = {"X-Appwrite-Key": key, "X-Appwrite-JWT": f"{jwt}x"}
    assert _type(plain.get("/v1/probe/p", headers=broken)) == (401, "user_jwt_invalid")


def test_signing_in_twice(plain: httpx.Client, login: Login) -> None:
    headers = {"X-Appwrite-Session": login.value}
    response = plain.post("/v1/account/sessions/anonymous", headers=headers)
    assert _type(response) == (401, "user_session_already_exists")


def test_blocked_user(api: ApiServer, plain: httpx.Client, login: Login) -> None:
    store = _store(api)
    api.run(
        lambda: store.database.write(
            lambda transaction: (
                transaction.connection.execute(
                    update(users).where(users.c.id == login.user_id).values(status=False)
                )
                and None
            )
        )
    )
    response = plain.get("/v1/account", headers={"X-Appwrite-Session": login.value})
    assert _type(response) == (403, "user_blocked")


def test_credentials_of_another_project(api: ApiServer, plain: httpx.Client, login: Login, key: str) -> None:
    other = api.run(lambda: api.instance.create_project(f"p{uuid4().hex[:20]}", "other"))
    plain.headers["X-Appwrite-Project"] = other.id
    for headers in (
        {"X-Appwrite-Session": login.value},
        {"Cookie": f"a_session_{api.project}={login.value}"},
        {"X-Appwrite-Key": key},
    ):
        assert plain.get("/v1/probe/p", headers=headers).json()["caller"] == "guest"


def _store(api: ApiServer) -> ProjectStore:
    store = api.run(lambda: api.instance.project(api.project))
    assert store
    return store


def test_who_cannot_be_looked_up_just_now_is_not_refused_for_good(
    api: ApiServer, client: httpx.Client, login: Login
) -> None:
    """A client that is told 401 throws away its session."""
    store = api.run(lambda: api.instance.project(api.project))
    assert store is not None
    for shown in ({"x-appwrite-session": login.value}, {"x-appwrite-key": "standard_" + "0" * 256}):
        with unanswering(store.database), unanswering(api.instance.database):
            # Not by the checked client: the reference has no type for it.
            headers = {"x-appwrite-project": api.project, **shown}
            answer = httpx.get(f"{api.url}/v1/account", headers=headers, timeout=20)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
        assert answer.json()["type"] == "project_database_unavailable"
    assert client.get("/v1/account", headers={"x-appwrite-session": login.value}).status_code == 200
