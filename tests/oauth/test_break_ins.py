"""Attempts to be somebody else by way of a provider, or to make the server call where it may not."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from tests.oauth.people import SUCCESS, Visitor, error_of, told_by
from tests.oauth.stand import RECORDED, Stand, returned
from tests.services.platform.people import PASSWORD, Person, Program
from tests.support.api import ApiServer
from tidewire.store.engine.database import Transaction
from tidewire.store.records.oauth2_attempts import find_attempt, keep_attempt

USERINFO = "/openidconnect.googleapis.com/v1/userinfo"
NOT_UNDER_WAY = "user_oauth2_bad_request"


def at_the_end(visitor: Visitor, **told: str) -> httpx.Response:
    """Come to the last step with what somebody made up."""
    parameters = {"project": visitor.project, **told}
    return visitor.client.get("/account/sessions/oauth2/google/redirect", params=parameters)


def mail_of(visitor: Visitor, email: str, *, verified: bool) -> None:
    """Have the provider say that whoever signs in there has this address."""
    claims = RECORDED["google"].profile[USERINFO]
    visitor.stand.answers[USERINFO] = claims | {"email": email, "email_verified": verified}


@pytest.mark.parametrize(
    "state", ["", "forged", '{"success":"http://localhost/in","failure":""}', "a" * 2048]
)
def test_a_forged_state(visitor: Visitor, state: str) -> None:
    visitor.begin()
    asked = len(visitor.stand.asked)
    answer = at_the_end(visitor, code="code-0", **({"state": state} if state else {}))
    assert (answer.status_code, answer.json()["type"]) == (400, NOT_UNDER_WAY)
    assert "location" not in answer.headers
    assert len(visitor.stand.asked) == asked


def test_a_state_works_once(visitor: Visitor) -> None:
    there = visitor.begin()
    code = visitor.stand.code_for(there)
    assert told_by(visitor.come_back(there, code=code)) == {"url": SUCCESS}
    asked = len(visitor.stand.asked)
    for again in (code, visitor.stand.code_for(there)):
        assert visitor.come_back(there, code=again).json()["type"] == NOT_UNDER_WAY
    assert len(visitor.stand.asked) == asked


def test_a_code_is_not_taken_twice(visitor: Visitor) -> None:
    first = visitor.begin()
    code = visitor.stand.code_for(first)
    visitor.come_back(first, code=code)
    assert error_of(told_by(visitor.come_back(visitor.begin(), code=code))) == "user_oauth2_provider_failure"


def test_a_stolen_code_lacks_the_proof_key(visitor: Visitor) -> None:
    stolen = visitor.stand.code_for(visitor.begin())
    assert (
        error_of(told_by(visitor.come_back(visitor.begin(), code=stolen))) == "user_oauth2_provider_failure"
    )
    assert visitor.get_refused() == "general_unauthorized_scope"


def test_a_sign_in_that_another_browser_began(visitor: Visitor) -> None:
    """An attacker who begins it cannot have a victim end it, and be signed in, or joined, as the attacker."""
    there = visitor.begin()
    code = visitor.stand.code_for(there)
    with Visitor.open(visitor.api, visitor.project, visitor.stand) as victim:
        victim.post("/sessions/anonymous", {})
        before = victim.account()
        for cookie in ("", "a" * 43):
            if cookie:
                name = next(name for name in visitor.client.cookies if name.startswith("a_oauth2_"))
                victim.client.cookies.set(name, cookie)
            assert victim.come_back(there, code=code).json()["type"] == NOT_UNDER_WAY
        assert victim.account() == before
        assert victim.get("/identities")["total"] == 0
    assert told_by(visitor.come_back(there, code=code)) == {"url": SUCCESS}


def test_a_state_of_another_project_or_provider(visitor: Visitor, person: Person) -> None:
    other = person.project()
    there = visitor.begin()
    back = returned(there, code=visitor.stand.code_for(there))
    for wrong in (back.replace(visitor.project, other), back.replace("callback/google", "callback/github")):
        answer = visitor.client.get(visitor.at(visitor.client.get(wrong).headers["location"]))
        assert answer.json()["type"] == NOT_UNDER_WAY
    assert (
        told_by(visitor.client.get(visitor.at(visitor.client.get(back).headers["location"])))["url"]
        == SUCCESS
    )


def test_an_attempt_ends_by_itself(visitor: Visitor) -> None:
    there = visitor.begin()
    code = visitor.stand.code_for(there)

    async def age() -> None:
        store = await visitor.api.instance.project(visitor.project)
        assert store is not None
        await store.database.write(
            lambda transaction: (
                transaction.connection.exec_driver_sql("UPDATE oauth2_attempts SET expires_at = 1") and None
            )
        )

    visitor.api.run(age)
    assert visitor.come_back(there, code=code).json()["type"] == NOT_UNDER_WAY


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "http://localhost@evil.example/",
        "http://localhost.evil.example/",
        "http://evil.example\\@localhost/",
        "data:text/html,x",
        "appwrite-callback-other://x",
    ],
)
@pytest.mark.parametrize("kind", ["sessions", "tokens"])
def test_redirects_to_foreign_places(visitor: Visitor, url: str, kind: str) -> None:
    for name in ("success", "failure"):
        answer = visitor.begun("google", kind, **{name: url})
        assert (answer.status_code, answer.json()["type"]) == (400, "general_argument_invalid"), url
        assert "location" not in answer.headers


def test_a_platform_that_is_taken_out_meanwhile(visitor: Visitor, admin: Program) -> None:
    web = {"platformId": "unique()", "name": "Web", "hostname": "app.example.com", "type": "web"}
    platform = admin.done("POST", "/project/platforms/web", web)["$id"]
    there = visitor.begin(success="https://app.example.com/in")
    admin.done("DELETE", f"/project/platforms/{platform}")
    answer = visitor.come_back(there, code=visitor.stand.code_for(there))
    assert answer.json()["type"] == "project_invalid_success_url"


def test_the_callback_leads_only_to_this_server(visitor: Visitor) -> None:
    answer = visitor.client.get(
        "/account/sessions/oauth2/callback/google/evil.example%2F..%2F..?state=x&code=y"
    )
    assert "/v1/account/sessions/oauth2/google/redirect?" in visitor.at(answer.headers["location"])


def test_an_address_that_is_not_verified_opens_no_account(visitor: Visitor, admin: Program) -> None:
    given: dict[str, Any] = {"userId": "unique()", "email": "victim@example.com", "password": PASSWORD}
    victim = admin.done("POST", "/users", given)["$id"]
    admin.done("PATCH", f"/users/{victim}/verification", {"emailVerification": True})
    mail_of(visitor, "victim@example.com", verified=False)
    assert error_of(visitor.sign_in()) == "general_bad_request"
    assert visitor.get_refused() == "general_unauthorized_scope"
    assert admin.done("GET", f"/users/identities?search={victim}")["total"] == 0


def test_an_account_that_was_made_in_advance_is_not_shared(visitor: Visitor, admin: Program) -> None:
    """Whoever signed up with somebody's address before loses all ways in when its owner comes."""
    with Visitor.open(visitor.api, visitor.project, visitor.stand) as attacker:
        attacker.post("", {"userId": "unique()", "email": "google@example.com", "password": PASSWORD})
        attacker.post("/sessions/email", {"email": "google@example.com", "password": PASSWORD})
        user = attacker.account()["$id"]
        admin.done("PATCH", f"/users/{user}/phone", {"number": "+4915112345678"})
        discord = "/discord.com/api/users/@me"
        attacker.stand.answers[discord] = {
            "id": "1",
            "username": "evil",
            "verified": True,
            "email": "evil@example.com",
        }
        attacker.sign_in("discord", "tokens")
        token = admin.done("POST", f"/users/{user}/tokens")["secret"]

        visitor.sign_in()
        account = visitor.account()
        assert (account["$id"], account["emailVerification"], account["phone"]) == (user, True, "")
        assert attacker.get_refused() == "general_unauthorized_scope"
        password = attacker.post("/sessions/email", {"email": "google@example.com", "password": PASSWORD})
        assert password.json()["type"] == "user_invalid_credentials"
        by_token = attacker.post("/sessions/token", {"userId": user, "secret": token})
        assert by_token.json()["type"] == "user_invalid_token"
        attacker.client.cookies.clear()
        attacker.sign_in("discord")
        assert attacker.account()["$id"] != user
    assert [each["provider"] for each in visitor.get("/identities")["identities"]] == ["google"]


