"""Verifying addresses and numbers; recovering passwords."""

from __future__ import annotations

from tests.services.account.site import PASSWORD, Site, other_code, payload
from tidewire.store.records.tokens import MOST_ATTEMPTS
from tidewire.store.schema import tokens

URL = "http://localhost/back"
OTHER = "another long password"
PHONE = "+4915112345678"


def test_an_address_is_verified_by_a_link(site: Site) -> None:
    ada = site.person()
    token = ada.expect(201, "POST", "/verifications/email", url=URL)
    assert token["secret"] == ""
    created = site.event("users.[userId].verification.[tokenId].create")
    assert payload(created) == {key: value for key, value in token.items() if key != "secret"}
    assert (created.channels, created.roles) == (["account", f"account.{ada.id}"], [f"user:{ada.id}"])
    link = site.link_to(ada.email)
    assert (link["url"], link["userId"], link["expire"]) == (URL, ada.id, token["expire"])
    visitor = site.visitor()
    visitor.refused("user_invalid_token", "PUT", "/verifications/email", userId=ada.id, secret="wrong")
    visitor.expect(200, "PUT", "/verifications/email", userId=ada.id, secret=link["secret"])
    assert ada.expect(200, "GET", "")["emailVerification"] is True
    assert payload(site.event("users.[userId].verification.[tokenId].update"))["$id"] == token["$id"]
    visitor.refused("user_invalid_token", "PUT", "/verifications/email", userId=ada.id, secret=link["secret"])
    ada.refused("user_email_already_verified", "POST", "/verifications/email", url=URL)


def test_the_older_path(site: Site) -> None:
    ada = site.person()
    ada.expect(201, "POST", "/verification", url=URL)
    ada.expect(200, "PUT", "/verification", userId=ada.id, secret=site.link_to(ada.email)["secret"])


def test_nothing_to_verify(site: Site) -> None:
    guest = site.visitor()
    guest.expect(201, "POST", "/sessions/anonymous")
    guest.refused("user_email_not_found", "POST", "/verifications/email", url=URL)
    guest.refused("user_phone_not_found", "POST", "/verifications/phone")


def test_a_number_is_verified_by_a_code(site: Site) -> None:
    ada = site.person()
    ada.expect(200, "PATCH", "/phone", phone=PHONE, password=PASSWORD)
    ada.expect(201, "POST", "/verifications/phone")
    code = site.code_to(PHONE)
    ada.refused("user_invalid_token", "PUT", "/verifications/phone", userId=ada.id, secret=other_code(code))
    # A code that verifies does not sign in.
    site.visitor().refused("user_invalid_token", "POST", "/sessions/token", userId=ada.id, secret=code)
    ada.expect(200, "PUT", "/verifications/phone", userId=ada.id, secret=code)
    assert ada.expect(200, "GET", "")["phoneVerification"] is True
    ada.refused("user_phone_already_verified", "POST", "/verifications/phone")


def test_wrong_codes_for_a_number_are_counted(site: Site) -> None:
    ada = site.person()
    ada.expect(200, "PATCH", "/phone", phone=PHONE, password=PASSWORD)
    ada.expect(201, "POST", "/verifications/phone")
    code = site.code_to(PHONE)
    for _ in range(MOST_ATTEMPTS):
        ada.refused(
            "user_invalid_token", "PUT", "/verifications/phone", userId=ada.id, secret=other_code(code)
        )
    ada.refused("user_invalid_token", "PUT", "/verifications/phone", userId=ada.id, secret=code)


def test_recovery_works_once(site: Site) -> None:
    ada = site.person()
    token = site.visitor().expect(201, "POST", "/recovery", email=ada.email.upper(), url=URL)
    assert (token["userId"], token["secret"]) == (ada.id, "")
    link = site.link_to(ada.email)
    given = {"userId": ada.id, "secret": link["secret"], "password": OTHER}
    site.visitor().expect(200, "PUT", "/recovery", **given)
    site.visitor().refused("user_invalid_token", "PUT", "/recovery", **given)
    site.visitor().sign_in(ada.email, OTHER)
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD
    )
    # Whoever was signed in before is not any more; who reads the mail has shown that the address is theirs.
    ada.refused("general_unauthorized_scope", "GET", "")
    assert site.user(ada.id).email_verification
    for what in ("create", "update"):
        told = payload(site.event(f"users.[userId].recovery.[tokenId].{what}"))
        assert list(told) == ["$id", "$createdAt", "userId", "expire", "phrase"]


def test_all_links_end_with_the_first_that_is_used(site: Site) -> None:
    ada = site.person()
    links = []
    for _ in range(2):
        site.visitor().expect(201, "POST", "/recovery", email=ada.email, url=URL)
        links.append(site.link_to(ada.email)["secret"])
    for secret, status in zip(links, (200, 401), strict=True):
        response = site.visitor().call("PUT", "/recovery", userId=ada.id, secret=secret, password=OTHER)
        assert response.status_code == status


def test_recovery_obeys_the_rules_for_passwords(site: Site) -> None:
    site.change_settings(password_history=3, password_dictionary=True)
    ada = site.person()
    site.visitor().expect(201, "POST", "/recovery", email=ada.email, url=URL)
    secret = site.link_to(ada.email)["secret"]
    visitor = site.visitor()
    for error, password in (
        ("password_recently_used", PASSWORD),
        ("general_argument_invalid", "password1"),
        ("general_argument_invalid", "short"),
    ):
        visitor.refused(error, "PUT", "/recovery", userId=ada.id, secret=secret, password=password)
    visitor.expect(200, "PUT", "/recovery", userId=ada.id, secret=secret, password=OTHER)


def test_links_stop_working(site: Site) -> None:
    ada = site.person()
    site.visitor().expect(201, "POST", "/recovery", email=ada.email, url=URL)
    secret = site.link_to(ada.email)["secret"]
    site.expire()
    site.visitor().refused(
        "user_invalid_token", "PUT", "/recovery", userId=ada.id, secret=secret, password=OTHER
    )


def test_a_changed_password_ends_recovery(site: Site) -> None:
    ada = site.person()
    site.visitor().expect(201, "POST", "/recovery", email=ada.email, url=URL)
    secret = site.link_to(ada.email)["secret"]
    ada.expect(200, "PATCH", "/password", password=OTHER, oldPassword=PASSWORD)
    site.visitor().refused(
        "user_invalid_token", "PUT", "/recovery", userId=ada.id, secret=secret, password=PASSWORD
    )


def test_open_links_are_bounded(site: Site) -> None:
    ada = site.person()
    for _ in range(12):
        site.visitor().expect(201, "POST", "/recovery", email=ada.email, url=URL)
    count = site.read(lambda connection: len(connection.execute(tokens.select()).all()))
    assert count == 10
