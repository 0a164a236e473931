"""Who may become a user, by which ways, and who acts as whom."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, insert, select

from tests.services.account.site import PASSWORD, Person, Site, payload
from tests.support.api import ApiServer, running_api
from tests.support.responses import checked_client
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings
from tidewire.store.schema import outgoing_messages, teams, user_identities
from tidewire.store.secrets.purposes import sign_up_code

Call = tuple[str, str, dict[str, str]]

CALLS: dict[str, list[Call]] = {
    "email-password": [
        ("POST", "", {"userId": "u", "email": "u@example.com", "password": PASSWORD}),
        ("POST", "/sessions/email", {"email": "u@example.com", "password": PASSWORD}),
    ],
    "magic-url": [("POST", "/tokens/magic-url", {"userId": "u", "email": "u@example.com"})],
    "email-otp": [("POST", "/tokens/email", {"userId": "u", "email": "u@example.com"})],
    "phone": [("POST", "/tokens/phone", {"userId": "u", "phone": "+4915112345678"})],
    "anonymous": [("POST", "/sessions/anonymous", {})],
}


@pytest.mark.parametrize("method", CALLS)
def test_ways_that_are_switched_off(site: Site, method: str) -> None:
    site.change_settings(disabled_auth_methods=frozenset({method}))
    for name, calls in CALLS.items():
        for verb, path, body in calls:
            response = site.visitor().call(verb, path, **body)
            refused = response.status_code == 501
            assert refused == (name == method), response.text
            if refused:
                assert response.json()["type"] == "user_auth_method_unsupported"


def test_jwts_and_phone_verification_can_be_switched_off(site: Site) -> None:
    ada = site.person()
    site.change_settings(disabled_auth_methods=frozenset({"jwt", "phone"}))
    ada.refused("user_auth_method_unsupported", "POST", "/jwts")
    ada.refused("user_auth_method_unsupported", "POST", "/verifications/phone")


def test_servers_use_all_ways(site: Site) -> None:
    site.change_settings(disabled_auth_methods=frozenset({"email-otp"}))
    site.server("sessions.write").expect(201, "POST", "/tokens/email", userId="u", email="u@example.com")


def test_a_full_project(site: Site) -> None:
    site.change_settings(user_limit=2)
    site.person(signed_in=False)
    site.visitor().expect(201, "POST", "/sessions/anonymous")
    visitor = site.visitor()
    visitor.refused("user_count_exceeded", "POST", "/sessions/anonymous")
    visitor.refused(
        "user_count_exceeded", "POST", "", userId="unique()", email="new@example.com", password=PASSWORD
    )


def test_imported_hashes_become_ours_at_the_next_login(site: Site) -> None:
    ada = site.person(signed_in=False)
    site.change_user(
        ada.id,
        password_hash="5f4dcc3b5aa765d61d8327deb882cf99",
        hash="md5",
        password_history=["5f4dcc3b5aa765d61d8327deb882cf99"],
    )
    ada.refused("user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD)
    assert site.user(ada.id).hash == "md5"
    ada.sign_in(password="password")
    row = site.user(ada.id)
    assert row.hash == "argon2"
    assert row.password_hash.startswith("$argon2id$")
    assert row.password_history == [row.password_hash]
    site.visitor().sign_in(ada.email, "password")


def test_of_many_who_show_a_link_at_once_one_signs_in(site: Site) -> None:
    site.visitor().expect(
        201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com", url="http://localhost/x"
    )
    secret = site.link_to("ada@example.com")["secret"]
    visitors = [site.visitor() for _ in range(8)]

    def show(visitor: Person) -> int:
        return visitor.call("POST", "/sessions/token", userId="ada", secret=secret).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(show, visitors)) == [201] + [401] * 7


def test_identities(site: Site) -> None:
    ada, bob = site.person(), site.person()
    row = {
        "id": "i1",
        "created_at": 1,
        "updated_at": 1,
        "user_id": ada.id,
        "provider": "github",
        "provider_uid": "42",
        "provider_email": "ada@github.example",
        "access_token": "secret-token",
        "refresh_token": "secret-refresh",
    }
    site.write(lambda transaction: transaction.connection.execute(insert(user_identities), row) and None)
    listed = ada.expect(200, "GET", "/identities")
    assert (listed["total"], listed["identities"][0]["provider"]) == (1, "github")
    query = '{"method":"equal","attribute":"provider","values":["google"]}'
    assert ada.expect(200, "GET", "/identities", **{"queries[0]": query})["identities"] == []
    assert bob.expect(200, "GET", "/identities")["total"] == 0
    bob.refused("user_identity_not_found", "DELETE", "/identities/i1")
    ada.expect(204, "DELETE", "/identities/i1")
    event = site.event("users.[userId].identities.[identityId].delete")
    assert payload(event)["$id"] == "i1"
    assert b"secret-" not in event.payload
    ada.refused("user_identity_not_found", "DELETE", "/identities/i1")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("PATCH", "/mfa"),
        ("GET", "/logs"),
        ("GET", "/identities"),
        ("POST", "/targets/push"),
        ("POST", "/verifications/email"),
        ("PATCH", "/sessions/current"),
    ],
)
def test_accounts_are_for_users(site: Site, method: str, path: str) -> None:
    body: dict[str, Any] = {"mfa": True, "targetId": "t", "identifier": "i", "url": "http://localhost/x"}
    if method == "GET":
        body = {}
    for stranger in (
        site.visitor(),
        site.server("account", "sessions.write", "targets.write", "users.write"),
    ):
        stranger.refused("general_unauthorized_scope", method, path, **body)


@pytest.fixture
def fresh(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    """An instance that nobody has used yet."""
    settings = Settings(data_dir=str(tmp_path), synchronous="normal", rate_limits=False, trusted_proxies=True)
    settings = replace_settings(settings, console_signup=request.param)
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


def replace_settings(settings: Settings, **changes: Any) -> Settings:
    """The settings with some changes."""

    return msgspec.structs.replace(settings, **changes)


def console_sign_up(server: ApiServer, name: str, query: str = "", **headers: str) -> tuple[int, Any]:
    """Sign up for the console; header names with ``_`` for ``-``."""
    sent = {"X-Appwrite-Project": "console"} | {key.replace("_", "-"): headers[key] for key in headers}
    body = {"userId": "unique()", "email": f"{name}@example.com", "password": PASSWORD}
    with checked_client(base_url=server.url, headers=sent, timeout=30) as client:
        response = client.post(f"/v1/account{query}", json=body)
        return response.status_code, response.json()


ELSEWHERE: list[dict[str, str]] = [
    {"X_Forwarded_For": "203.0.113.9"},
    {"X_Forwarded_For": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"X_Real_IP": "127.0.0.1"},
    {"Via": "1.1 proxy"},
    {"Host": "api.example.com"},
    {"Host": "localhost.example.com"},
]
"""What a proxy on the same machine sends on, one way or another."""


@pytest.mark.parametrize("fresh", ["first"], indirect=True)
def test_the_first_person_gets_the_console(fresh: ApiServer) -> None:
    assert console_sign_up(fresh, "ada")[0] == 201
    for name in ("ada", "bob"):
        status, answer = console_sign_up(fresh, name)
        assert (status, answer["type"]) == (501, "user_console_count_exceeded")
    headers = {"X-Appwrite-Project": "console"}
    with checked_client(base_url=fresh.url, headers=headers, timeout=30) as client:
        assert (
            client.post("/v1/account/sessions/anonymous").json()["type"]
            == "user_anonymous_console_prohibited"
        )
        token = client.post("/v1/account/tokens/email", json={"userId": "u", "email": "bob@example.com"})
        assert token.status_code == 201  # and nothing is sent


@pytest.mark.parametrize("fresh", ["first"], indirect=True)
@pytest.mark.parametrize("in_url", [False, True])
def test_from_elsewhere_the_first_person_needs_the_code(fresh: ApiServer, in_url: bool) -> None:
    code = sign_up_code(fresh.instance.jwt_secret)
    for headers in ELSEWHERE:
        for wrong in ("", "A" * len(code), code[:-1], code.lower()):
            sent = {"X_Tidewire_Sign_Up_Code": wrong}
            status, answer = console_sign_up(fresh, "eve", **sent, **headers)
            assert (status, answer["type"]) == (401, "user_ip_not_whitelisted")
    query = f"?signUpCode={code}" if in_url else ""
    shown = {} if in_url else {"X_Tidewire_Sign_Up_Code": code}
    assert console_sign_up(fresh, "ada", query, **shown, **ELSEWHERE[0])[0] == 201
    assert console_sign_up(fresh, "bob", query, **shown, **ELSEWHERE[0])[0] == 501


@pytest.mark.parametrize("fresh", ["localhost"], indirect=True)
def test_the_first_person_from_this_computer(fresh: ApiServer) -> None:
    code = sign_up_code(fresh.instance.jwt_secret)
    for headers in ELSEWHERE:
        status, answer = console_sign_up(fresh, "eve", X_Tidewire_Sign_Up_Code=code, **headers)
        assert (status, answer["type"]) == (401, "user_ip_not_whitelisted")
    assert console_sign_up(fresh, "ada")[0] == 201
    assert console_sign_up(fresh, "bob")[0] == 501


@pytest.mark.parametrize("fresh", ["open"], indirect=True)
def test_an_open_console(fresh: ApiServer) -> None:
    assert [console_sign_up(fresh, name, **ELSEWHERE[0])[0] for name in ("ada", "bob")] == [201, 201]


@pytest.mark.parametrize("fresh", ["first"], indirect=True)
def test_an_owner_leaves_the_team_before_the_console(fresh: ApiServer) -> None:
    console_sign_up(fresh, "ada")
    with checked_client(base_url=fresh.url, headers={"X-Appwrite-Project": "console"}, timeout=30) as client:
        client.post("/v1/account/sessions/email", json={"email": "ada@example.com", "password": PASSWORD})
        for team in ("t1", "t2"):
            assert client.post("/v1/teams", json={"teamId": team, "name": "Team"}).status_code == 201
        project = {"projectId": "p1", "name": "P", "teamId": "t1"}
        assert client.post("/v1/projects", json=project).status_code == 201
        refused = client.delete("/v1/account")
        assert refused.json()["type"] == "user_deletion_prohibited"
        assert client.get("/v1/teams").json()["total"] == 2
        assert client.delete("/v1/teams/t1").status_code == 204
        assert client.request("DELETE", "/v1/account").status_code == 204
    # The team without projects went along with its only member.
    left = select(func.count()).select_from(teams)
    assert fresh.run(lambda: fresh.instance.database.read(lambda connection: connection.scalar(left))) == 0
    assert console_sign_up(fresh, "bob")[0] == 201


@pytest.mark.parametrize("alerts", [True, False])
def test_people_of_the_console_are_told_of_new_sign_ins_where_that_is_set(
    tmp_path: Path, alerts: bool
) -> None:
    settings = Settings(
        data_dir=str(tmp_path), synchronous="normal", console_signup="open", console_session_alerts=alerts
    )
    with running_api(settings, ALL_OPERATIONS) as api:
        console_sign_up(api, "ada")
        for _ in range(2):
            with checked_client(base_url=api.url, headers={"X-Appwrite-Project": "console"}) as client:
                body = {"email": "ada@example.com", "password": PASSWORD}
                assert client.post("/v1/account/sessions/email", json=body).status_code == 201
        sent = select(outgoing_messages.c.recipient, outgoing_messages.c.channel)
        told = api.run(lambda: api.instance.database.read(lambda connection: connection.execute(sent).all()))
    assert [tuple(row) for row in told] == ([("ada@example.com", "mail")] if alerts else [])
