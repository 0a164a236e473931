"""Sign-in without a password, first half: a link or code is sent to an address or phone number."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import EmailAddress, PhoneNumber
from tidewire.core.checks.names import CustomId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Token
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.events import USER_CREATED
from tidewire.services.account.redirects import OptionalRedirect, app_link, require_redirect, secret_link
from tidewire.services.account.sign_up import require_method, require_room
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.decoys import decoy_token
from tidewire.services.messages.mails import magic_session, otp_session
from tidewire.services.messages.text_messages import otp_text
from tidewire.services.one_time import IssuedToken, issue_token, new_code, new_link_secret, shown_token
from tidewire.services.outgoing import enqueue_text_message, mail_user
from tidewire.services.phones import phone_code, require_text_messages
from tidewire.services.publishing import publish
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.tokens import TokenType
from tidewire.store.records.users import find_user, insert_user, user_by

Send = Callable[[Transaction, Row[Any], IssuedToken, Visit], None]
"""Puts the message with a token in the queue, to a user."""

_MAGIC_URL_PATH: Final = "auth/magic-url"
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
    page = url or app_link(context, _MAGIC_URL_PATH)
    words = new_phrase() if phrase else ""

    def send(transaction: Transaction, user: Row[Any], issued: IssuedToken, visit: Visit) -> None:
        link = secret_link(page, user.id, issued.secret, issued.token.expire, project=context.project.id)
        occasion = magic_session(link, visit.agent, visit.ip, words)
        mail_user(transaction, context, user.email, user.name, occasion)

    return await _issue(context, user_id, "magic-url", new_link_secret(), send, words, email=email.lower())


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
    words = new_phrase() if phrase else ""

    def send(transaction: Transaction, user: Row[Any], issued: IssuedToken, visit: Visit) -> None:
        occasion = otp_session(issued.secret, visit.agent, visit.ip, words)
        mail_user(transaction, context, user.email, user.name, occasion)

    return await _issue(context, user_id, "email", new_code(), send, words, email=email.lower())


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
    digits, sent = phone_code(context, phone)

    def send(transaction: Transaction, user: Row[Any], issued: IssuedToken, visit: Visit) -> None:  # noqa: ARG001
        if sent:
            enqueue_text_message(
                transaction, user.phone, otp_text(context.locale, context.project_name, digits)
            )

    return await _issue(context, user_id, "phone", digits, send, phone=phone)


async def _issue(
    context: Context,
    user_id: str,
    type_: TokenType,
    secret: str,
    send: Send,
    phrase: str = "",
    **address: str,
) -> Token:
    """Make a token for the user with an ``email`` or ``phone``, and send it.

    If there is no such user and can be none, the answer looks the same.
    """
    [contact] = address.values()
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Token:
        user = _user_with(transaction, context, user_id, address)
        # Written for a user who does not exist too, so that the answer takes as long.
        record(transaction, user.id if user else "", "session.create", visit)
        if user is None:
            return decoy_token(context, contact, type_, phrase)
        issued = issue_token(transaction.connection, visit, user.id, type_, secret, phrase=phrase)
        send(transaction, user, issued, visit)
        return shown_token(context, issued)

    return await context.database.write(unit)


def _user_with(
    transaction: Transaction, context: Context, user_id: str, address: dict[str, str]
) -> Row[Any] | None:
    """The user with an ``email`` or ``phone``, who may be new; None if the project is full."""
    connection = transaction.connection
    user = user_by(connection, **address)
    if user is not None or not _has_room(connection, context):
        return user
    account = insert_user(
        connection, chosen_id(user_id), email=address.get("email"), phone=address.get("phone")
    )
    publish(transaction, context, USER_CREATED, {"userId": account.id}, account)
    return find_user(connection, account.id)


def _has_room(connection: Connection, context: Context) -> bool:
    """Whether a new user may be made.

    If not, servers get the error. All others get the answer that they would get about a user: a full project
    must not tell which addresses its users have.
    """
    try:
        require_room(connection, context)
    except TidewireError:
        if context.caller.bypasses_permissions:
            raise
        return False
    return True
