"""Attempts to be somebody else: forged, expired, replayed and misplaced sessions, tokens and keys."""

from __future__ import annotations

import base64
import json
from typing import get_args

import jwt
import pytest
from sqlalchemy import delete, update

from tests.security.conftest import Organization, World, by_both_protocols, fresh
from tests.support.api import running_api
from tests.support.responses import checked_client
from tidewire.core.time import now
from tidewire.services import ALL_OPERATIONS
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID
from tidewire.store.records.api_keys import KeyOwner, insert_api_key
from tidewire.store.schema import keys, sessions, users
from tidewire.store.secrets.credentials import encode_jwt, encode_key, encode_session
from tidewire.store.secrets.purposes import Purpose, key_for

UNAUTHORIZED = (401, "general_unauthorized_scope")
INVALID_JWT = (401, "user_jwt_invalid")
HOUR = 3_600_000

pytestmark = by_both_protocols


def _session_parts(session: str) -> dict[str, str]:
    parts: dict[str, str] = json.loads(base64.b64decode(session))
    return parts


def test_forged_sessions_are_nobody(world: World, own: Organization) -> None:
    person = world.person(own.project_id)
    victim = world.person(own.project_id)
    secret = _session_parts(person.session)["secret"]
    forged = [
        encode_session(victim.user_id, secret),
        encode_session(person.user_id, secret[:-1] + ("0" if secret[-1] != "0" else "1")),
        encode_session(person.user_id, secret.upper()),
        encode_session(person.user_id, ""),
        encode_session("", secret),
        encode_session(person.user_id + "'--", secret),
        person.session[:-4],
    ]
    guest = world.guest(own.project_id)
    for session in forged:
        assert guest.whoami(Cookie=f"a_session_{own.project_id}={session}") == "", session
        assert guest.whoami(X_Appwrite_Session=session) == "", session
    assert guest.whoami(X_Appwrite_Session=person.session) == person.user_id


def test_sessions_of_other_projects_are_nobody(world: World, own: Organization, other: Organization) -> None:
    # Ids of users are the clients' choice: the attacker takes that of the victim.
    victim = world.person(other.project_id)
    attacker = world.person(own.project_id, victim.user_id)
    guest = world.guest(other.project_id)
    for headers in (
        {"Cookie": f"a_session_{other.project_id}={attacker.session}"},
        {"Cookie": attacker.cookie},
        {"X_Appwrite_Session": attacker.session},
        {"X_Fallback_Cookies": json.dumps({f"a_session_{other.project_id}": attacker.session})},
        {"Cookie": f"a_session_console={attacker.session}", "X_Appwrite_Mode": "admin"},
        {"Cookie": other.owner.cookie},
        {"X_Appwrite_Session": other.owner.session},
    ):
        assert guest.whoami(**headers) == "", headers
    console = world.guest(CONSOLE_PROJECT_ID)
    assert console.whoami(Cookie=f"a_session_console={victim.session}") == ""


def test_sessions_end_for_good(world: World, own: Organization) -> None:
    person = world.person(own.project_id)
    elsewhere = world.sign_in(own.project_id, person.email)
    call = world.guest(own.project_id)
    assert call.whoami(X_Appwrite_Session=person.session) == person.user_id
    assert person.call("DELETE", "/account/sessions/current").status_code == 204
    assert call.whoami(X_Appwrite_Session=person.session) == ""
    assert call.whoami(X_Appwrite_Session=elsewhere) == person.user_id
    assert call("DELETE", "/account/sessions", X_Appwrite_Session=elsewhere).status_code == 204
    assert call.whoami(X_Appwrite_Session=elsewhere) == ""
    third = world.sign_in(own.project_id, person.email)
    assert call.whoami(X_Appwrite_Session=third) == person.user_id
    world.change(own.project_id, update(sessions).values(expires_at=now() - 1))
    assert call.whoami(X_Appwrite_Session=third) == ""