def test_an_identity_of_another_user_is_not_taken_over(visitor: Visitor) -> None:
    visitor.sign_in()
    owner = visitor.account()["$id"]
    with Visitor.open(visitor.api, visitor.project, visitor.stand) as other:
        other.post("/sessions/anonymous", {})
        assert error_of(other.sign_in()) == "user_already_exists"
        assert other.account()["email"] == ""
    visitor.client.cookies.clear()
    visitor.sign_in()
    assert visitor.account()["$id"] == owner


def test_who_signs_in_as_somebody_else_meanwhile_is_not_joined(visitor: Visitor) -> None:
    visitor.post("/sessions/anonymous", {})
    there = visitor.begin()
    visitor.client.delete("/account/sessions/current", headers={"X-Appwrite-Project": visitor.project})
    visitor.client.cookies.delete(f"a_session_{visitor.project}")
    visitor.client.cookies.delete(f"a_session_{visitor.project}_legacy")
    visitor.post("/sessions/anonymous", {})
    told = told_by(visitor.come_back(there, code=visitor.stand.code_for(there)))
    assert error_of(told) == "user_unauthorized"
    assert visitor.account()["email"] == ""


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (RECORDED["google"].token, b"x" * 60_000),
        (RECORDED["google"].token, b"[" * 20_000),
        (RECORDED["google"].token, b"\xff\xfe"),
        (RECORDED["google"].token, {"access_token": {"a": 1}}),
        (RECORDED["google"].token, {"access_token": "a\r\nx-evil: 1"}),
        (RECORDED["google"].token, 500),
        (USERINFO, b"x" * 60_000),
        (USERINFO, {"sub": None}),
        (USERINFO, {"sub": {"$ne": ""}, "email": ["a@example.com"]}),
        (USERINFO, {"sub": "x" * 300}),
        (USERINFO, []),
        (USERINFO, 302),
    ],
)
def test_answers_that_are_no_answers(visitor: Visitor, path: str, answer: Any) -> None:
    visitor.stand.answers[path] = answer
    assert error_of(visitor.sign_in()) == "user_oauth2_provider_failure"
    assert visitor.get_refused() == "general_unauthorized_scope"


