"""Signing in by link and by code."""

from __future__ import annotations

import re

import pytest

from tests.services.account.site import PASSWORD, Site, other_code, payload
from tidewire.core.project_settings import MockNumber
from tidewire.store.records.tokens import MOST_ATTEMPTS
from tidewire.store.schema import tokens

URL = "http://localhost/back?x=1"
PHONE = "+4915112345678"


def test_a_magic_link_makes_a_user_and_works_once(site: Site) -> None:
    visitor = site.visitor()
    token = visitor.expect(201, "POST", "/tokens/magic-url", userId="ada", email="Ada@Example.com", url=URL)
    assert (token["userId"], token["secret"], token["phrase"]) == ("ada", "", "")
    link = site.link_to("ada@example.com")
    assert link["url"] == "http://localhost/back"
    assert (link["x"], link["userId"], link["expire"]) == ("1", "ada", token["expire"])
    session = visitor.expect(201, "POST", "/sessions/token", userId="ada", secret=link["secret"])
    assert (session["provider"], session["providerUid"]) == ("magic-url", "ada@example.com")
    assert session["factors"] == ["email"]
    account = visitor.expect(200, "GET", "")
    assert (account["emailVerification"], account["passwordUpdate"]) == (True, "")
    site.visitor().refused(
        "user_invalid_token", "POST", "/sessions/token", userId="ada", secret=link["secret"]
    )


def test_secrets_are_nowhere_but_in_the_mail(site: Site) -> None:
    site.visitor().expect(201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com", url=URL)
    secret = site.link_to("ada@example.com")["secret"]
    assert len(secret) == 64
    assert all(secret.encode() not in event.payload for event in site.events())
    rows = site.read(lambda connection: str(connection.execute(tokens.select()).all()))
    assert "magic-url" in rows
    assert secret not in rows


@pytest.mark.parametrize("path", ["/sessions/magic-url", "/sessions/phone"])
def test_older_ways_to_use_a_token(site: Site, path: str) -> None:
    visitor = site.visitor()
    visitor.expect(201, "POST", "/sessions/magic-url", userId="ada", email="ada@example.com", url=URL)
    secret = site.link_to("ada@example.com")["secret"]
    visitor.expect(201, "PUT", path, userId="ada", secret=secret)
    assert visitor.expect(200, "GET", "")["$id"] == "ada"


def test_a_link_without_an_address_leads_to_the_app(site: Site) -> None:
    site.visitor().expect(201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com")
    link = site.link_to("ada@example.com")
    assert link["url"] == f"appwrite-callback-{site.project_id}://auth/magic-url"
    assert link["project"] == site.project_id


def test_links_stop_working(site: Site) -> None:
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com", url=URL)
    site.expire()
    secret = site.link_to("ada@example.com")["secret"]
    visitor.refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=secret)


def test_a_link_is_its_users_alone(site: Site) -> None:
    bob = site.person(signed_in=False)
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com", url=URL)
    secret = site.link_to("ada@example.com")["secret"]
    visitor.refused("user_invalid_token", "POST", "/sessions/token", userId=bob.id, secret=secret)


def test_links_are_for_what_they_were_made(site: Site) -> None:
    ada = site.person()
    ada.expect(201, "POST", "/verifications/email", url=URL)
    verification = site.link_to(ada.email)["secret"]
    ada.expect(201, "POST", "/recovery", email=ada.email, url=URL)
    recovery = site.link_to(ada.email)["secret"]
    visitor = site.visitor()
    for secret in (verification, recovery):
        visitor.refused("user_invalid_token", "POST", "/sessions/token", userId=ada.id, secret=secret)
    visitor.refused("user_invalid_token", "PUT", "/verifications/email", userId=ada.id, secret=recovery)
    visitor.refused(
        "user_invalid_token", "PUT", "/recovery", userId=ada.id, secret=verification, password=PASSWORD
    )


def test_a_code_by_mail(site: Site) -> None:
    visitor = site.visitor()
    token = visitor.expect(201, "POST", "/tokens/email", userId="ada", email="ada@example.com", phrase=True)
    message = site.message_to("ada@example.com")
    assert re.fullmatch(r"\w+ \w+", token["phrase"])
    assert token["phrase"] in message.text
    assert token["phrase"] in message.html
    assert "Chrome, Linux" in message.text
    code = site.code_to("ada@example.com")
    visitor.refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=other_code(code))
    session = visitor.expect(201, "POST", "/sessions/token", userId="ada", secret=code)
    assert (session["provider"], session["factors"]) == ("email", ["email"])
    site.visitor().refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=code)