def test_a_server_ends_what_users_may(world: World, own: Organization) -> None:
    person = world.person(own.project_id)
    server = world.guest(own.project_id).with_headers(X_Appwrite_Key=own.key)
    assert person.call.whoami() == person.user_id
    body = {"status": False}
    assert server("PATCH", f"/users/{person.user_id}/status", body).status_code == 200
    assert person.call.error("GET", "/account") == (403, "user_blocked")
    assert server("PATCH", f"/users/{person.user_id}/status", {"status": True}).status_code == 200
    session = world.sign_in(own.project_id, person.email)
    assert world.guest(own.project_id).whoami(X_Appwrite_Session=session) == person.user_id
    assert server("DELETE", f"/users/{person.user_id}").status_code == 204
    assert world.guest(own.project_id).whoami(X_Appwrite_Session=session) == ""


def test_another_server_on_the_same_data_revokes(world: World, own: Organization) -> None:
    person = world.person(own.project_id)
    server = world.guest(own.project_id).with_headers(X_Appwrite_Key=own.key)
    with running_api(world.api.settings, ALL_OPERATIONS) as twin, checked_client(base_url=twin.url) as http:
        elsewhere = World(twin, http)
        assert person.call.whoami() == person.user_id
        assert elsewhere.guest(own.project_id).whoami(Cookie=person.cookie) == person.user_id
        labelled = elsewhere.guest(own.project_id).with_headers(X_Appwrite_Key=own.key)
        labels = {"labels": ["vip"]}
        assert labelled("PUT", f"/users/{person.user_id}/labels", labels).status_code == 200
        assert person.call("GET", "/account").json()["labels"] == ["vip"]
        blocked = {"status": False}
        assert labelled("PATCH", f"/users/{person.user_id}/status", blocked).status_code == 200
        assert person.call.error("GET", "/account") == (403, "user_blocked")
        assert server("PATCH", f"/users/{person.user_id}/status", {"status": True}).status_code == 200
        session = world.sign_in(own.project_id, person.email)
        cookie = f"a_session_{own.project_id}={session}"
        assert elsewhere.guest(own.project_id).whoami(Cookie=cookie) == person.user_id
        ended = world.guest(own.project_id)("DELETE", "/account/sessions/current", Cookie=cookie)
        assert ended.status_code == 204
        assert elsewhere.guest(own.project_id).whoami(Cookie=cookie) == ""


def test_a_new_sign_in_has_a_new_secret(world: World, own: Organization) -> None:
    """A session that an attacker planted in a browser before the sign-in does not become the user's."""
    person = world.person(own.project_id)
    planted = encode_session(person.user_id, "planted")
    answer = world.guest(own.project_id)(
        "POST",
        "/account/sessions/email",
        {"email": person.email, "password": "a password of nobody else", "secret": "planted"},
        Cookie=f"a_session_{own.project_id}={planted}",
    )
    assert answer.status_code == 201
    assert world.guest(own.project_id).whoami(X_Appwrite_Session=planted) == ""
    secrets = {_session_parts(world.sign_in(own.project_id, person.email))["secret"] for _ in range(3)}
    assert len(secrets) == 3


def test_forged_and_misplaced_tokens_are_refused(
    world: World, own: Organization, other: Organization
) -> None:
    victim = world.person(other.project_id)
    attacker = world.person(own.project_id, victim.user_id)
    token = attacker.call("POST", "/account/jwts").json()["jwt"]
    claims = jwt.decode(token, options={"verify_signature": False})
    secret = world.api.instance.jwt_secret
    victims_session = victim.call("GET", "/account/sessions/current").json()["$id"]
    claims_of_victim = claims | {"sessionId": victims_session, "projectId": other.project_id}
    refused = {
        "of another project": token,
        "of no session": encode_jwt(victim.user_id, "", now() + HOUR, secret, own.project_id),
        "of no session and no project": encode_jwt(victim.user_id, "", now() + HOUR, secret),
        "expired": encode_jwt(victim.user_id, victims_session, now() - 1000, secret, other.project_id),
        "unsigned": jwt.encode(claims_of_victim, "", "none"),
        "signed with nothing": jwt.encode(claims_of_victim, b"\0" * 32, "HS256"),
        "signed with another algorithm": jwt.encode(claims_of_victim, secret * 2, "HS512"),
        "another's session": encode_jwt(attacker.user_id, claims["sessionId"], now() + HOUR, secret),
        "an API key": encode_key(other.project_id, ["users.read"], now() + HOUR, secret).partition("_")[2],
        "cut off": token[:-2],
        "nonsense": "a.b.c",
    }
    guest = world.guest(other.project_id)
    for name, each in refused.items():
        assert guest.error("GET", "/account", X_Appwrite_JWT=each) == INVALID_JWT, name
    assert world.guest(own.project_id).whoami(X_Appwrite_JWT=token) == attacker.user_id


