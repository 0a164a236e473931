"""Verification of e-mail addresses and phone numbers, and recovery of accounts by mail.

Each sends a secret that only whoever reads the address can show; recovery then sets a new password.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import EmailAddress
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Password
from tidewire.core.errors import TidewireError
from tidewire.core.models import Token
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import (
    RECOVERY_CREATED,
    RECOVERY_UPDATED,
    VERIFICATION_TOKEN_CREATED,
    VERIFICATION_TOKEN_UPDATED,
)
from tidewire.services.account.redirects import Redirect, ShownSecret, require_redirect, secret_link
from tidewire.services.account.sign_in import end_other_sessions
from tidewire.services.account.sign_up import require_method
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.decoys import decoy_token
from tidewire.services.messages.mails import recovery, verification
from tidewire.services.messages.text_messages import phone_verification_text
from tidewire.services.one_time import (
    IssuedToken,
    invalid_token,
    issue_token,
    new_link_secret,
    publish_token,
    shown_token,
    token_of,
    write_if_valid,
)
from tidewire.services.outgoing import enqueue_text_message, mail_user
from tidewire.services.password_policy import accepted_hash, password_columns
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.tokens import RECOVERY, TokenType, delete_tokens, matching_token, use_token
from tidewire.store.records.users import change_user, find_user, user_by

_CALLED: Final = {"email": "email address", "phone": "phone number"}


@operations.audited(
    "createEmailVerification",
    "POST",
    "/account/verifications/email",
    aliases=("/account/verification",),
    scopes=("account",),
    status=201,
    event=VERIFICATION_TOKEN_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{userId}",)),
)
def create_email_verification(
    transaction: Transaction, context: Context, visit: Visit, url: Redirect
) -> Token:
    """Send the signed-in user a link to ``url`` that verifies the e-mail address."""
    user_id = signed_in(context).user_id
    require_redirect(context, url)
    user = _unverified(transaction, user_id, "email")
    issued = issue_token(transaction.connection, visit, user_id, "verification", new_link_secret())
    link = secret_link(url, user_id, issued.secret, issued.token.expire)
    mail_user(transaction, context, user.email, user.name, verification(link))
    return _issued(transaction, context, visit, issued, VERIFICATION_TOKEN_CREATED, "verification.create")


@operations.audited(
    "createPhoneVerification",
    "POST",
    "/account/verifications/phone",
    aliases=("/account/verification/phone",),
    scopes=("account",),
    status=201,
    event=VERIFICATION_TOKEN_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{userId}", "url:{url},ip:{ip}")),
)
def create_phone_verification(transaction: Transaction, context: Context, visit: Visit) -> Token:
    """Send the signed-in user a code that verifies the phone number."""
    require_method(context, "phone")
    user = _unverified(transaction, signed_in(context).user_id, "phone")
    require_text_messages(context, user.phone)
    digits, sent = phone_code(context, user.phone)
    issued = issue_token(transaction.connection, visit, user.id, "phone-verification", digits)
    if sent:
        enqueue_text_message(
            transaction, user.phone, phone_verification_text(context.locale, context.project_name, digits)
        )
    return _issued(transaction, context, visit, issued, VERIFICATION_TOKEN_CREATED, "verification.create")


@operations.declare(
    "updateEmailVerification",
    "PUT",
    "/account/verifications/email",
    aliases=("/account/verification",),
    scopes=("public",),
    event=VERIFICATION_TOKEN_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{param-userId}",)),
)
@evenly
async def update_email_verification(context: Context, user_id: ResourceId, secret: ShownSecret) -> Token:
    """Verify an e-mail address with what stood in the link."""
    return await _verify(context, user_id, "verification", secret, email_verification=True)


@operations.declare(
    "updatePhoneVerification",
    "PUT",
    "/account/verifications/phone",
    aliases=("/account/verification/phone",),
    scopes=("public",),
    event=VERIFICATION_TOKEN_UPDATED,
    limit=RateLimit(10, 3600, ("userId:{param-userId}",)),
)
@evenly
async def update_phone_verification(context: Context, user_id: ResourceId, secret: ShownSecret) -> Token:
    """Verify a phone number with the code that was sent to it."""
    return await _verify(context, user_id, "phone-verification", secret, phone_verification=True)


@operations.declare(
    "createRecovery",
    "POST",
    "/account/recovery",
    scopes=("sessions.write",),
    status=201,
    event=RECOVERY_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},email:{param-email}", "url:{url},ip:{ip}")),
)
@evenly
async def create_recovery(context: Context, email: EmailAddress, url: Redirect) -> Token:
    """Send a link to ``url`` that lets the user of an address set a new password.

    Only servers are told that there is no such user, or a blocked one: anybody may ask this about anybody.
    """
    require_redirect(context, url)
    address = email.lower()
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = user_by(transaction.connection, email=address)
        if user is not None and user.status:
            issued = issue_token(transaction.connection, visit, user.id, "recovery", new_link_secret())
            link = secret_link(url, user.id, issued.secret, issued.token.expire)
            mail_user(transaction, context, user.email, user.name, recovery(link))
            return _issued(transaction, context, visit, issued, RECOVERY_CREATED, "recovery.create")
        if context.caller.bypasses_permissions:
            raise _unavailable(user)
        # Something is written here too, so that the answer takes as long.
        record(transaction, "", "recovery.create", visit)
        return decoy_token(context, address, "recovery")

    return await context.database.write(unit)


@operations.declare(
    "updateRecovery",
    "PUT",
    "/account/recovery",
    scopes=("sessions.write",),
    event=RECOVERY_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{param-userId}",)),
)
@evenly
async def update_recovery(
    context: Context, user_id: ResourceId, secret: ShownSecret, password: Annotated[str, Password(8, 256)]
) -> Token:
    """Set a new password with what stood in the link. All sessions end unless the project lets them go on."""
    settings = context.project.settings
    user = await context.database.read(lambda connection: _owner(connection, user_id, secret))
    if user is None:
        raise invalid_token()
    new_hash = await accepted_hash(context, user, password)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token | None:
        row = use_token(transaction.connection, user_id, RECOVERY, secret)
        if row is None:
            return None
        delete_tokens(transaction.connection, user_id, RECOVERY)
        columns = password_columns(settings, new_hash, user.password_history)
        change_user(transaction.connection, user_id, email_verification=True, **columns)
        token = token_of(row)
        publish_token(transaction, context, RECOVERY_UPDATED, token, secret)
        if settings.session_invalidation:  # after the event, which the sessions that end hear too
            end_other_sessions(transaction, context, user_id, kept="")
        record(transaction, user_id, "recovery.update", visit)
        return token

    return await write_if_valid(context, unit)


def _unverified(transaction: Transaction, user_id: str, what: str) -> Row[Any]:
    """The user, whose ``email`` or ``phone`` is to be verified and is not yet."""
    user = find_user(transaction.connection, user_id)
    if not getattr(user, what):
        raise TidewireError(f"user_{what}_not_found", f"The user has no {_CALLED[what]} to verify.")
    if getattr(user, f"{what}_verification"):
        raise TidewireError(f"user_{what}_already_verified", f"The {_CALLED[what]} is verified already.")
    return user


def _issued(
    transaction: Transaction, context: Context, visit: Visit, issued: IssuedToken, event: str, audited: str
) -> Token:
    publish_token(transaction, context, event, issued.token, issued.secret)
    record(transaction, issued.token.user_id, audited, visit)
    return shown_token(context, issued)


async def _verify(context: Context, user_id: str, type_: TokenType, secret: str, **verified: bool) -> Token:
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token | None:
        row = use_token(transaction.connection, user_id, [type_], secret)
        if row is None:
            return None
        change_user(transaction.connection, user_id, **verified)
        token = token_of(row)
        publish_token(transaction, context, VERIFICATION_TOKEN_UPDATED, token, secret)
        record(transaction, user_id, "verification.update", visit)
        return token

    return await write_if_valid(context, unit)


def _owner(connection: Connection, user_id: str, secret: str) -> Row[Any] | None:
    """The user, if this is the secret of a link that still works."""
    if matching_token(connection, user_id, RECOVERY, secret) is None:
        return None
    user = find_user(connection, user_id)
    return user if user.status else None


def _unavailable(user: Row[Any] | None) -> TidewireError:
    if user is None:
        return TidewireError("user_not_found", "There is no user with this email address.")
    return TidewireError("user_blocked", "This user has been blocked.")
