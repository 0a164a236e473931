"""One-time secrets of users: links, codes and custom tokens, and what is told of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.models import Token
from tidewire.core.time import format_datetime, parse_datetime
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.publishing import event_of
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.event_secrets import is_asked_for, keep_secret
from tidewire.store.records.tokens import TokenType, insert_token

R = TypeVar("R")

LINK_SECONDS: Final = 3600
"""How long links to sign in and to set a password work."""
CODE_SECONDS: Final = 15 * 60
SECONDS: Final[dict[TokenType, int]] = {
    "verification": 7 * 24 * 3600,
    "recovery": LINK_SECONDS,
    "magic-url": LINK_SECONDS,
    "oauth2": CODE_SECONDS,
    "phone-verification": CODE_SECONDS,
    "email": CODE_SECONDS,
    "phone": CODE_SECONDS,
}
"""How long tokens work, by their type."""

_LINK_BYTES: Final = 32
_CODE_DIGITS: Final = 6


@dataclass(frozen=True)
class IssuedToken:
    """A token just made. The secret is known only now."""

    token: Token
    """The token without its secret."""
    secret: str


def new_link_secret() -> str:
    """A secret that nobody guesses."""
    return secrets.token_hex(_LINK_BYTES)


def new_code() -> str:
    """A code that people can type; guesses have to be counted."""
    return f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"


def issue_token(
    connection: Connection,
    visit: Visit,
    user_id: str,
    type_: TokenType,
    secret: str,
    *,
    seconds: int = 0,
    phrase: str = "",
) -> IssuedToken:
    """Make a token for a user that works once, within ``seconds`` or as long as those of its type."""
    lasts = seconds or SECONDS[type_]
    row = insert_token(connection, user_id, type_, secret, lasts, visit.ip, visit.user_agent)
    return IssuedToken(token_of(row, phrase), secret)


def invalid_token() -> TidewireError:
    """The error for a secret that does not work, whatever the reason."""
    return TidewireError(
        "user_invalid_token", "The user id or the secret is wrong, or the secret was used or has expired."
    )


async def write_if_valid(context: Context, unit: Callable[[Transaction], R | None]) -> R:
    """Do a unit that depends on a secret; raises ``user_invalid_token`` if it returns None.

    The error is raised after the commit, for a wrong secret is counted.
    """
    result = await context.database.write(unit)
    if result is None:
        raise invalid_token()
    return result


def token_of(row: Row[Any], phrase: str = "") -> Token:
    """The token as the API shows it, without its secret."""
    return shown(Token, row, secret="", expire=format_datetime(row.expires_at), phrase=phrase)


def shown_token(context: Context, issued: IssuedToken) -> Token:
    """The token for whoever asked for it; only servers get the secret, for they may send it themselves."""
    if context.caller.bypasses_permissions:
        return msgspec.structs.replace(issued.token, secret=issued.secret)
    return issued.token


def publish_token(
    transaction: Transaction, context: Context, pattern: str, token: Token, secret: str
) -> None:
    """Write the event of a token, without its secret.

    Webhooks that name events of tokens themselves get the secret with it, to send it in a way of their own.
    """
    payload: dict[str, Any] = msgspec.to_builtins(token)
    del payload["secret"]
    event = event_of(context, pattern, {"userId": token.user_id, "tokenId": token.id}, payload)
    offset = transaction.append(event).offset
    if is_asked_for(transaction.connection, event.names):
        sealed = context.encryption.seal(secret)
        expires = parse_datetime(token.expire)
        keep_secret(transaction.connection, offset, token.user_id, sealed, expires)