def test_odd_profiles_are_kept_within_bounds(visitor: Visitor) -> None:
    visitor.stand.answers[USERINFO] = {
        "sub": 7,
        "email": "A@EXAMPLE.COM",
        "name": "x" * 5000,
        "email_verified": 1,
    }
    visitor.sign_in()
    account = visitor.account()
    assert (account["email"], len(account["name"])) == ("a@example.com", 128)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "id of another app"},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_001},
        {"nonce": "of another sign-in"},
        {"azp": "another app"},
        {"aud": ["id of apple", "another app"]},
    ],
)
def test_id_tokens_that_do_not_hold(visitor: Visitor, claims: dict[str, Any]) -> None:
    visitor.stand.claims.update(claims)
    assert error_of(visitor.sign_in("apple")) == "user_oauth2_provider_failure"


@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://localhost:1/",
        "https://[::1]/",
        "http://example.com/",
    ],
)
def test_settings_do_not_make_the_server_call_its_neighbours(
    visitor: Visitor, admin: Program, stand: Stand, address: str
) -> None:
    well_known = address + ".well-known/openid-configuration"
    given = {"clientId": "a", "clientSecret": "b", "wellKnownURL": well_known, "enabled": True}
    admin.done("PATCH", "/project/oauth2/oidc", given)
    answer = visitor.begun("oidc")
    assert answer.json()["type"] == "user_oauth2_provider_failure"
    three = {"authorizationURL": stand.url + "/a", "tokenURL": address + "t", "userInfoURL": address + "u"}
    admin.done("PATCH", "/project/oauth2/oidc", three)
    there = visitor.begin("oidc")
    assert error_of(told_by(visitor.come_back(there, code="x"))) == "user_oauth2_provider_failure"


def test_wrong_credentials_of_the_app_are_told_when_it_is_set_up(admin: Program, stand: Stand) -> None:
    token = RECORDED["github"].token
    stand.answers[token] = {"error": "incorrect_client_credentials", "error_description": "Wrong."}
    refused = admin.call("PATCH", "/project/oauth2/github", {"clientSecret": "wrong", "enabled": True})
    assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")
    assert "wrong" not in refused.json()["message"].replace("Wrong", "")
    assert admin.done("PATCH", "/project/oauth2/github", {"clientSecret": "wrong"})["enabled"] is False


@pytest.mark.parametrize("error", [{"code": 1}, ["invalid_client"], 7, None])
def test_odd_errors_about_the_app_are_none_of_the_servers(admin: Program, stand: Stand, error: Any) -> None:
    """What the provider says is not that it does not know the app."""
    stand.answers[RECORDED["github"].token] = {"error": error}
    assert admin.done("PATCH", "/project/oauth2/github", {"clientSecret": "new", "enabled": True})["enabled"]


def test_pages_elsewhere_cannot_read_or_begin_with_scripts(visitor: Visitor) -> None:
    answer = visitor.client.get(
        "/account/sessions/oauth2/google",
        params={"project": visitor.project},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.json()["type"] == "general_unknown_origin"


def test_there_are_not_more_attempts_than_allowed(api: ApiServer, visitor: Visitor) -> None:
    there = visitor.begin()

    def keep_one(state: str, transaction: Transaction) -> None:
        keep_attempt(transaction.connection, state, "sealed", 60, 3)

    async def many() -> None:
        store = await api.instance.project(visitor.project)
        assert store is not None
        for each in ("one", "two", "three"):
            await store.database.write(partial(keep_one, each))
        kept = await store.database.read(
            lambda connection: [find_attempt(connection, each) for each in ("one", "two", "three")]
        )
        assert kept == ["sealed"] * 3

    api.run(many)
    assert visitor.come_back(there, code="x").json()["type"] == NOT_UNDER_WAY
