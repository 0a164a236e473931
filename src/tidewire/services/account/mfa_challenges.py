"""Challenges: a session is asked for a second factor, and the user shows it."""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Final

from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.models import MfaChallenge, Session
from tidewire.core.rate_limits import RateLimit
from tidewire.core.second_factors import CUSTOM
from tidewire.core.time import format_datetime, now
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import CHALLENGE_CREATED, SESSION_CREATED
from tidewire.services.account.redirects import ShownSecret
from tidewire.services.account.sign_in import session_of
from tidewire.services.answers import shown
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.messages.mails import mfa_challenge
from tidewire.services.messages.text_messages import mfa_code_text
from tidewire.services.one_time import CODE_SECONDS, new_code, write_if_valid
from tidewire.services.outgoing import enqueue_text_message, mail_user
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.authenticators import use_authenticator, without_code
from tidewire.store.records.challenges import (
    can_be_answered,
    count_attempt,
    delete_challenge,
    find_challenge,
    insert_challenge,
)
from tidewire.store.records.sessions import change_session, find_session
from tidewire.store.records.users import change_user, find_user
from tidewire.store.secrets.encryption import SealError

Factor = Annotated[str, AnyCaseChoice(("email", "phone", "totp", "recoverycode", "custom"))]

_RECOVERY_CODE: Final = "recoveryCode"


@operations.audited(
    "createMFAChallenge",
    "POST",
    "/account/mfa/challenges",
    aliases=("/account/mfa/challenge",),
    scopes=("account",),
    status=201,
    event=CHALLENGE_CREATED,
    groups=("mfa",),
    limit=RateLimit(10, 3600, ("url:{url},userId:{userId}",)),
)
def create_mfa_challenge(
    transaction: Transaction, context: Context, visit: Visit, factor: Factor
) -> MfaChallenge:
    """Ask the user for a second factor; codes for email and phone are sent, custom ones by the app."""
    connection, identity = transaction.connection, signed_in(context)
    type_ = _RECOVERY_CODE if factor == _RECOVERY_CODE.lower() else factor
    _require_permitted(context, type_)
    user = find_user(connection, identity.user_id)
    code = _send_code(transaction, context, visit, user, type_)
    row = insert_challenge(connection, user.id, identity.session_id, type_, code, CODE_SECONDS)
    challenge = shown(MfaChallenge, row, expire=format_datetime(row.expires_at))
    parameters = {"userId": user.id, "challengeId": row.id}
    publish(transaction, context, CHALLENGE_CREATED, parameters, challenge)
    record(transaction, user.id, "challenge.create", visit)
    return challenge


@operations.declare(
    "updateMFAChallenge",
    "PUT",
    "/account/mfa/challenges",
    aliases=("/account/mfa/challenge",),
    scopes=("account",),
    event=SESSION_CREATED,
    groups=("mfa",),
    limit=RateLimit(10, 3600, ("url:{url},challengeId:{param-challengeId}",)),
)
async def update_mfa_challenge(context: Context, challenge_id: ShownSecret, otp: ShownSecret) -> Session:
    """Show the second factor that was asked for."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Session | None:
        connection = transaction.connection
        own = {"user_id": identity.user_id, "session_id": identity.session_id}
        challenge = find_challenge(connection, challenge_id, **own)
        if challenge is None or not can_be_answered(challenge):
            return None
        _require_permitted(context, challenge.type)  # the policy may have changed since it was made
        if not _answers(connection, context, challenge, otp):
            count_attempt(connection, challenge)
            return None
        delete_challenge(connection, challenge)
        found = find_session(connection, identity.user_id, identity.session_id)
        factors = list(dict.fromkeys([*found.factors, challenge.type]))
        row = change_session(connection, found.sequence, factors=factors, mfa_updated_at=now())
        parameters = {"userId": identity.user_id, "sessionId": row.id}
        publish(transaction, context, SESSION_CREATED, parameters, session_of(row, current=True))
        record(transaction, identity.user_id, "challenges.update", visit)
        return session_of(row, current=True, encryption=context.encryption)

    return await write_if_valid(context, unit)


def _require_permitted(context: Context, type_: str) -> None:
    permitted = context.project.settings.mfa_factors
    by_type = {
        "totp": permitted.totp,
        "email": permitted.email,
        "phone": permitted.phone,
        CUSTOM: permitted.custom,
        _RECOVERY_CODE: True,
    }
    if not by_type.get(type_, False):
        raise TidewireError("user_auth_method_unsupported", f"This project knows no second factor {type_}.")


def _send_code(transaction: Transaction, context: Context, visit: Visit, user: Row[Any], type_: str) -> str:
    """Send a code if the factor is one that is sent; return it, or an empty text if there is none.

    A custom one is sent to nobody: the app's server reads it by ``users.getMFAChallenge`` and delivers it.
    """
    if type_ == CUSTOM:
        return new_code()
    if type_ == "email":
        _require_verified(user, "email", "email address")
        code = new_code()
        occasion = mfa_challenge(code, visit.agent, visit.ip)
        mail_user(transaction, context, user.email, user.name, occasion)
        return code
    if type_ == "phone":
        _require_verified(user, "phone", "phone number")
        require_text_messages(context, user.phone)
        digits, sent = phone_code(context, user.phone)
        if sent:
            enqueue_text_message(
                transaction, user.phone, mfa_code_text(context.locale, context.project_name, digits)
            )
        return digits
    return ""


def _require_verified(user: Row[Any], what: str, called: str) -> None:
    if not getattr(user, what):
        raise TidewireError(f"user_{what}_not_found", f"The user has no {called}.")
    if not getattr(user, f"{what}_verification"):
        raise TidewireError(f"user_{what}_not_verified", f"The {called} is not verified.")


def _answers(connection: Connection, context: Context, challenge: Row[Any], answer: str) -> bool:
    if challenge.type == "totp":
        return use_authenticator(connection, context.encryption, challenge.user_id, answer)
    if challenge.type == _RECOVERY_CODE:
        user = find_user(connection, challenge.user_id)
        left = without_code(context.encryption, user.mfa_recovery_codes, answer)
        if left is not None:
            change_user(connection, user.id, mfa_recovery_codes=left)
        return left is not None
    try:
        code = context.encryption.open(challenge.code)
    except SealError:
        return False
    return hmac.compare_digest(code.encode(), answer.encode())
