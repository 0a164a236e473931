"""Accounts through the unmodified Python SDK: codes, custom tokens, second factors, changes."""

from __future__ import annotations

import pyotp
import pytest
from appwrite.enums.authentication_factor import AuthenticationFactor
from appwrite.enums.authenticator_type import AuthenticatorType
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.services.account import Account

from tests.sdk.test_python import client
from tests.support.server import TidewireServer

PASSWORD = "correct horse battery"


def signed_in(server: TidewireServer, secret: str) -> Account:
    return Account(client(server).set_session(secret))


def test_a_code_signs_in(server: TidewireServer, api_key: str) -> None:
    program = Account(client(server).set_key(api_key))
    token = program.create_email_token(ID.unique(), f"{ID.unique()}@example.com", phrase=True)
    assert " " in token.phrase
    session = program.create_session(token.userid, token.secret)
    account = signed_in(server, session.secret)
    user = account.get()
    assert (user.id, user.emailverification) == (token.userid, True)
    with pytest.raises(AppwriteException) as again:
        program.create_session(token.userid, token.secret)
    assert again.value.type == "user_invalid_token"
    assert account.list_identities().total == 0
    extended = account.update_session("current")
    assert extended.id == session.id


def test_second_factors(server: TidewireServer, api_key: str) -> None:
    program = Account(client(server).set_key(api_key))
    email = f"{ID.unique()}@example.com"
    Account(client(server)).create(ID.unique(), email, PASSWORD)
    account = signed_in(server, program.create_email_password_session(email, PASSWORD).secret)
    app = pyotp.TOTP(account.create_mfa_authenticator(AuthenticatorType.TOTP).secret)
    account.update_mfa_authenticator(AuthenticatorType.TOTP, app.now())
    codes = account.create_mfa_recovery_codes().recoverycodes
    assert account.update_mfa(True).mfa is True
    other = signed_in(server, program.create_email_password_session(email, PASSWORD).secret)
    with pytest.raises(AppwriteException) as refused:
        other.get()
    assert refused.value.type == "user_more_factors_required"
    factors = other.list_mfa_factors()
    assert (factors.totp, factors.email, factors.phone, factors.recoverycode) == (True, False, False, True)
    challenge = other.create_mfa_challenge(AuthenticationFactor.TOTP)
    assert other.update_mfa_challenge(challenge.id, app.now()).factors == ["password", "totp"]
    assert other.get().email == email
    assert other.get_mfa_recovery_codes().recoverycodes == codes
    other.delete_mfa_authenticator(AuthenticatorType.TOTP)


def test_changes(server: TidewireServer, api_key: str) -> None:
    program = Account(client(server).set_key(api_key))
    email = f"{ID.unique()}@example.com"
    Account(client(server)).create(ID.unique(), email, PASSWORD)
    account = signed_in(server, program.create_email_password_session(email, PASSWORD).secret)
    assert account.update_name("Ada").name == "Ada"
    assert account.update_phone("+4915112345678", PASSWORD).phone == "+4915112345678"
    assert account.update_email(f"new-{email}", PASSWORD).email == f"new-{email}"
    assert account.update_password("another long password", PASSWORD).passwordupdate
    assert account.create_email_verification("http://localhost/verify").secret == ""
    assert Account(client(server)).create_recovery(f"new-{email}", "http://localhost/reset").secret == ""
    assert account.update_status().status is False
    with pytest.raises(AppwriteException) as blocked:
        account.get()
    assert blocked.value.type == "user_blocked"
