"""Second factors, asked for and shown: how a session gets past its first factor."""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Final

from sqlalchemy import Row, delete, insert, select, update

from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.ids import unique_id
from tidewire.core.models import MfaChallenge, Session
from tidewire.core.rate_limits import RateLimit
from tidewire.core.second_factors import CUSTOM
from tidewire.core.time import format_datetime, now
from tidewire.services.account import operations
from tidewire.services.account.parameters import ShownSecret
from tidewire.services.account.records import change_user, find_user, signed_in
from tidewire.services.account.sign_in import SESSION_CREATED, change_session, find_session, session_of
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.messages import mfa_code_mail, mfa_code_text
from tidewire.services.one_time import CODE_SECONDS, MOST_ATTEMPTS, invalid_token, new_code
from tidewire.services.outgoing import enqueue_mail, enqueue_text_message
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.publishing import publish
from tidewire.services.visits import visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.authenticators import use_authenticator, without_code
from tidewire.store.schema import challenges
from tidewire.store.secrets.encryption import SealError

CHALLENGE_CREATED: Final = "users.[userId].challenges.[challengeId].create"

Factor = Annotated[str, AnyCaseChoice(("email", "phone", "totp", "recoverycode", "custom"))]

_RECOVERY_CODE: Final = "recoveryCode"
_MOST_CHALLENGES: Final = 5
"""Open challenges of a user. The oldest gives way, with the guesses that it was good for."""


@operations.declare(
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
async def create_mfa_challenge(context: Context, factor: Factor) -> MfaChallenge:
    """Ask the user for a second factor; codes for email and phone are sent, custom ones by the app."""
    identity = signed_in(context)
    type_ = _RECOVERY_CODE if factor == _RECOVERY_CODE.lower() else factor
    _require_permitted(context, type_)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> MfaChallenge:
        user = find_user(transaction.connection, identity.user_id)
        code = _send_code(transaction, context, user, type_)
        challenge = _insert_challenge(transaction.connection, context, identity, type_, code)
        parameters = {"userId": user.id, "challengeId": challenge.id}
        publish(transaction, context, CHALLENGE_CREATED, parameters, challenge)
        record(transaction, user.id, "challenge.create", visit)
        return challenge

    return await context.database.write(unit)


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
        challenge = _find_challenge(connection, identity, challenge_id)
        if challenge is None:
            return None
        _require_permitted(context, challenge.type)  # the policy may have changed since it was made
        if not _answers(connection, context, challenge, otp):
            # Counted although the request fails: the error is raised after the commit.
            _count_attempt(connection, challenge)
            return None
        connection.execute(delete(challenges).where(challenges.c.sequence == challenge.sequence))
        found = find_session(connection, identity.user_id, identity.session_id)
        factors = list(dict.fromkeys([*found.factors, challenge.type]))
        row = change_session(connection, found.sequence, factors=factors, mfa_updated_at=now())
        parameters = {"userId": identity.user_id, "sessionId": row.id}
        session = session_of(row, current=True)
        publish(transaction, context, SESSION_CREATED, parameters, session)
        record(transaction, identity.user_id, "challenges.update", visit)
        return session

    session = await context.database.write(unit)
    if session is None:
        raise invalid_token()
    return session


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


def _send_code(transaction: Transaction, context: Context, user: Row[Any], type_: str) -> str:
    """Send a code if the factor is one that is sent; return it, or an empty text if there is none.

    A custom one is sent to nobody: the app's server reads it by ``users.getMFAChallenge`` and delivers it.
    """
    if type_ == "email":
        return _mail_code(transaction, context, user)
    if type_ == CUSTOM:
        return new_code()
    return _text_code(transaction, context, user) if type_ == "phone" else ""


def _mail_code(transaction: Transaction, context: Context, user: Row[Any]) -> str:
    if not user.email:
        raise TidewireError("user_email_not_found", "The user has no email address.")
    if not user.email_verification:
        raise TidewireError("user_email_not_verified", "The email address is not verified.")
    code = new_code()
    mail = mfa_code_mail(context.project_name, user.name, code)
    enqueue_mail(transaction, user.email, user.name, mail)
    return code


def _text_code(transaction: Transaction, context: Context, user: Row[Any]) -> str:
    if not user.phone:
        raise TidewireError("user_phone_not_found", "The user has no phone number.")
    if not user.phone_verification:
        raise TidewireError("user_phone_not_verified", "The phone number is not verified.")
    require_text_messages(context, user.phone)
    code = phone_code(context, user.phone)
    if code.sent:
        text = mfa_code_text(context.project_name, code.digits)
        enqueue_text_message(transaction, user.phone, text)
    return code.digits


def _insert_challenge(
    connection: Connection, context: Context, identity: Identity, type_: str, code: str
) -> MfaChallenge:
    newest = (
        select(challenges.c.sequence)
        .where(challenges.c.user_id == identity.user_id, challenges.c.expires_at > now())
        .order_by(challenges.c.sequence.desc())
        .limit(_MOST_CHALLENGES - 1)
    )
    connection.execute(
        delete(challenges).where(
            challenges.c.user_id == identity.user_id, challenges.c.sequence.not_in(newest)
        )
    )
    moment = now()
    row = {
        "id": unique_id(),
        "created_at": moment,
        "updated_at": moment,
        "user_id": identity.user_id,
        "session_id": identity.session_id,
        "type": type_,
        "code": context.encryption.seal(code) if code else "",
        "expires_at": moment + CODE_SECONDS * 1000,
    }
    connection.execute(insert(challenges), row)
    return MfaChallenge(
        id=str(row["id"]),
        created_at=format_datetime(moment),
        user_id=identity.user_id,
        expire=format_datetime(moment + CODE_SECONDS * 1000),
    )


def _find_challenge(connection: Connection, identity: Identity, challenge_id: str) -> Row[Any] | None:
    """The challenge, if it was made in this session and can still be answered."""
    return connection.execute(
        select(challenges).where(
            challenges.c.id == challenge_id,
            challenges.c.user_id == identity.user_id,
            challenges.c.session_id == identity.session_id,
            challenges.c.expires_at > now(),
            challenges.c.attempts < MOST_ATTEMPTS,
        )
    ).one_or_none()


def _answers(connection: Connection, context: Context, challenge: Row[Any], shown: str) -> bool:
    if challenge.type == "totp":
        return use_authenticator(connection, context.encryption, challenge.user_id, shown)
    if challenge.type == _RECOVERY_CODE:
        user = find_user(connection, challenge.user_id)
        left = without_code(context.encryption, user.mfa_recovery_codes, shown)
        if left is not None:
            change_user(connection, user.id, mfa_recovery_codes=left)
        return left is not None
    try:
        code = context.encryption.open(challenge.code)
    except SealError:
        return False
    return hmac.compare_digest(code.encode(), shown.encode())


def _count_attempt(connection: Connection, challenge: Row[Any]) -> None:
    connection.execute(
        update(challenges)
        .where(challenges.c.sequence == challenge.sequence)
        .values(attempts=challenges.c.attempts + 1)
    )
