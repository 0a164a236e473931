"""Signing in without a password, first half: a link or code is sent to an address or phone number."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import Row

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.errors import TidewireError
from tidewire.core.models import Account, Token
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.parameters import OptionalRedirect
from tidewire.services.account.records import (
    chosen_id,
    find_user,
    insert_user,
    user_by_email,
    user_by_phone,
)
from tidewire.services.account.redirects import app_link, require_redirect, secret_link
from tidewire.services.account.sign_up import require_method, require_room
from tidewire.services.account.users import USER_CREATED
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.decoys import decoy_token
from tidewire.services.messages import magic_url_mail, otp_mail, otp_text
from tidewire.services.one_time import (
    CODE_SECONDS,
    LINK_SECONDS,
    IssuedToken,
    issue_token,
    new_code,
    new_link_secret,
)
from tidewire.services.outgoing import enqueue_mail, enqueue_text_message
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.publishing import publish
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction

_FIRST: Final = """
    amber ancient autumn bold brave bright broad calm clear clever copper coral crisp curious daring
    deep early eager fair fine free fresh gentle golden grand green happy hidden honest humble ivory
    jolly keen kind late lively lucky merry mild modest noble northern olive open patient plain polite
    proud quick quiet rapid rare royal silent silver simple smooth southern steady still sunny swift
    warm wise
"""
_SECOND: Final = """
    anchor apple badger beacon birch breeze bridge candle canyon castle cedar cloud comet compass creek
    dolphin eagle ember falcon feather fern forest fountain garden glacier harbour hazel heron hill
    island juniper lagoon lantern lark lemon lighthouse maple meadow mirror moon mountain oak ocean
    orchard otter pebble pepper pine planet prairie raven reef river robin saffron sparrow star stream
    thistle tulip valley walnut willow window
