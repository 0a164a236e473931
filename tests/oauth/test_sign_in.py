"""Signing in at providers: sessions, tokens, identities, refreshed tokens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from tests.oauth.people import FAILURE, SUCCESS, Visitor, error_of, told_by
from tests.oauth.stand import RECORDED
from tests.services.platform.people import PASSWORD, Person, Program
from tidewire.store.schema import sessions, user_identities

UIDS = {
    "google": "110248495921238986420",
    "github": "583231",
    "apple": "001234.abcdef.0123",
    "facebook": "10152",
    "microsoft": "87d349ed-44d7-43e1-9a83-5f2406dee5bd",
    "discord": "80351110224678912",
}
VERIFIED = {"google", "github", "apple", "discord"}


@pytest.mark.parametrize("provider", RECORDED)
def test_a_session_of_each_recorded_provider(visitor: Visitor, provider: str) -> None:
    there = visitor.begin(provider)
    assert there.startswith(visitor.stand.url + RECORDED[provider].authorize)
    told = told_by(visitor.come_back(there, code=visitor.stand.code_for(there)))
    assert told == {"url": SUCCESS}
    account = visitor.account()
    assert (account["email"], account["emailVerification"]) == (
        f"{provider}@example.com",
        provider in VERIFIED,
    )
    session = visitor.get("/sessions/current")
    assert (session["provider"], session["providerUid"]) == (provider, UIDS[provider])
    assert session["providerAccessToken"] == RECORDED[provider].tokens["access_token"]
    assert bool(session["providerAccessTokenExpiry"]) == ("expires_in" in RECORDED[provider].tokens)
    assert session["factors"] == ["email", "oauth2"]
    (identity,) = visitor.get("/identities")["identities"]
    assert (identity["providerEmail"], identity["userId"]) == (f"{provider}@example.com", account["$id"])


def test_what_providers_are_asked(visitor: Visitor) -> None:
    for provider in RECORDED:
        visitor.client.cookies.clear()
        visitor.sign_in(provider, **{"scopes[0]": "extra"})
    forms = {path: values for method, path, _, values in visitor.stand.asked if method == "POST"}
    for provider, recorded in RECORDED.items():
        form = forms[recorded.token]
        assert (form["grant_type"], form["client_id"]) == ("authorization_code", f"id of {provider}")
        assert form["redirect_uri"].endswith(
            f"/v1/account/sessions/oauth2/callback/{provider}/{visitor.project}"
        )
        assert bool(form.get("code_verifier")) == (provider in {"google", "github", "microsoft", "discord"})
    assert forms[RECORDED["google"].token]["client_secret"] == "s3cret"
    assert forms[RECORDED["apple"].token]["client_secret"].count(".") == 2  # signed for this request
    headers = {path: headers for _, path, headers, _ in visitor.stand.asked}
    assert headers["/api.github.com/user"]["authorization"].startswith("Bearer gho_")
    assert headers["/api.github.com/user"]["user-agent"].startswith("Tidewire/")


def test_a_token_for_a_session(visitor: Visitor) -> None:
    told = visitor.sign_in("google", "tokens", state="of the app")
    assert (told["url"], told["state"]) == (SUCCESS, "of the app")
    assert visitor.get_refused() == "general_unauthorized_scope"
    given = {"userId": told["userId"], "secret": told["secret"]}
    made = visitor.post("/sessions/token", given)
    assert made.status_code == 201, made.text
    assert (made.json()["provider"], made.json()["providerAccessToken"]) == ("google", "access-1")
    assert made.json()["providerUid"] == UIDS["google"]
    visitor.client.cookies.clear()
    assert visitor.post("/sessions/token", given).json()["type"] == "user_invalid_token"


def test_a_token_goes_with_the_identity(visitor: Visitor) -> None:
    visitor.sign_in("google")
    (identity,) = visitor.get("/identities")["identities"]
    told = visitor.sign_in("google", "tokens")
    removed = visitor.client.delete(
        f"/account/identities/{identity['$id']}", headers={"X-Appwrite-Project": visitor.project}
    )
    assert removed.status_code == 204
    visitor.client.cookies.clear()
    refused = visitor.post("/sessions/token", {"userId": told["userId"], "secret": told["secret"]})
    assert refused.json()["type"] == "user_invalid_token"


def test_the_same_person_comes_back(visitor: Visitor) -> None:
    visitor.sign_in()
    first = visitor.account()["$id"]
    visitor.client.cookies.clear()
    visitor.sign_in()
    assert visitor.account()["$id"] == first
    assert visitor.get("/identities")["total"] == 1
    assert len(visitor.get("/sessions")["sessions"]) == 2


def test_without_addresses_the_browser_ends_at_pages_of_the_server(visitor: Visitor) -> None:
    told = visitor.sign_in("google", success="", failure="")
    assert told["url"].endswith("/console/auth/oauth2/success")
    assert (told["project"], told["key"]) == (visitor.project, f"a_session_{visitor.project}")
    assert (told["domain"], told["secret"]) == ("localhost", visitor.client.cookies[told["key"]])
    there = visitor.begin("google", success="", failure="")
    failed = told_by(visitor.come_back(there, error="access_denied"))
    assert failed["url"].endswith("/console/auth/oauth2/failure")
    assert failed["project"] == visitor.project


def test_tokens_are_refreshed(visitor: Visitor) -> None:
    visitor.sign_in()
    changed = visitor.patch("/sessions/current")
    assert (changed["providerAccessToken"], changed["providerRefreshToken"]) == ("access-2", "refresh-1")
    (identity,) = visitor.get("/identities")["identities"]
    assert identity["providerAccessToken"] == "access-2"
    visitor.stand.answers[RECORDED["google"].token] = {"error": "invalid_grant"}
    refused = visitor.client.patch(
        "/account/sessions/current", headers={"X-Appwrite-Project": visitor.project}, json={}
    )
    assert refused.json()["type"] == "user_oauth2_provider_failure"
    assert visitor.get("/sessions/current")["providerAccessToken"] == "access-2"


def test_tokens_are_sealed_at_rest_and_in_no_event(visitor: Visitor, admin: Program) -> None:
    admin.done(
        "POST",
        "/webhooks",
        {"webhookId": "unique()", "name": "all", "url": "http://127.0.0.1:1/", "events": ["users.*"]},
    )
    visitor.sign_in("github")
    secret = RECORDED["github"].tokens["access_token"]

    async def rows() -> tuple[str, str]:
        store = await visitor.api.instance.project(visitor.project)
        assert store is not None
        stored = await store.database.read(
            lambda connection: [
                str(connection.execute(select(table)).all()) for table in (sessions, user_identities)
            ]
        )
        log = store.database.path.read_bytes() if hasattr(store.database, "path") else b""
        return "".join(stored), log.decode("latin-1")

    stored, log = visitor.api.run(rows)
    assert "github" in stored
    assert secret not in stored + log


def test_an_anonymous_user_becomes_one_with_an_address(visitor: Visitor) -> None:
    visitor.post("/sessions/anonymous", {})
    before, session = visitor.account(), visitor.get("/sessions/current")
    visitor.sign_in()
    account = visitor.account()
    assert (before["email"], account["$id"]) == ("", before["$id"])
    assert (account["email"], account["name"]) == ("google@example.com", "Ada Lovelace")
    assert account["emailVerification"] is True
    assert [each["$id"] for each in visitor.get("/sessions")["sessions"]] != [session["$id"]]
    assert len(visitor.get("/sessions")["sessions"]) == 1


def test_a_second_provider_joins_the_account(visitor: Visitor) -> None:
    visitor.sign_in("google")
    first = visitor.account()["$id"]
    visitor.sign_in("github", "tokens")
    assert visitor.account()["$id"] == first
    assert {each["provider"] for each in visitor.get("/identities")["identities"]} == {"google", "github"}
    visitor.client.cookies.clear()
    visitor.sign_in("github")
    assert visitor.account()["$id"] == first


def test_what_the_provider_refuses_is_told_to_the_app(visitor: Visitor) -> None:
    there = visitor.begin()
    told = told_by(visitor.come_back(there, error="access_denied", error_description="The user said no."))
    error = msgspec.json.decode(told["error"])
    assert (told["url"], error["type"]) == (FAILURE, "user_oauth2_provider_error")
    assert "The user said no." in error["message"]
    assert "project" not in told
    assert error_of(told_by(visitor.come_back(visitor.begin()))) == "user_oauth2_provider_error"
    wrong = visitor.begin()
    assert error_of(told_by(visitor.come_back(wrong, code="never-given"))) == "user_oauth2_provider_failure"


def test_blocked_users_and_full_projects(visitor: Visitor, admin: Program) -> None:
    visitor.sign_in()
    user = visitor.account()["$id"]
    admin.done("PATCH", f"/users/{user}/status", {"status": False})
    visitor.client.cookies.clear()
    assert error_of(visitor.sign_in()) == "user_blocked"
    admin.done("PATCH", "/project/policies/user-limit", {"total": 1})
    assert error_of(visitor.sign_in("github")) == "user_count_exceeded"


def test_apple_sends_a_form_from_its_own_page(visitor: Visitor) -> None:
    there = visitor.begin("apple")
    query = dict(part.split("=", 1) for part in there.partition("?")[2].split("&"))
    assert query["response_mode"] == "form_post"
    user = msgspec.json.encode(
        {"name": {"firstName": "Ada", "lastName": "L"}, "email": "x@example.com"}
    ).decode()
    form = {"state": query["state"], "code": visitor.stand.code_for(there), "user": user}
    back = f"/account/sessions/oauth2/callback/apple/{visitor.project}"
    answer = visitor.client.post(back, data=form, headers={"Origin": "https://appleid.apple.com"})
    assert answer.status_code in {301, 303}, answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert told_by(visitor.client.get(visitor.at(answer.headers["location"]))) == {"url": SUCCESS}
    assert visitor.account()["name"] == "Ada L"


def test_a_server_begins_it_for_a_browser(visitor: Visitor, person: Person) -> None:
    program = person.key(visitor.project, "sessions.write")
    query = f"success={SUCCESS}&failure={FAILURE}"
    answer = program.call("GET", f"/account/tokens/oauth2/google?{query}")
    assert answer.status_code == 301
    assert "set-cookie" not in answer.headers
    there = answer.headers["location"]
    visitor.post("/sessions/anonymous", {})
    anonymous = visitor.account()["$id"]
    told = told_by(visitor.come_back(there, code=visitor.stand.code_for(there)))
    assert told["userId"] != anonymous
    assert visitor.get("/identities")["total"] == 0


def test_a_provider_that_is_switched_off(visitor: Visitor, admin: Program) -> None:
    there = visitor.begin()
    admin.done("PATCH", "/project/oauth2/google", {"enabled": False})
    assert visitor.begun().json()["type"] == "project_provider_disabled"
    told = told_by(visitor.come_back(there, code=visitor.stand.code_for(there)))
    assert error_of(told) == "project_provider_disabled"


def test_a_user_with_a_password_and_a_verified_address_is_joined(visitor: Visitor, admin: Program) -> None:
    given: dict[str, Any] = {"userId": "unique()", "email": "google@example.com", "password": PASSWORD}
    user = admin.done("POST", "/users", given)["$id"]
    admin.done("PATCH", f"/users/{user}/verification", {"emailVerification": True})
    visitor.sign_in()
    assert visitor.account()["$id"] == user
    visitor.client.cookies.clear()
    again = visitor.post("/sessions/email", {"email": "google@example.com", "password": PASSWORD})
    assert again.status_code == 201
