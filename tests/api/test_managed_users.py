"""The users service over HTTP: each operation, and those who try to get at users without being a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.people import Walk, sign_up
from tests.reference.catalog import operation_of
from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id
from tidewire.services.users import operations

MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
SCRYPT = {
    "password": "70",
    "passwordSalt": "NaCl",
    "passwordCpu": 1024,
    "passwordMemory": 8,
    "passwordParallel": 16,
    "passwordLength": 64,
}
FIREBASE = {
    "password": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
    "passwordSalt": "42xEC+ixf3L2lw==",
    "passwordSaltSeparator": "Bw==",
    "passwordSignerKey": (
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    ),
}


@pytest.fixture
def walk(api: ApiServer) -> Iterator[Walk]:
    """A server with an API key for users."""
    key = api.create_key(["users.read", "users.write", "sessions.read", "sessions.write"])
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": key}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as client:
        yield Walk(client)


def test_every_operation(walk: Walk) -> None:
    """From the first import to the deletion; each answer is held against its model."""
    ada = unique_id()
    email = f"{ada}@example.com"
    walk("POST", "/users", userId=ada, email=email, phone=None, password="correct horse", name="Ada")
    imports: dict[str, dict[str, Any]] = {
        "argon2": {
            "password": "$argon2i$v=19$m=20,t=3,p=2$YXBwd3JpdGU$A/54i238ed09ZR4NwlACU5XnkjNBZU9QeOEuhjLiexI"
        },
        "bcrypt": {"password": "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
        "md5": {"password": MD5},
        "phpass": {"password": "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"},
        "sha": {"password": MD5 * 2, "passwordVersion": "SHA3-256"},
        "scrypt": {**SCRYPT, "password": MD5},
        "scrypt-modified": FIREBASE,
    }
    for scheme, hashed in imports.items():
        user_id = unique_id()
        created = walk("POST", f"/users/{scheme}", userId=user_id, email=f"{user_id}@example.com", **hashed)
        assert created["password"] == hashed["password"]
        assert created["hash"] in {scheme, "scryptMod"}
        assert created["hashOptions"]["type"] == created["hash"]
    of_ada = f"/users/{ada}"
    assert walk("GET", "/users", search=email)["total"] == 1
    assert walk("GET", of_ada)["email"] == email
    walk("PATCH", f"{of_ada}/name", name="Ada L.")
    walk("PATCH", f"{of_ada}/email", email=f"new.{email}")
    walk("PATCH", f"{of_ada}/phone", number="")
    walk("PATCH", f"{of_ada}/password", password="another horse")
    walk("PATCH", f"{of_ada}/prefs", prefs={"a": 1})
    assert walk("GET", f"{of_ada}/prefs") == {"a": 1}
    assert walk("PUT", f"{of_ada}/labels", labels=["vip"])["labels"] == ["vip"]
    assert walk("PATCH", f"{of_ada}/verification", emailVerification=True)["emailVerification"]
    walk("PATCH", f"{of_ada}/verification/phone", phoneVerification=False)
    assert walk("PATCH", f"{of_ada}/impersonator", impersonator="true")["impersonator"]
    walk("GET", f"{of_ada}/memberships")
    walk("GET", f"{of_ada}/logs", expected=200)
    _sessions(walk, of_ada)
    _targets(walk, of_ada)
    _factors(walk, of_ada)
    walk("GET", "/users/identities")
    walk("DELETE", "/users/identities/nothing", expected=404)
    assert walk("PATCH", f"{of_ada}/status", status=False)["status"] is False
    walk("DELETE", of_ada)
    walk("GET", of_ada, expected=404)
    assert walk.not_called(operations) == []


def _sessions(walk: Walk, of_user: str) -> None:
    session = walk("POST", f"{of_user}/sessions")
    assert session["secret"]
    assert walk("GET", f"{of_user}/sessions")["total"] == 1
    assert walk("POST", f"{of_user}/jwts", sessionId=session["$id"], duration="60")["jwt"]
    assert len(walk("POST", f"{of_user}/tokens", length=8)["secret"]) == 8
    walk("DELETE", f"{of_user}/sessions/{session['$id']}")
    walk("DELETE", f"{of_user}/sessions")


def _targets(walk: Walk, of_user: str) -> None:
    target = walk(
        "POST",
        f"{of_user}/targets",
        targetId="unique()",
        providerType="Push",
        identifier=unique_id(),
    )
    of_target = f"{of_user}/targets/{target['$id']}"
    assert walk("GET", f"{of_user}/targets")["total"] == 2
    assert walk("GET", of_target)["providerType"] == "push"
    assert walk("PATCH", of_target, name="Phone")["name"] == "Phone"
    walk("DELETE", of_target)


def _factors(walk: Walk, of_user: str) -> None:
    assert walk("PATCH", f"{of_user}/mfa", mfa=True)["mfa"]
    assert walk("GET", f"{of_user}/mfa/factors")["email"]
    walk("GET", f"{of_user}/mfa/recovery-codes", expected=404)
    codes = walk("PATCH", f"{of_user}/mfa/recovery-codes", expected=201)
    assert walk("GET", f"{of_user}/mfa/recovery-codes") == codes
    assert walk("PUT", f"{of_user}/mfa/recovery-codes") != codes
    walk("GET", f"{of_user}/mfa/challenges/nothing", expected=401)
    walk("DELETE", f"{of_user}/mfa/authenticators/totp", expected=404)


def test_only_servers_manage_users(api: ApiServer) -> None:
    """Neither guests, nor users, nor keys without the scope reach any operation."""
    headers = {"X-Appwrite-Project": api.project}
    person = unique_id()
    with (
        checked_client(base_url=api.url, headers=headers) as guest,
        checked_client(base_url=api.url, headers=headers) as user,
        checked_client(base_url=api.url, headers=headers) as key,
    ):
        sign_up(user, person)
        key.headers["X-Appwrite-Key"] = api.create_key(["teams.read", "teams.write"])
        for operation in operations.declared:
            path = operation.path.replace("{userId}", person).replace("{type}", "totp")
            path = path.replace("{sessionId}", "x").replace("{targetId}", "x")
            path = path.replace("{identityId}", "x").replace("{challengeId}", "x")
            for client in (guest, user, key):
                answer = client.request(operation.method, f"/v1{path}")
                assert answer.json()["type"] == "general_unauthorized_scope", operation.name
        assert user.get("/v1/account").status_code == 200


def test_read_and_write_are_two_scopes(api: ApiServer) -> None:
    reader = api.create_key(["users.read"])
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}) as client:
        client.headers["X-Appwrite-Key"] = reader
        assert client.get("/v1/users").status_code == 200
        assert client.post("/v1/users", json={"userId": "unique()"}).status_code == 401
        assert client.delete("/v1/users/anybody").status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users", {"userId": "unique()", "email": "nobody"}),
        ("/users", {"userId": "unique()", "password": "short"}),
        ("/users", {"userId": "unique()", "phone": "0151"}),
        ("/users", {"userId": "unique()", "phone": ""}),
        ("/users", {"userId": "../x"}),
        ("/users", {"email": "a@example.com"}),
        ("/users/md5", {"userId": "unique()", "email": "a@example.com", "password": "not hexadecimal"}),
        (
            "/users/sha",
            {"userId": "unique()", "email": "a@example.com", "password": MD5, "passwordVersion": "md5"},
        ),
        (
            "/users/scrypt",
            {"userId": "unique()", "email": "a@example.com", **SCRYPT, "password": MD5, "passwordCpu": 2**40},
        ),
        (
            "/users/scrypt-modified",
            {"userId": "unique()", "email": "a@example.com", **FIREBASE, "passwordSalt": "a"},
        ),
    ],
)
def test_what_is_wrong_is_refused(walk: Walk, path: str, body: dict[str, Any]) -> None:
    refused = walk("POST", path, expected=400, **body)
    assert refused["type"] == "general_argument_invalid"


def test_nobody_assigns_what_is_not_asked_for(walk: Walk) -> None:
    user_id = unique_id()
    created = walk(
        "POST",
        "/users",
        userId=user_id,
        labels=["admin"],
        status=False,
        emailVerification=True,
        impersonator=True,
        mfa=True,
        hash="md5",
        hashOptions={"type": "md5"},
    )
    assert (created["labels"], created["status"], created["emailVerification"]) == ([], True, False)
    assert (created["impersonator"], created["mfa"], created["hash"]) == (False, False, "")


def test_a_revoked_user_is_out_at_once(api: ApiServer, walk: Walk) -> None:
    """Blocking, a new password, deletion: the next request of the user already feels it."""
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}) as client:
        person = unique_id()
        sign_up(client, person)
        walk("PATCH", f"/users/{person}/status", status=False)
        assert client.get("/v1/account").json()["type"] == "user_blocked"
        walk("PATCH", f"/users/{person}/status", status=True)
        assert client.get("/v1/account").status_code == 200
        walk("PUT", f"/users/{person}/labels", labels=["vip"])
        assert client.get("/v1/account").json()["labels"] == ["vip"]
        walk("PATCH", f"/users/{person}/password", password="another horse")
        assert client.get("/v1/account").json()["type"] == "general_unauthorized_scope"


def test_a_session_by_the_server_signs_in(api: ApiServer, walk: Walk) -> None:
    person = unique_id()
    walk("POST", "/users", userId=person)
    session = walk("POST", f"/users/{person}/sessions")
    token = walk("POST", f"/users/{person}/jwts")
    for header, value in (("X-Appwrite-Session", session["secret"]), ("X-Appwrite-JWT", token["jwt"])):
        headers = {"X-Appwrite-Project": api.project, header: value}
        with checked_client(base_url=api.url, headers=headers) as client:
            assert client.get("/v1/account").json()["$id"] == person
    walk("DELETE", f"/users/{person}/sessions")
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-JWT": token["jwt"]}
    assert httpx.get(f"{api.url}/v1/account", headers=headers).json()["type"] == "user_jwt_invalid"


def test_the_catalog_knows_all_of_it() -> None:
    assert all(operation_of(each.method, each.path) for each in operations.declared)