"""


def new_phrase() -> str:
    """A phrase that is not likely to be the same twice in a row."""
    return f"{secrets.choice(_FIRST.split())} {secrets.choice(_SECOND.split())}"


_MAGIC_URL_PATH: Final = "auth/magic-url"


@operations.declare(
    "createMagicURLToken",
    "POST",
    "/account/tokens/magic-url",
    aliases=("/account/sessions/magic-url",),
    scopes=("sessions.write",),
    status=201,
    limit=RateLimit(60, 3600, ("url:{url},email:{param-email}", "url:{url},ip:{ip}")),
)
@evenly
async def create_magic_url_token(
    context: Context,
    user_id: CustomId,
    email: EmailAddress,
    url: OptionalRedirect = "",
    phrase: Annotated[bool, TrueOrFalse()] = False,
) -> Token:
    """Send a link to sign in with; an address without a user becomes a new user with this id."""
    require_method(context, "magic-url")
    if url:
        require_redirect(context, url)
    address = email.lower()
    words = new_phrase() if phrase else ""
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = _user_by_email(transaction, context, user_id, address)
        if user is None:
            return _decoy(transaction, context, address, LINK_SECONDS, words, visit)
        issued = issue_token(
            transaction.connection,
            context.encryption,
            user.id,
            "magic-url",
            new_link_secret(),
            LINK_SECONDS,
            visit,
            words,
        )
        link = secret_link(
            url or app_link(context, _MAGIC_URL_PATH),
            user.id,
            issued.secret,
            issued.token.expire,
            project=context.project.id,
        )
        enqueue_mail(
            transaction, address, user.name, magic_url_mail(context.project_name, user.name, link, words)
        )
        record(transaction, user.id, "session.create", visit)
        return _answer(context, issued)

    return await context.database.write(unit)


@operations.declare(
    "createEmailToken",
    "POST",
    "/account/tokens/email",
    scopes=("sessions.write",),
    status=201,
    limit=RateLimit(10, 3600, ("url:{url},email:{param-email}", "url:{url},ip:{ip}")),
)
@evenly
async def create_email_token(
    context: Context, user_id: CustomId, email: EmailAddress, phrase: Annotated[bool, TrueOrFalse()] = False
) -> Token:
    """Send a code to sign in with; an address without a user becomes a new user with this id."""
    require_method(context, "email-otp")
    address = email.lower()
    words = new_phrase() if phrase else ""
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = _user_by_email(transaction, context, user_id, address)
        if user is None:
            return _decoy(transaction, context, address, CODE_SECONDS, words, visit)
        issued = issue_token(
            transaction.connection,
            context.encryption,
            user.id,
            "email",
            new_code(),
            CODE_SECONDS,
            visit,
            words,
        )
        mail = otp_mail(context.project_name, user.name, issued.secret, visit.device, visit.ip, words)
        enqueue_mail(transaction, address, user.name, mail)
        record(transaction, user.id, "session.create", visit)
        return _answer(context, issued)

    return await context.database.write(unit)


@operations.declare(
    "createPhoneToken",
    "POST",
    "/account/tokens/phone",
    aliases=("/account/sessions/phone",),
    scopes=("sessions.write",),
    status=201,
    limit=RateLimit(10, 3600, ("url:{url},phone:{param-phone}", "url:{url},ip:{ip}")),
)
@evenly
async def create_phone_token(context: Context, user_id: CustomId, phone: PhoneNumber) -> Token:
    """Send a code to sign in with; a number without a user becomes a new user with this id.

    Nothing is sent to the project's mock numbers: their codes are known.
    """
    require_method(context, "phone")
    require_text_messages(context, phone)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = _user_by_phone(transaction, context, user_id, phone)
        if user is None:
            return _decoy(transaction, context, phone, CODE_SECONDS, "", visit)
        code = phone_code(context, phone)
        issued = issue_token(
            transaction.connection, context.encryption, user.id, "phone", code.digits, CODE_SECONDS, visit
        )
        if code.sent:
            enqueue_text_message(transaction, phone, otp_text(context.project_name, code.digits))
        record(transaction, user.id, "session.create", visit)
        return _answer(context, issued)

    return await context.database.write(unit)


def _user_by_email(transaction: Transaction, context: Context, user_id: str, address: str) -> Row[Any] | None:
    user = user_by_email(transaction.connection, address)
    if user is not None or not _has_room(transaction.connection, context):
        return user
    return _new_user(
        transaction, context, insert_user(transaction.connection, chosen_id(user_id), email=address)
    )


def _user_by_phone(transaction: Transaction, context: Context, user_id: str, phone: str) -> Row[Any] | None:
    user = user_by_phone(transaction.connection, phone)
    if user is not None or not _has_room(transaction.connection, context):
        return user
    return _new_user(
        transaction, context, insert_user(transaction.connection, chosen_id(user_id), phone=phone)
    )


def _new_user(transaction: Transaction, context: Context, account: Account) -> Row[Any]:
    publish(transaction, context, USER_CREATED, {"userId": account.id}, account)
    return find_user(transaction.connection, account.id)


def _has_room(connection: Connection, context: Context) -> bool:
    """Whether a new user may be made.

    If not, servers are told so. All others get the answer that they would get about a user: a full
    project must not tell which addresses its users have.
    """
    try:
        require_room(connection, context)
    except TidewireError:
        if context.caller.bypasses_permissions:
            raise
        return False
    return True


def _decoy(
    transaction: Transaction, context: Context, address: str, seconds: int, phrase: str, visit: Visit
) -> Token:
    # Something is written here too, so that the answer takes as long.
    record(transaction, "", "session.create", visit)
    return decoy_token(context, address, seconds, phrase)


def _answer(context: Context, issued: IssuedToken) -> Token:
    """The token; only servers see the secret, for they may send it themselves."""
    if context.caller.bypasses_permissions:
        return msgspec.structs.replace(issued.token, secret=issued.secret)
    return issued.token