def test_a_token_ends_with_its_session(world: World, own: Organization) -> None:
    person = world.person(own.project_id)
    token = person.call("POST", "/account/jwts").json()["jwt"]
    guest = world.guest(own.project_id)
    assert guest.whoami(X_Appwrite_JWT=token) == person.user_id
    assert guest.error("POST", "/account/jwts", X_Appwrite_JWT=token) == (403, "user_jwt_creation_denied")
    assert person.call.error("GET", "/account", X_Appwrite_JWT=token) == (403, "user_jwt_and_cookie_set")
    assert person.call("DELETE", "/account/sessions/current").status_code == 204
    assert guest.error("GET", "/account", X_Appwrite_JWT=token) == INVALID_JWT


def test_keys_are_for_their_project_only(world: World, own: Organization, other: Organization) -> None:
    call = world.guest(other.project_id)
    assert call("GET", "/users", X_Appwrite_Key=other.key).status_code == 200
    secret = world.api.instance.jwt_secret
    for key in (
        own.key,
        other.key[:-1],
        other.key.upper(),
        "organization_" + own.key.partition("_")[2],
        "ephemeral_" + other.key,
        encode_key(own.project_id, ["users.read"], now() + HOUR, secret),
        encode_key(other.project_id, ["users.read"], now() + HOUR, b"x" * 32),
        encode_key("", ["users.read"], now() + HOUR, secret),
        "ephemeral_" + encode_jwt(other.owner.user_id, "", now() + HOUR, secret, other.project_id),
        "ephemeral_" + jwt.encode({"projectId": other.project_id, "exp": 2**33}, secret, "HS256"),
    ):
        assert call.error("GET", "/users", X_Appwrite_Key=key) == UNAUTHORIZED, key
    for prefix in ("ephemeral_", "dynamic_"):
        key = prefix + encode_key(other.project_id, ["users.read"], now() + HOUR, secret).partition("_")[2]
        assert call("GET", "/users", X_Appwrite_Key=key).status_code == 200
        assert call.error("GET", "/teams", X_Appwrite_Key=key) == UNAUTHORIZED
    old = encode_key(other.project_id, ["users.read"], now() - 1000, secret)
    assert call.error("GET", "/users", X_Appwrite_Key=old) == (401, "project_key_expired")
    mixed = {"X_Appwrite_Key": other.key, "X_Appwrite_Session": world.person(other.project_id).session}
    assert call("GET", "/users", **mixed).status_code == 200
    assert call.error("GET", "/account", **mixed | {"X_Appwrite_Key": "standard_none"}) == UNAUTHORIZED


def test_what_is_signed_for_one_purpose_counts_for_no_other(world: World, own: Organization) -> None:
    """The same claims, which would do for a person and for a program: only the key tells them apart."""
    person = world.person(own.project_id)
    secret = world.api.instance.jwt_secret
    claims = {
        "userId": person.user_id,
        "sessionId": person.call("GET", "/account/sessions/current").json()["$id"],
        "projectId": own.project_id,
        "scopes": ["users.read"],
        "exp": now() // 1000 + 3600,
    }
    signing = {purpose: key_for(purpose, secret) for purpose in get_args(Purpose)} | {"none": secret}
    assert len(set(signing.values())) == len(signing)
    call = world.guest(own.project_id)
    for purpose, key in signing.items():
        token = jwt.encode(claims, key, "HS256")
        if purpose == "user tokens":
            assert call.whoami(X_Appwrite_JWT=token) == person.user_id
        else:
            assert call.error("GET", "/account", X_Appwrite_JWT=token) == INVALID_JWT, purpose
        as_key = {"X_Appwrite_Key": f"ephemeral_{token}"}
        if purpose == "ephemeral keys":
            assert call("GET", "/users", **as_key).status_code == 200
        else:
            assert call.error("GET", "/users", **as_key) == UNAUTHORIZED, purpose


