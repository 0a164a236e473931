"""One-time secrets of users: links, codes and custom tokens. Only keyed digests of them are stored."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Token
from tidewire.core.time import format_datetime, now, parse_datetime
from tidewire.services.context import Context
from tidewire.services.publishing import event_of
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.event_secrets import is_asked_for, keep_secret
from tidewire.store.schema import tokens
from tidewire.store.secrets.encryption import Encryption

TokenType = Literal[
    "verification", "phone-verification", "recovery", "magic-url", "email", "phone", "oauth2", "generic"
]

LINK_SECONDS: Final = 3600
"""How long links to sign in and to set a password work."""
VERIFICATION_SECONDS: Final = 7 * 24 * 3600
CODE_SECONDS: Final = 15 * 60
MOST_ATTEMPTS: Final = 5
"""Wrong secrets after which a code is worth nothing any more."""

_LINK_BYTES: Final = 32
_CODE_DIGITS: Final = 6
_MOST_OF_A_TYPE: Final = 10
"""Links of one type that work for a user at the same time."""
_GUESSABLE: Final[frozenset[TokenType]] = frozenset({"phone-verification", "email", "phone", "generic"})
"""Types whose secrets may be short."""
_ONLY_ONE: Final[frozenset[TokenType]] = frozenset({"phone-verification", "email", "phone"})
"""Types of which a new one replaces the old: several codes at once would be easier to guess."""


@dataclass(frozen=True)
class IssuedToken:
    """A token just made. The secret is known only now."""

    token: Token
    """Without its secret."""
    secret: str


def new_link_secret() -> str:
    """A secret that nobody guesses."""
    return secrets.token_hex(_LINK_BYTES)


def new_code() -> str:
    """A code that people can type; guesses have to be counted."""
    return f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"


def issue_token(
    connection: Connection,
    encryption: Encryption,
    user_id: str,
    type_: TokenType,
    secret: str,
    seconds: int,
    visit: Visit,
    phrase: str = "",
) -> IssuedToken:
    """Make a token for the user that works once within ``seconds``."""
    _make_room(connection, user_id, type_)
    moment = now()
    row = connection.execute(
        insert(tokens).returning(tokens),
        {
            "id": unique_id(),
            "created_at": moment,
            "updated_at": moment,
            "user_id": user_id,
            "type": type_,
            "secret_hash": encryption.digest(secret),
            "expires_at": moment + seconds * 1000,
            "ip": visit.ip,
            "user_agent": visit.user_agent,
        },
    ).one()
    return IssuedToken(token_of(row, phrase), secret)


def use_token(
    connection: Connection, encryption: Encryption, user_id: str, types: Collection[TokenType], secret: str
) -> Row[Any] | None:
    """Take the user's token with this secret out of the world; None if there is none.

    A wrong secret counts against every code of the user: the transaction must be committed, and the
    error raised after it.
    """
    found = _find(connection, encryption, user_id, types, secret)
    if found is not None:
        connection.execute(delete(tokens).where(tokens.c.sequence == found.sequence))
        return found
    connection.execute(
        update(tokens)
        .where(tokens.c.user_id == user_id, tokens.c.type.in_(_GUESSABLE.intersection(types)))
        .values(attempts=tokens.c.attempts + 1)
    )
    return None


def token_matches(
    connection: Connection, encryption: Encryption, user_id: str, types: Collection[TokenType], secret: str
) -> bool:
    """Whether :func:`use_token` would find a token; nothing is changed."""
    return _find(connection, encryption, user_id, types, secret) is not None


def invalid_token() -> TidewireError:
    """The error for a secret that does not work, whatever the reason."""
    return TidewireError(
        "user_invalid_token", "The user id or the secret is wrong, or the secret was used or has expired."
    )


def delete_tokens(connection: Connection, user_id: str, types: Collection[TokenType]) -> None:
    """Make all tokens of these types worthless, because what they were for has changed."""
    connection.execute(delete(tokens).where(tokens.c.user_id == user_id, tokens.c.type.in_(types)))


def token_of(row: Row[Any], phrase: str = "") -> Token:
    """The token as the API shows it, without its secret."""
    return Token(
        id=row.id,
        created_at=format_datetime(row.created_at),
        user_id=row.user_id,
        secret="",
        expire=format_datetime(row.expires_at),
        phrase=phrase,
    )


def publish_token(
    transaction: Transaction, context: Context, pattern: str, token: Token, secret: str
) -> None:
    """Tell of a token, without its secret.

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


def _find(
    connection: Connection, encryption: Encryption, user_id: str, types: Collection[TokenType], secret: str
) -> Row[Any] | None:
    secret_hash = encryption.digest(secret)
    usable = connection.execute(
        select(tokens).where(
            tokens.c.user_id == user_id, tokens.c.type.in_(types), tokens.c.expires_at > now()
        )
    )
    found = None
    for row in usable:
        spent = row.type in _GUESSABLE and row.attempts >= MOST_ATTEMPTS
        if hmac.compare_digest(row.secret_hash, secret_hash) and not spent:
            found = row
    return found


def _make_room(connection: Connection, user_id: str, type_: TokenType) -> None:
    kept = 0 if type_ in _ONLY_ONE else _MOST_OF_A_TYPE - 1
    newest = (
        select(tokens.c.sequence)
        .where(tokens.c.user_id == user_id, tokens.c.type == type_, tokens.c.expires_at > now())
        .order_by(tokens.c.sequence.desc())
        .limit(kept)
    )
    connection.execute(
        delete(tokens).where(
            tokens.c.user_id == user_id, tokens.c.type == type_, tokens.c.sequence.not_in(newest)
        )
    )
