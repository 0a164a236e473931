"""Sessions and tokens: only the right ones are anybody."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from tests.store.samples import add_membership, add_session, add_team, add_user
from tests.support.identities import jwt_identity, session_identity
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.connections import connect
from tidewire.store.records.identities import user_identity
from tidewire.store.schema import project_metadata, sessions, users
from tidewire.store.secrets.credentials import (
    InvalidJwtError,
    decode_session,
    encode_jwt,
    encode_session,
    hash_secret,
)

NOW = 1_700_000_000_000
SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def connection() -> Iterator[Connection]:
    opened = connect(Path(":memory:"), "shop", "full")
    project_metadata.create_all(opened)
    add_user(opened, "u1", email="a@example.org", labels=["vip"], prefs={"theme": "dark"}, registered_at=NOW)
    add_user(opened, "u2", email_verification=True)
    add_session(opened, "s1", "u1", secret_hash=hash_secret("right"), expires_at=NOW + 60_000)
    add_session(opened, "s2", "u2", secret_hash=hash_secret("other"), expires_at=NOW + 60_000)
    yield opened
    opened.close()


def test_a_session_is_its_user(connection: Connection) -> None:
    identity = session_identity(connection, encode_session("u1", "right"), NOW)
    assert identity is not None
    assert (identity.user_id, identity.session_id, identity.session_expires) == ("u1", "s1", NOW + 60_000)
    assert identity.roles == ("user:u1", "users", "user:u1/unverified", "users/unverified", "label:vip")
    account = identity.account
    assert (account.email, account.phone, account.prefs, account.labels) == (
        "a@example.org",
        "",
        {"theme": "dark"},
        ["vip"],
    )
    assert account.registration == "2023-11-14T22:13:20.000+00:00"
    assert account.accessed_at == ""


@pytest.mark.parametrize(
    ("user_id", "secret"),
    [
        ("u1", "wrong"),
        ("u1", ""),
        ("u1", "other"),
        ("u2", "right"),
        ("U1", "right"),
        ("u3", "right"),
        ("%", "right"),
    ],
)
def test_other_credentials_are_nobody(connection: Connection, user_id: str, secret: str) -> None:
    assert session_identity(connection, encode_session(user_id, secret), NOW) is None


def test_an_expired_or_deleted_session_is_nobody(connection: Connection) -> None:
    encoded = encode_session("u1", "right")
    assert session_identity(connection, encoded, NOW + 59_999) is not None
    assert session_identity(connection, encoded, NOW + 60_000) is None
    connection.execute(delete(users).where(users.c.id == "u1"))
    assert session_identity(connection, encoded, NOW) is None
    assert connection.scalar(sessions.select().where(sessions.c.id == "s1")) is None


def test_roles_are_those_of_now(connection: Connection) -> None:
    before = user_identity(connection, "u2")
    connection.execute(update(users).where(users.c.id == "u2").values(labels=["staff"], status=False))
    after = user_identity(connection, "u2")
    assert before is not None
    assert after is not None
    assert before.roles == ("user:u2", "users", "user:u2/verified", "users/verified")
    assert after.roles == (*before.roles, "label:staff")
    assert after.account.status is False
    assert after.session_id == ""
    assert user_identity(connection, "u3") is None


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "a",
        "ü",
        "\ud800",
        "!!!!",
        encoded([]),
        encoded({"id": "u1"}),
        encoded({"id": 1, "secret": "right"}),
        encoded({"id": "u1", "secret": None}),
        encoded({"id": "u1", "secret": "x" * 5000}),
        base64.b64encode(b"[" * 1000).decode(),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
)
def test_texts_that_are_no_sessions(connection: Connection, text: str) -> None:
    assert decode_session(text) is None
    assert session_identity(connection, text, NOW) is None


@given(st.text(max_size=40))
def test_any_text_can_be_decoded_without_an_error(text: str) -> None:
    decode_session(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.text("ab+/-_~é", max_size=30))
def test_encoding_is_undone_by_decoding(user_id: str, secret: str) -> None:
    text = encode_session(user_id, secret)
    assert decode_session(text) == (user_id, secret)
    assert decode_session(text.rstrip("=")) == (user_id, secret)
    assert decode_session(text.replace("+", "-").replace("/", "_")) == (user_id, secret)


def test_a_token_stands_for_its_session(connection: Connection) -> None:
    token = encode_jwt("u1", "s1", NOW + 5000, SECRET)
    identity = jwt_identity(connection, token, SECRET, NOW)
    assert identity is not None
    assert (identity.user_id, identity.session_id) == ("u1", "s1")
    connection.execute(delete(sessions).where(sessions.c.id == "s1"))
    assert jwt_identity(connection, token, SECRET, NOW) is None


@pytest.mark.parametrize(
    ("user_id", "session_id"), [("u1", "s2"), ("u2", "s1"), ("u1", "s9"), ("u9", ""), ("", ""), ("", "s1")]
)
def test_a_token_for_what_is_not_there_is_nobody(
    connection: Connection, user_id: str, session_id: str
) -> None:
    assert (
        jwt_identity(connection, encode_jwt(user_id, session_id, NOW + 5000, SECRET, "shop"), SECRET, NOW)
        is None
    )


def test_a_token_without_a_session_is_its_user(connection: Connection) -> None:
    token = encode_jwt("u1", "", NOW + 5000, SECRET, "shop")
    identity = jwt_identity(connection, token, SECRET, NOW)
    assert identity is not None
    assert (identity.user_id, identity.session_id, identity.session_expires) == ("u1", "", 0)


def test_a_token_is_for_one_project(connection: Connection) -> None:
    own = encode_jwt("u1", "s1", NOW + 5000, SECRET, "shop")
    assert jwt_identity(connection, own, SECRET, NOW) is not None
    for session_id, project_id in (("", ""), ("", "other"), ("s1", "other")):
        token = encode_jwt("u1", session_id, NOW + 5000, SECRET, project_id)
        with pytest.raises(InvalidJwtError, match="another project"):
            jwt_identity(connection, token, SECRET, NOW)


def test_confirmed_memberships_give_roles(connection: Connection) -> None:
    add_team(connection, "t1")
    add_team(connection, "t2")
    add_membership(connection, "m2", "t2", "u1", confirmed=True, roles=["owner", "x y"])
    add_membership(connection, "m1", "t1", "u1", confirmed=False, roles=["owner"])
    add_membership(connection, "m3", "t1", "u2", confirmed=True)
    for identity in (
        user_identity(connection, "u1"),
        session_identity(connection, encode_session("u1", "right"), NOW),
    ):
        assert identity is not None
        assert identity.roles[4:] == (
            "team:t2", "member:m2", "team:t2/owner", "team:t2/x y", "label:vip"
        )  # fmt: skip
        assert [(each.team_id, each.confirmed) for each in identity.memberships] == [
            ("t2", True),
            ("t1", False),
        ]


def test_a_token_outlives_neither_itself_nor_its_session(connection: Connection) -> None:
    with pytest.raises(InvalidJwtError, match="expired"):
        jwt_identity(connection, encode_jwt("u1", "s1", NOW, SECRET), SECRET, NOW)
    long = encode_jwt("u1", "s1", NOW + 100_000, SECRET)
    assert jwt_identity(connection, long, SECRET, NOW + 60_000) is None


PAYLOAD = {"userId": "u1", "sessionId": "s1", "exp": NOW // 1000 + 100}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "ü.ü.ü",
        "\ud800",
        "x" * 3000,
        jwt.encode(PAYLOAD, b"another secret that is long enough", "HS256"),
        jwt.encode(PAYLOAD, "", "none"),
        jwt.encode(PAYLOAD, SECRET * 2, "HS512"),
        jwt.encode({**PAYLOAD, "exp": None}, SECRET, "HS256"),
        jwt.encode({key: value for key, value in PAYLOAD.items() if key != "exp"}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "exp": "soon"}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "exp": 1e300}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "exp": -1}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "userId": 5}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "sessionId": None}, SECRET, "HS256"),
        jwt.encode({**PAYLOAD, "nbf": "never"}, SECRET, "HS256"),
    ],
    ids=range(16),
)
def test_forged_tokens(connection: Connection, token: str) -> None:
    with pytest.raises(InvalidJwtError):
        jwt_identity(connection, token, SECRET, NOW)
