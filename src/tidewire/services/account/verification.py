"""Verification of e-mail addresses by link and of phone numbers by code."""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.core.checks.names import ResourceId
from tidewire.core.errors import TidewireError
from tidewire.core.models import Token
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.parameters import Redirect, ShownSecret
from tidewire.services.account.records import change_user, find_user, signed_in
from tidewire.services.account.redirects import require_redirect, secret_link
from tidewire.services.account.sign_up import require_method
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.messages import phone_verification_text, verification_mail
from tidewire.services.one_time import (
    CODE_SECONDS,
    VERIFICATION_SECONDS,
    IssuedToken,
    TokenType,
    invalid_token,
    issue_token,
    new_link_secret,
    publish_token,
    token_of,
    use_token,
)
from tidewire.services.outgoing import enqueue_mail, enqueue_text_message
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.database import Transaction

VERIFICATION_CREATED: Final = "users.[userId].verification.[tokenId].create"
VERIFICATION_UPDATED: Final = "users.[userId].verification.[tokenId].update"


@operations.declare(
    "createEmailVerification",
    "POST",
    "/account/verifications/email",
    aliases=("/account/verification",),
    scopes=("account",),
    status=201,
    event=VERIFICATION_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{userId}",)),
)
async def create_email_verification(context: Context, url: Redirect) -> Token:
    """Send the signed-in user a link to ``url`` that verifies the e-mail address."""
    user_id = signed_in(context).user_id
    require_redirect(context, url)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = find_user(transaction.connection, user_id)
        if not user.email:
            raise TidewireError("user_email_not_found", "The user has no email address to verify.")
        if user.email_verification:
            raise TidewireError("user_email_already_verified", "The email address is verified already.")
        issued = issue_token(
            transaction.connection,
            context.encryption,
            user_id,
            "verification",
            new_link_secret(),
            VERIFICATION_SECONDS,
            visit,
        )
        link = secret_link(url, user_id, issued.secret, issued.token.expire)
        mail = verification_mail(context.project_name, user.name, link)
        enqueue_mail(transaction, user.email, user.name, mail)
        return _created(transaction, context, issued, visit)

    return await context.database.write(unit)


@operations.declare(
    "updateEmailVerification",
    "PUT",
    "/account/verifications/email",
    aliases=("/account/verification",),
    scopes=("public",),
    event=VERIFICATION_UPDATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{param-userId}",)),
)
@evenly
async def update_email_verification(context: Context, user_id: ResourceId, secret: ShownSecret) -> Token:
    """Verify an e-mail address with what stood in the link."""
    return await _verify(context, user_id, "verification", secret)


@operations.declare(
    "createPhoneVerification",
    "POST",
    "/account/verifications/phone",
    aliases=("/account/verification/phone",),
    scopes=("account",),
    status=201,
    event=VERIFICATION_CREATED,
    limit=RateLimit(10, 3600, ("url:{url},userId:{userId}", "url:{url},ip:{ip}")),
)
async def create_phone_verification(context: Context) -> Token:
    """Send the signed-in user a code that verifies the phone number."""
    require_method(context, "phone")
    user_id = signed_in(context).user_id
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = find_user(transaction.connection, user_id)
        if not user.phone:
            raise TidewireError("user_phone_not_found", "The user has no phone number to verify.")
        if user.phone_verification:
            raise TidewireError("user_phone_already_verified", "The phone number is verified already.")
        require_text_messages(context, user.phone)
        code = phone_code(context, user.phone)
        issued = issue_token(
            transaction.connection,
            context.encryption,
            user_id,
            "phone-verification",
            code.digits,
            CODE_SECONDS,
            visit,
        )
        if code.sent:
            text = phone_verification_text(context.project_name, code.digits)
            enqueue_text_message(transaction, user.phone, text)
        return _created(transaction, context, issued, visit)

    return await context.database.write(unit)


@operations.declare(
    "updatePhoneVerification",
    "PUT",
    "/account/verifications/phone",
    aliases=("/account/verification/phone",),
    scopes=("public",),
    event=VERIFICATION_UPDATED,
    limit=RateLimit(10, 3600, ("userId:{param-userId}",)),
)
@evenly
async def update_phone_verification(context: Context, user_id: ResourceId, secret: ShownSecret) -> Token:
    """Verify a phone number with the code that was sent to it."""
    return await _verify(context, user_id, "phone-verification", secret)


def _created(transaction: Transaction, context: Context, issued: IssuedToken, visit: Visit) -> Token:
    publish_token(transaction, context, VERIFICATION_CREATED, issued.token, issued.secret)
    record(transaction, issued.token.user_id, "verification.create", visit)
    if context.caller.bypasses_permissions:
        return msgspec.structs.replace(issued.token, secret=issued.secret)
    return issued.token


async def _verify(context: Context, user_id: str, type_: TokenType, secret: str) -> Token:
    visit = await visit_of(context)
    verified = "email_verification" if type_ == "verification" else "phone_verification"

    def unit(transaction: Transaction) -> Token | None:
        row = use_token(transaction.connection, context.encryption, user_id, [type_], secret)
        if row is None:
            return None
        change_user(transaction.connection, user_id, **{verified: True})
        token = token_of(row)
        publish_token(transaction, context, VERIFICATION_UPDATED, token, secret)
        record(transaction, user_id, "verification.update", visit)
        return token

    token = await context.database.write(unit)
    if token is None:
        raise invalid_token()
    return token