def test_codes_stop_working(site: Site) -> None:
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId="ada", email="ada@example.com")
    site.expire()
    code = site.code_to("ada@example.com")
    visitor.refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=code)


def test_wrong_codes_are_counted(site: Site) -> None:
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId="ada", email="ada@example.com")
    code = site.code_to("ada@example.com")
    for _ in range(MOST_ATTEMPTS):
        visitor.refused(
            "user_invalid_token", "POST", "/sessions/token", userId="ada", secret=other_code(code)
        )
    visitor.refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=code)


def test_a_new_code_replaces_the_one_before(site: Site) -> None:
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId="ada", email="ada@example.com")
    first = site.code_to("ada@example.com")
    visitor.expect(201, "POST", "/tokens/email", userId="other", email="ada@example.com")
    second = site.code_to("ada@example.com")
    if first != second:
        visitor.refused("user_invalid_token", "POST", "/sessions/token", userId="ada", secret=first)
    visitor.expect(201, "POST", "/sessions/token", userId="ada", secret=second)


def test_an_id_of_somebody_else(site: Site) -> None:
    ada = site.person(signed_in=False)
    site.visitor().refused(
        "user_already_exists", "POST", "/tokens/email", userId=ada.id, email="new@example.com"
    )


def test_a_code_by_phone(site: Site) -> None:
    visitor = site.visitor()
    token = visitor.expect(201, "POST", "/tokens/phone", userId="unique()", phone=PHONE)
    message = site.message_to(PHONE)
    assert (message.channel, message.html, message.subject) == ("sms", "", "")
    code = site.code_to(PHONE)
    session = visitor.expect(201, "POST", "/sessions/token", userId=token["userId"], secret=code)
    assert (session["provider"], session["providerUid"], session["factors"]) == ("phone", PHONE, ["phone"])
    account = visitor.expect(200, "GET", "")
    assert (account["phone"], account["phoneVerification"], account["email"]) == (PHONE, True, "")


def test_mock_numbers_get_no_message(site: Site) -> None:
    site.change_settings(mock_numbers=(MockNumber(number=PHONE, otp="424242", created_at=1, updated_at=1),))
    visitor = site.visitor()
    token = visitor.expect(201, "POST", "/tokens/phone", userId="unique()", phone=PHONE)
    assert site.messages() == []
    visitor.expect(201, "POST", "/sessions/token", userId=token["userId"], secret="424242")


def test_servers_see_the_secret(site: Site) -> None:
    server = site.server("sessions.write")
    token = server.expect(201, "POST", "/tokens/email", userId="ada", email="ada@example.com")
    assert token["secret"] == site.code_to("ada@example.com")
    session = server.expect(201, "POST", "/sessions/token", userId="ada", secret=token["secret"])
    assert session["secret"]
    assert all(token["secret"].encode() not in event.payload for event in site.events())
    assert payload(site.event("users.[userId].sessions.[sessionId].create"))["secret"] == ""


def test_blocked_users_stay_out(site: Site) -> None:
    ada = site.person(signed_in=False)
    visitor = site.visitor()
    visitor.expect(201, "POST", "/tokens/email", userId="unique()", email=ada.email)
    site.change_user(ada.id, status=False)
    code = site.code_to(ada.email)
    visitor.refused("user_blocked", "POST", "/sessions/token", userId=ada.id, secret=code)


@pytest.mark.parametrize("secret", ["", "x" * 257, None, 1, [], {}, "\0"])
def test_odd_secrets(site: Site, secret: object) -> None:
    site.visitor().refused("general_argument_invalid", "POST", "/sessions/token", userId="ada", secret=secret)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://localhost@evil.example",
        "http://localhost.evil.example",
        "javascript://localhost/%0aalert(1)",
        "appwrite-callback-other://x",
        "//localhost",
        "localhost",
        "exp://evil.example",
    ],
)
def test_links_lead_to_the_project_alone(site: Site, url: str) -> None:
    ada = site.person()
    ada.refused("general_argument_invalid", "POST", "/recovery", email=ada.email, url=url)
    ada.refused("general_argument_invalid", "POST", "/verifications/email", url=url)
    ada.refused("general_argument_invalid", "POST", "/tokens/magic-url", userId="u", email=ada.email, url=url)
    assert site.messages() == []


def test_the_host_header_is_not_in_links(site: Site) -> None:
    visitor = site.visitor(Host="evil.example", **{"X-Forwarded-Host": "evil.example"})
    visitor.expect(201, "POST", "/tokens/magic-url", userId="ada", email="ada@example.com")
    message = site.message_to("ada@example.com")
    assert "evil" not in message.html + message.text
