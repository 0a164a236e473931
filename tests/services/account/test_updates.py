"""Users change their own accounts."""

from __future__ import annotations

import itertools

import pytest

from tests.services.account.site import PASSWORD, Site, payload
from tidewire.core.project_settings import PasswordStrength

OTHER = "another long password"


def test_the_account_shows_its_targets(site: Site) -> None:
    ada = site.person()
    account = ada.expect(200, "GET", "")
    assert [(target["providerType"], target["identifier"]) for target in account["targets"]] == [
        ("email", ada.email)
    ]


def test_name(site: Site) -> None:
    ada = site.person()
    account = ada.expect(200, "PATCH", "/name", name="Countess")
    assert account["name"] == "Countess"
    event = site.event("users.[userId].update.name")
    assert payload(event) == account
    assert event.channels[:2] == ["account", f"account.{ada.id}"]
    assert event.roles == [f"user:{ada.id}"]
    assert "countess" in site.user(ada.id).search
    assert ada.expect(200, "GET", "")["name"] == "Countess"


def test_email_needs_the_password_and_a_new_verification(site: Site) -> None:
    ada = site.person()
    site.change_user(ada.id, email_verification=True)
    ada.refused(
        "user_invalid_credentials", "PATCH", "/email", email="new@example.com", password="wrong password"
    )
    account = ada.expect(200, "PATCH", "/email", email="New@Example.com", password=PASSWORD)
    assert (account["email"], account["emailVerification"]) == ("new@example.com", False)
    assert [target["identifier"] for target in account["targets"]] == ["new@example.com"]
    assert "new@example.com" in site.user(ada.id).search
    site.visitor().sign_in("new@example.com")
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD
    )


def test_the_email_of_another_user_is_refused(site: Site) -> None:
    ada, bob = site.person(), site.person()
    ada.refused("user_target_already_exists", "PATCH", "/email", email=bob.email, password=PASSWORD)
    assert ada.expect(200, "GET", "")["email"] == ada.email


def test_links_to_the_former_address_are_void(site: Site) -> None:
    ada = site.person()
    ada.expect(201, "POST", "/recovery", email=ada.email, url="http://localhost/reset")
    link = site.link_to(ada.email)
    ada.expect(200, "PATCH", "/email", email=f"new-{ada.email}", password=PASSWORD)
    site.visitor().refused(
        "user_invalid_token", "PUT", "/recovery", userId=ada.id, secret=link["secret"], password=OTHER
    )


def test_phone(site: Site) -> None:
    ada, bob = site.person(), site.person()
    account = ada.expect(200, "PATCH", "/phone", phone="+4915112345678", password=PASSWORD)
    assert (account["phone"], account["phoneVerification"]) == ("+4915112345678", False)
    assert {target["providerType"] for target in account["targets"]} == {"email", "sms"}
    bob.refused("user_target_already_exists", "PATCH", "/phone", phone="+4915112345678", password=PASSWORD)
    bob.refused(
        "user_invalid_credentials", "PATCH", "/phone", phone="+4915112345679", password="wrong password"
    )


def test_an_anonymous_user_becomes_one_who_can_sign_in(site: Site) -> None:
    guest = site.visitor()
    user_id = guest.expect(201, "POST", "/sessions/anonymous")["userId"]
    account = guest.expect(200, "PATCH", "/email", email="guest@example.com", password=PASSWORD)
    assert account["$id"] == user_id
    assert account["passwordUpdate"]
    assert site.visitor().sign_in("guest@example.com")["userId"] == user_id


def test_password(site: Site) -> None:
    ada = site.person()
    ada.refused("user_invalid_credentials", "PATCH", "/password", password=OTHER)
    ada.refused(
        "user_invalid_credentials", "PATCH", "/password", password=OTHER, oldPassword="wrong password"
    )
    ada.expect(200, "PATCH", "/password", password=OTHER, oldPassword=PASSWORD)
    site.visitor().sign_in(ada.email, OTHER)
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD
    )
    stored = site.user(ada.id)
    assert OTHER not in str(stored)
    assert stored.password_hash not in str([event.payload for event in site.events()])


@pytest.mark.parametrize("invalidate", [True, False])
def test_a_new_password_ends_other_sessions_as_the_project_says(site: Site, invalidate: bool) -> None:
    site.change_settings(session_invalidation=invalidate)
    ada = site.person()
    elsewhere = site.visitor()
    elsewhere.sign_in(ada.email)
    ada.expect(200, "PATCH", "/password", password=OTHER, oldPassword=PASSWORD)
    ada.expect(200, "GET", "")
    assert elsewhere.call("GET", "").status_code == (401 if invalidate else 200)