def test_keys_end_for_good(world: World) -> None:
    organization = world.organization()
    call = world.guest(organization.project_id).with_headers(X_Appwrite_Key=organization.key)
    assert call("GET", "/users").status_code == 200
    world.change(CONSOLE_PROJECT_ID, update(keys).values(expires_at=now() - 1))
    assert call.error("GET", "/users") == (401, "project_key_expired")
    world.change(CONSOLE_PROJECT_ID, update(keys).values(expires_at=0))
    assert call("GET", "/users").status_code == 200
    world.change(CONSOLE_PROJECT_ID, delete(keys).where(keys.c.project_id == organization.project_id))
    assert call.error("GET", "/users") == UNAUTHORIZED


def test_signed_keys_carry_nothing_but_scopes_of_keys(world: World, own: Organization) -> None:
    scopes = ["account", "console", "home", "projects.read", "projects.write", "users.write", "nonsense"]
    key = encode_key(own.project_id, scopes, now() + HOUR, world.api.instance.jwt_secret)
    call = world.guest(own.project_id).with_headers(X_Appwrite_Key=key)
    assert call.error("GET", "/account") == UNAUTHORIZED
    assert call.error("GET", "/projects") == (401, "general_access_forbidden")
    console = world.guest(CONSOLE_PROJECT_ID)
    for project_id in (own.project_id, CONSOLE_PROJECT_ID):
        forged = encode_key(project_id, scopes, now() + HOUR, world.api.instance.jwt_secret)
        assert console.error("GET", "/projects", X_Appwrite_Key=forged) == UNAUTHORIZED
        assert console.error("GET", "/users", X_Appwrite_Key=forged) == UNAUTHORIZED


def test_keys_of_organisations_and_accounts(world: World, own: Organization, other: Organization) -> None:
    def make(owner: KeyOwner, scopes: list[str], expires: int = 0) -> str:
        platform = world.api.instance.database
        _, secret = world.api.run(
            lambda: platform.write(
                lambda transaction: insert_api_key(transaction.connection, owner, "Key", scopes, expires)
            )
        )
        return secret

    everything = ["projects.read", "projects.write", "users.read", "account", "teams.read", "teams.write"]
    console = world.guest(CONSOLE_PROJECT_ID)
    of_team = make(KeyOwner(team_id=own.team_id), everything)
    listed = console("GET", "/organization/projects", X_Appwrite_Key=of_team)
    assert [each["$id"] for each in listed.json()["projects"]] == [own.project_id]
    foreign = {"X_Appwrite_Key": of_team, "X_Appwrite_Organization": other.team_id}
    refused = console.error("GET", "/organization/projects", **foreign)
    assert refused == (403, "organization_id_missing")
    path = f"/organization/projects/{other.project_id}"
    assert console.error("GET", path, X_Appwrite_Key=of_team) == (404, "project_not_found")
    for path in ("/users", "/teams", "/account"):
        assert console.error("GET", path, X_Appwrite_Key=of_team) == UNAUTHORIZED, path
    assert world.guest(own.project_id).error("GET", "/users", X_Appwrite_Key=of_team) == UNAUTHORIZED

    of_account = make(KeyOwner(user_id=own.owner.user_id), everything)
    shown = {"X_Appwrite_Key": of_account, "X_Appwrite_User": own.owner.user_id}
    assert console.whoami(**shown) == own.owner.user_id
    assert console.error("GET", "/account", X_Appwrite_Key=of_account) == (403, "user_id_missing")
    for headers in (
        shown | {"X_Appwrite_User": other.owner.user_id},
        shown | {"X_Appwrite_Key": of_team},
        shown | {"X_Appwrite_Key": of_account[:-1]},
    ):
        assert console.error("GET", "/account", **headers) == UNAUTHORIZED
    assert console.error("GET", "/projects", **shown) == UNAUTHORIZED, "no scope of such keys"
    assert world.guest(own.project_id).error("GET", "/account", **shown) == UNAUTHORIZED
    expired = shown | {"X_Appwrite_Key": make(KeyOwner(user_id=own.owner.user_id), ["account"], 1)}
    assert console.error("GET", "/account", **expired) == (401, "account_key_expired")
    with_session = shown | {"Cookie": own.owner.cookie}
    assert console.error("GET", "/account", **with_session) == (403, "user_api_key_and_session_set")


