"""Second factors: authenticator apps, codes that are sent, recovery codes."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pyotp
import pytest

from tests.services.account.site import PASSWORD, Person, Site, other_code, payload
from tidewire.core.project_settings import MfaFactors
from tidewire.core.time import now
from tidewire.store.records.tokens import MOST_ATTEMPTS
from tidewire.store.schema import authenticators, challenges, sessions

PHONE = "+4915112345678"


def enrol(person: Person) -> pyotp.TOTP:
    """Add an authenticator app and ask for it from now on."""
    app = pyotp.TOTP(person.expect(200, "POST", "/mfa/authenticators/totp")["secret"])
    person.expect(200, "PUT", "/mfa/authenticators/totp", otp=app.now())
    person.expect(200, "PATCH", "/mfa", mfa=True)
    return app


def forget_use(site: Site) -> None:
    """Let the code of the present time step be used once more."""
    site.write(
        lambda transaction: (
            transaction.connection.execute(authenticators.update().values(last_step=0)) and None
        )
    )


def half_signed_in(person: Person) -> Person:
    """The same user with a browser that has shown the password only."""
    other = person.site.visitor()
    other.sign_in(person.email)
    other.id, other.email = person.id, person.email
    return other


def challenge(person: Person, factor: str) -> str:
    """Ask for a second factor."""
    answer: dict[str, Any] = person.expect(201, "POST", "/mfa/challenges", factor=factor)
    assert answer["userId"] == person.id
    return str(answer["$id"])


def test_an_authenticator_app(site: Site) -> None:
    ada = site.person()
    made = ada.expect(200, "POST", "/mfa/authenticators/totp")
    parsed = pyotp.parse_uri(made["uri"])
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (
        made["secret"],
        ada.email,
        f"Project {site.project_id}",
    )
    assert payload(site.event("users.[userId].update.mfa")) == {"secret": "", "uri": ""}
    rows = site.read(lambda connection: str(connection.execute(authenticators.select()).all()))
    assert made["secret"] not in rows
    assert ada.expect(200, "GET", "/mfa/factors")["totp"] is False
    app = pyotp.TOTP(made["secret"])
    ada.refused("user_invalid_token", "PUT", "/mfa/authenticators/totp", otp=other_code(app.now()))
    account = ada.expect(200, "PUT", "/mfa/authenticators/TOTP", otp=app.now())
    assert payload(site.event("users.[userId].update.mfa")) == account
    assert ada.expect(200, "GET", "/mfa/factors") == {
        "totp": True,
        "phone": False,
        "email": False,
        "recoveryCode": False,
        "custom": False,
    }
    ada.refused("user_authenticator_already_verified", "POST", "/mfa/authenticators/totp")
    ada.refused("user_authenticator_already_verified", "PUT", "/mfa/authenticators/totp", otp=app.now())


def test_without_an_app(site: Site) -> None:
    ada = site.person()
    ada.refused("user_authenticator_not_found", "PUT", "/mfa/authenticators/totp", otp="123456")
    ada.refused("general_argument_invalid", "POST", "/mfa/authenticators/fido")


def test_sign_in_needs_the_second_factor(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    assert ada.expect(200, "GET", "")["mfa"] is True
    phone = half_signed_in(ada)
    for method, path in (
        ("GET", ""),
        ("GET", "/prefs"),
        ("GET", "/sessions"),
        ("PATCH", "/mfa"),
        ("DELETE", "/mfa/authenticators/totp"),
        ("POST", "/jwts"),
        ("DELETE", ""),
    ):
        phone.refused("user_more_factors_required", method, path)
    assert phone.expect(200, "GET", "/mfa/factors")["totp"] is True
    number = challenge(phone, "totp")
    phone.refused(
        "user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=other_code(app.now())
    )
    phone.refused("user_more_factors_required", "GET", "")
    session = phone.expect(200, "PUT", "/mfa/challenges", challengeId=number, otp=app.now())
    assert session["factors"] == ["password", "totp"]
    assert session["mfaUpdatedAt"]
    assert phone.expect(200, "GET", "")["$id"] == ada.id
    event = site.event("users.[userId].sessions.[sessionId].create")
    assert payload(event)["factors"] == ["password", "totp"]
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=app.now())


def test_signing_out_half_way(site: Site) -> None:
    ada = site.person()
    enrol(ada)
    phone = half_signed_in(ada)
    phone.expect(204, "DELETE", "/sessions/current")
    phone.refused("general_unauthorized_scope", "GET", "")


def test_a_code_of_an_app_counts_once(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    code = app.now()
    first, second = half_signed_in(ada), half_signed_in(ada)
    first.expect(200, "PUT", "/mfa/challenges", challengeId=challenge(first, "totp"), otp=code)
    second.refused(
        "user_invalid_token", "PUT", "/mfa/challenges", challengeId=challenge(second, "totp"), otp=code
    )


def test_clocks_may_be_off_a_little(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    # The time step must not change between making a code and checking it.
    if now() % 30_000 > 25_000:
        time.sleep(5)
    for seconds, works in ((-90, False), (90, False), (-30, True), (30, True)):
        phone = half_signed_in(ada)
        forget_use(site)
        number = challenge(phone, "totp")
        code = app.at(now() // 1000 + seconds)
        response = phone.call("PUT", "/mfa/challenges", challengeId=number, otp=code)
        assert response.status_code == (200 if works else 401)


def test_wrong_answers_are_counted(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    phone = half_signed_in(ada)
    number = challenge(phone, "totp")
    for _ in range(MOST_ATTEMPTS):
        phone.refused(
            "user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=other_code(app.now())
        )
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=app.now())
    phone.expect(200, "PUT", "/mfa/challenges", challengeId=challenge(phone, "totp"), otp=app.now())


def test_open_challenges_are_bounded(site: Site) -> None:
    ada = site.person()
    enrol(ada)
    phone = half_signed_in(ada)
    for _ in range(8):
        challenge(phone, "totp")
    assert site.read(lambda connection: len(connection.execute(challenges.select()).all())) == 5


def test_a_challenge_belongs_to_its_session(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    first, second, bob = half_signed_in(ada), half_signed_in(ada), site.person()
    number = challenge(first, "totp")
    for stranger in (second, bob):
        stranger.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=app.now())
    site.expire(challenges)
    first.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=app.now())


@pytest.mark.parametrize("factor", ["email", "phone"])
def test_codes_that_are_sent(site: Site, factor: str) -> None:
    ada = site.person()
    recipient = ada.email if factor == "email" else PHONE
    if factor == "phone":
        ada.expect(200, "PATCH", "/phone", phone=PHONE, password=PASSWORD)
    ada.refused(f"user_{factor}_not_verified", "POST", "/mfa/challenges", factor=factor)
    site.change_user(ada.id, **{f"{factor}_verification": True})
    ada.expect(200, "PATCH", "/mfa", mfa=True)
    phone = half_signed_in(ada)
    phone.refused("user_more_factors_required", "GET", "")
    assert phone.expect(200, "GET", "/mfa/factors")[factor] is True
    number = challenge(phone, factor)
    code = site.code_to(recipient)
    rows = site.read(lambda connection: str(connection.execute(challenges.select()).all()))
    assert f"'{code}'" not in rows
    event = site.event("users.[userId].challenges.[challengeId].create")
    assert payload(event)["$id"] == number
    assert code.encode() not in event.payload.replace(number.encode(), b"")
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=other_code(code))
    session = phone.expect(200, "PUT", "/mfa/challenges", challengeId=number, otp=code)
    assert session["factors"] == ["password", factor]
    phone.expect(200, "GET", "")


def test_what_cannot_be_asked_for(site: Site) -> None:
    guest = site.visitor()
    guest.id = guest.expect(201, "POST", "/sessions/anonymous")["userId"]
    guest.refused("user_email_not_found", "POST", "/mfa/challenges", factor="email")
    guest.refused("user_phone_not_found", "POST", "/mfa/challenges", factor="phone")
    guest.refused("user_auth_method_unsupported", "POST", "/mfa/challenges", factor="custom")
    guest.refused("general_argument_invalid", "POST", "/mfa/challenges", factor="smell")


def test_recovery_codes(site: Site) -> None:
    ada = site.person()
    ada.refused("user_challenge_required", "GET", "/mfa/recovery-codes")
    codes = ada.expect(201, "POST", "/mfa/recovery-codes")["recoveryCodes"]
    assert len(set(codes)) == 6
    assert all(code.encode() not in event.payload for event in site.events() for code in codes)
    assert all(code not in str(site.user(ada.id)) for code in codes)
    ada.refused("user_recovery_codes_already_exists", "POST", "/mfa/recovery-codes")
    enrol(ada)
    phone = half_signed_in(ada)
    number = challenge(phone, "recoveryCode")
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp="0" * 16)
    session = phone.expect(200, "PUT", "/mfa/challenges", challengeId=number, otp=codes[2])
    assert session["factors"] == ["password", "recoveryCode"]
    left = phone.expect(200, "GET", "/mfa/recovery-codes")["recoveryCodes"]
    assert left == codes[:2] + codes[3:]
    again = half_signed_in(ada)
    again.refused(
        "user_invalid_token",
        "PUT",
        "/mfa/challenges",
        challengeId=challenge(again, "recoverycode"),
        otp=codes[2],
    )
    new = phone.expect(200, "PATCH", "/mfa/recovery-codes")["recoveryCodes"]
    assert not set(new) & set(codes)


def test_what_needs_a_fresh_factor(site: Site) -> None:
    ada = site.person()
    app = enrol(ada)
    ada.refused("user_challenge_required", "DELETE", "/mfa/authenticators/totp")
    ada.expect(200, "PUT", "/mfa/challenges", challengeId=challenge(ada, "totp"), otp=app.now())
    an_hour_ago = sessions.update().values(mfa_updated_at=now() - 3_600_000)
    site.write(lambda transaction: transaction.connection.execute(an_hour_ago) and None)
    ada.refused("user_challenge_required", "DELETE", "/mfa/authenticators/totp")
    forget_use(site)
    ada.expect(200, "PUT", "/mfa/challenges", challengeId=challenge(ada, "totp"), otp=app.now())
    ada.refused("user_recovery_codes_not_found", "GET", "/mfa/recovery-codes")
    ada.refused("user_recovery_codes_not_found", "PATCH", "/mfa/recovery-codes")
    ada.expect(204, "DELETE", "/mfa/authenticators/totp")
    assert payload(site.event("users.[userId].delete.mfa")) == {}
    ada.refused("user_authenticator_not_found", "DELETE", "/mfa/authenticators/totp")
    half_signed_in(ada).expect(200, "GET", "")


def test_nobody_is_locked_out_without_a_factor(site: Site) -> None:
    ada = site.person()
    ada.expect(200, "PATCH", "/mfa", mfa=True)
    half_signed_in(ada).expect(200, "GET", "")


def test_the_project_decides_which_factors_there_are(site: Site) -> None:
    ada = site.person()
    enrol(ada)
    site.change_settings(mfa_factors=MfaFactors(totp=False))
    phone = half_signed_in(ada)
    phone.refused("user_auth_method_unsupported", "POST", "/mfa/challenges", factor="totp")
    assert phone.expect(200, "GET", "")["$id"] == ada.id


def test_challenges_end_with_the_permission_of_their_factor(site: Site) -> None:
    program = site.program("users.read", "policies.write")
    ada = site.person()
    ada.expect(200, "PATCH", "/mfa", mfa=True)
    assert program.patch("/v1/project/policies/mfa-factors", json={"custom": True}).is_success
    number = challenge(ada, "custom")
    code = program.get(f"/v1/users/{ada.id}/mfa/challenges/{number}").json()["code"]
    assert program.patch("/v1/project/policies/mfa-factors", json={"custom": False}).is_success
    for shown in (other_code(code), code):
        ada.refused("user_auth_method_unsupported", "PUT", "/mfa/challenges", challengeId=number, otp=shown)
    assert program.patch("/v1/project/policies/mfa-factors", json={"custom": True}).is_success
    session = ada.expect(200, "PUT", "/mfa/challenges", challengeId=number, otp=code)
    assert session["factors"] == ["password", "custom"]


def test_a_factor_that_the_app_delivers(site: Site) -> None:
    program = site.program("users.read", "policies.write")
    ada, eve = site.person(), site.person()
    ada.expect(200, "PATCH", "/mfa", mfa=True)
    ada.refused("user_auth_method_unsupported", "POST", "/mfa/challenges", factor="custom")
    assert ada.expect(200, "GET", "/mfa/factors")["custom"] is False
    assert program.patch("/v1/project/policies/mfa-factors", json={"custom": True}).is_success
    assert ada.expect(200, "GET", "/mfa/factors")["custom"] is True
    assert program.get(f"/v1/users/{ada.id}/mfa/factors").json()["custom"] is True

    phone = half_signed_in(ada)
    phone.refused("user_more_factors_required", "GET", "")
    number = challenge(phone, "custom")
    assert site.messages() == []

    def code_of(user_id: str, challenge_id: str) -> httpx.Response:
        return program.get(f"/v1/users/{user_id}/mfa/challenges/{challenge_id}")

    found = code_of(ada.id, number).json()
    code = found["code"]
    assert (found["$id"], found["userId"], len(code)) == (number, ada.id, 6)
    stored = site.read(lambda connection: connection.execute(challenges.select()).one())
    assert stored.code
    assert stored.code != code
    assert not any(code.encode() in event.payload for event in site.events())
    # Nobody else's, nothing unknown, and no other factor, whose code was sent to the user.
    site.change_user(ada.id, email_verification=True)
    mailed = challenge(phone, "email")
    for user_id, challenge_id in ((eve.id, number), (ada.id, "none"), (ada.id, mailed)):
        refused = code_of(user_id, challenge_id)
        assert (refused.status_code, refused.json()["type"]) == (401, "user_invalid_token")
    eve.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=code)
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=other_code(code))
    session = phone.expect(200, "PUT", "/mfa/challenges", challengeId=number, otp=code)
    assert session["factors"] == ["password", "custom"]
    assert phone.expect(200, "GET", "")["$id"] == ada.id
    phone.refused("user_invalid_token", "PUT", "/mfa/challenges", challengeId=number, otp=code)
    late = challenge(phone, "custom")
    site.expire(challenges)
    assert code_of(ada.id, late).status_code == 401


def test_switching_off(site: Site) -> None:
    ada = site.person()
    enrol(ada)
    ada.expect(200, "PATCH", "/mfa", mfa=False)
    half_signed_in(ada).expect(200, "GET", "")


def test_a_jwt_of_a_half_session_is_none(site: Site) -> None:
    ada = site.person()
    phone = half_signed_in(ada)
    token = phone.expect(201, "POST", "/jwts")["jwt"]
    by_token = site.visitor(**{"X-Appwrite-JWT": token})
    by_token.expect(200, "GET", "")
    enrol(ada)
    by_token.refused("user_more_factors_required", "GET", "")
