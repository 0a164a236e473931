"""Signing in without a password, second half: the link or code comes back and becomes a session."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row

from tidewire.core.checks.names import CustomId
from tidewire.core.errors import TidewireError
from tidewire.core.models import Session
from tidewire.core.operations import Method
from tidewire.core.rate_limits import RateLimit
from tidewire.services.account import operations
from tidewire.services.account.parameters import ShownSecret
from tidewire.services.account.records import change_user, find_user
from tidewire.services.account.sign_in import (
    SESSION_CREATED,
    Login,
    NewSession,
    signed_in_answer,
    start_session,
)
from tidewire.services.context import Context
from tidewire.services.one_time import TokenType, invalid_token, use_token
from tidewire.services.timing import evenly
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.database import Transaction

_PROVIDERS: Final[dict[TokenType, tuple[str, str]]] = {
    "magic-url": ("magic-url", "email"),
    "email": ("email", "email"),
    "oauth2": ("oauth2", "email"),
    "phone": ("phone", "phone"),
    "generic": ("token", "token"),
}
"""Type of a token that signs in, to the provider of the session and the factor that it is."""
_BY_MAIL: Final = frozenset({"magic-url", "email"})
_OPERATIONS: Final[tuple[tuple[str, Method, str], ...]] = (
    ("createSession", "POST", "/account/sessions/token"),
    ("updateMagicURLSession", "PUT", "/account/sessions/magic-url"),
    ("updatePhoneSession", "PUT", "/account/sessions/phone"),
)
"""The operations that sign in so; older clients call the last two."""


@evenly
async def create_session(context: Context, user_id: CustomId, secret: ShownSecret) -> Session:
    """Sign in with the secret of a link, a code, or a token that a server made."""
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> NewSession | None:
        token = use_token(transaction.connection, context.encryption, user_id, _PROVIDERS.keys(), secret)
        return None if token is None else _start(transaction, context, token, visit)

    started = await context.database.write(unit)
    if started is None:
        raise invalid_token()
    return signed_in_answer(context, started)


for _name, _method, _path in _OPERATIONS:
    operations.declare(
        _name,
        _method,
        _path,
        scopes=("sessions.write",),
        status=201,
        event=SESSION_CREATED,
        groups=("session",),
        limit=RateLimit(10, 3600, ("ip:{ip},userId:{param-userId}",)),
    )(create_session)


def _start(transaction: Transaction, context: Context, token: Row[Any], visit: Visit) -> NewSession:
    user = find_user(transaction.connection, token.user_id)
    if not user.status:
        raise TidewireError("user_blocked", "This user has been blocked.")
    # Who has the secret reads the mails or has the phone.
    if token.type in _BY_MAIL and not user.email_verification:
        change_user(transaction.connection, user.id, email_verification=True)
    if token.type == "phone" and not user.phone_verification:
        change_user(transaction.connection, user.id, phone_verification=True)
    provider, factor = _PROVIDERS[token.type]
    uid = user.phone if token.type == "phone" else user.email
    return start_session(transaction, context, user.id, Login(provider, uid or "", factor, visit))