def test_impersonation_needs_the_flag(world: World, own: Organization) -> None:
    support, plain, target = (world.person(own.project_id) for _ in range(3))
    wanted = {"X_Appwrite_Impersonate_User_Id": target.user_id}
    assert plain.call.whoami(**wanted) == plain.user_id
    assert plain.call.error("GET", "/users") == UNAUTHORIZED
    flag = update(users).where(users.c.id == support.user_id).values(impersonator=True)
    world.change(own.project_id, flag)
    for headers in (
        wanted,
        {"X_Appwrite_Impersonate_User_Email": target.email.upper()},
    ):
        answer = support.call("GET", "/account", **headers).json()
        assert (answer["$id"], answer["impersonatorUserId"]) == (target.user_id, support.user_id)
    for query in (
        f"impersonateuserid={target.user_id}",
        f"impersonateUserId={target.user_id}",
        f"impersonateemail={target.email}",
        f"impersonateEmail={target.email.upper()}",
        f"impersonateuserid={target.user_id}&impersonateEmail={plain.email}",
    ):
        assert support.call("GET", f"/account?{query}").json()["$id"] == target.user_id, query
    other = {"X_Appwrite_Impersonate_User_Id": target.user_id}
    assert support.call.whoami(**other) == target.user_id
    answer = support.call("GET", f"/account?impersonateuserid={plain.user_id}", **other)
    assert answer.json()["$id"] == target.user_id, "a header counts before the query"
    assert support.call.whoami(X_Appwrite_Impersonate_User_Id="nobody") == support.user_id
    assert support.call.whoami(X_Appwrite_Impersonate_User_Id="") == support.user_id
    assert support.call("GET", "/users").status_code == 200
    guest = world.guest(own.project_id)
    assert guest.whoami(**wanted) == ""
    assert guest.error("GET", "/account", X_Appwrite_Key=own.key, **wanted) == UNAUTHORIZED


def test_an_impersonator_is_not_saved_by_the_disguise(world: World, own: Organization) -> None:
    support, target = world.person(own.project_id), world.person(own.project_id)
    wanted = {"X_Appwrite_Impersonate_User_Id": target.user_id}
    world.change(own.project_id, update(users).where(users.c.id == support.user_id).values(impersonator=True))
    # The disguise has no session: nothing that outlives it can be made of it.
    assert support.call.error("POST", "/account/jwts", **wanted) == (404, "user_session_not_found")
    for who in (target, support):
        blocked = update(users).where(users.c.id == who.user_id)
        world.change(own.project_id, blocked.values(status=False))
        assert support.call.error("GET", "/account", **wanted) == (403, "user_blocked")
        world.change(own.project_id, blocked.values(status=True))
    needs_factor = update(users).where(users.c.id == support.user_id)
    world.change(own.project_id, needs_factor.values(mfa=True, email_verification=True))
    assert support.call.error("GET", "/account", **wanted) == (401, "user_more_factors_required")
    assert support.call.error("GET", "/account") == (401, "user_more_factors_required")


@pytest.mark.parametrize(
    "extra",
    [
        {"impersonator": True},
        {"labels": ["admin"]},
        {"emailVerification": True},
        {"status": False},
        {"mfa": True},
        {"$id": "chosen", "$createdAt": "2000-01-01"},
        {"roles": ["owner"], "scopes": ["users.write"]},
        {"passwordHash": "x", "password_hash": "x", "hash": "md5"},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_signing_up_sets_nothing_but_what_is_asked_for(
    world: World, own: Organization, extra: dict[str, object]
) -> None:
    user_id = fresh("u")
    body = {"userId": user_id, "email": f"{user_id}@example.com", "password": "a password of nobody else"}
    answer = world.guest(own.project_id)("POST", "/account", body | extra)
    assert answer.status_code == 201, answer.text
    account = answer.json()
    assert account["$id"] == user_id
    assert not account["$createdAt"].startswith("2000")
    assert (account["impersonator"], account["labels"], account["emailVerification"]) == (False, [], False)
    assert (account["status"], account["mfa"]) == (True, False)