def test_history(site: Site) -> None:
    site.change_settings(password_history=2)
    ada = site.person()
    passwords = [PASSWORD, "second password", "third password", "fourth password"]
    ada.refused("password_recently_used", "PATCH", "/password", password=PASSWORD, oldPassword=PASSWORD)
    for old, new in itertools.pairwise(passwords):
        ada.expect(200, "PATCH", "/password", password=new, oldPassword=old)
    ada.refused(
        "password_recently_used", "PATCH", "/password", password=passwords[2], oldPassword=passwords[3]
    )
    ada.expect(200, "PATCH", "/password", password=passwords[1], oldPassword=passwords[3])
    assert len(site.user(ada.id).password_history) == 2


def test_history_counts_the_password_from_before_it_was_switched_on(site: Site) -> None:
    ada = site.person()
    site.change_settings(password_history=1)
    ada.refused("password_recently_used", "PATCH", "/password", password=PASSWORD, oldPassword=PASSWORD)


def test_common_passwords(site: Site) -> None:
    site.change_settings(password_dictionary=True)
    visitor = site.visitor()
    for password in ("password", "12345678", "QwertyUiop", "iloveyou"):
        message = visitor.refused(
            "general_argument_invalid",
            "POST",
            "",
            userId="unique()",
            email="a@example.com",
            password=password,
        )
        assert "common" in message
    ada = site.person()
    ada.refused(
        "general_argument_invalid", "PATCH", "/password", password="password123", oldPassword=PASSWORD
    )


def test_personal_data(site: Site) -> None:
    site.change_settings(password_personal_data=True)
    visitor = site.visitor()
    person = {"userId": "lovelace", "email": "ada.king@example.com", "name": "Augusta"}
    for password in ("xxLovelacexx", "xxada.king@example.comxx", "12ADA.KING34", "augusta1234"):
        visitor.refused("password_personal_data", "POST", "", **person, password=password)
    visitor.expect(201, "POST", "", **person, password=PASSWORD)
    visitor.sign_in("ada.king@example.com")
    visitor.refused(
        "password_personal_data", "PATCH", "/password", password="lovelace!!", oldPassword=PASSWORD
    )


def test_strength(site: Site) -> None:
    site.change_settings(
        password_strength=PasswordStrength(min=10, uppercase=True, lowercase=True, number=True, symbols=True)
    )
    visitor = site.visitor()
    for password in ("Ab1!efgh", "ab1!efghij", "AB1!EFGHIJ", "Abc!efghij", "Ab1defghij"):
        visitor.refused(
            "general_argument_invalid",
            "POST",
            "",
            userId="unique()",
            email="a@example.com",
            password=password,
        )
    site.person(password="Ab1!efghij")


def test_blocking_oneself(site: Site) -> None:
    ada = site.person()
    elsewhere = site.visitor()
    elsewhere.sign_in(ada.email)
    assert ada.expect(200, "PATCH", "/status")["status"] is False
    elsewhere.refused("user_blocked", "GET", "")
    site.visitor().refused("user_blocked", "POST", "/sessions/email", email=ada.email, password=PASSWORD)
    assert site.event("users.[userId].update.status").user_id == ada.id


def test_the_end_of_an_account(site: Site) -> None:
    ada = site.person()
    before = len(site.events())
    elsewhere = site.visitor()
    elsewhere.sign_in(ada.email)
    ada.expect(204, "DELETE", "")
    for person in (ada, elsewhere):
        person.refused("general_unauthorized_scope", "GET", "")
    site.visitor().refused(
        "user_invalid_credentials", "POST", "/sessions/email", email=ada.email, password=PASSWORD
    )
    assert [event.pattern for event in site.events()[before:] if event.channels] == [
        "users.[userId].sessions.[sessionId].create"
    ]
    site.person(email=ada.email)


def test_no_field_but_the_known_ones_changes(site: Site) -> None:
    ada = site.person()
    account = ada.expect(
        200,
        "PATCH",
        "/name",
        name="Ada",
        labels=["admin"],
        emailVerification=True,
        status=False,
        impersonator=True,
        userId="somebody",
    )
    assert (account["labels"], account["emailVerification"], account["status"]) == ([], False, True)
    assert account["impersonator"] is False
    assert account["$id"] == ada.id
