"""Tokens: one-time secrets that were sent to users or handed to servers. Only digests of them are stored."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Any, Final, Literal

from sqlalchemy import Row, delete, select, update

from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.records.rows import delete_row, insert_row
from tidewire.store.schema import tokens

TokenType = Literal[
    "verification", "phone-verification", "recovery", "magic-url", "email", "phone", "oauth2", "generic"
]

SENT_BY_MAIL: Final[tuple[TokenType, ...]] = ("verification", "recovery", "magic-url", "email")
SENT_BY_PHONE: Final[tuple[TokenType, ...]] = ("phone-verification", "phone")
RECOVERY: Final[tuple[TokenType, ...]] = ("recovery",)

MOST_ATTEMPTS: Final = 5
"""Wrong secrets after which a code no longer works."""

_MOST_OF_A_TYPE: Final = 10
"""Links of one type that work for a user at the same time."""
_GUESSABLE: Final[frozenset[TokenType]] = frozenset({"phone-verification", "email", "phone", "generic"})
"""Types whose secrets may be short."""
_ONLY_ONE: Final[frozenset[TokenType]] = frozenset({"phone-verification", "email", "phone"})
"""Types of which a new one replaces the old: several codes at once would be easier to guess."""


def insert_token(
    connection: Connection, user_id: str, type_: TokenType, secret: str, seconds: int, ip: str, agent: str
) -> Row[Any]:
    """Add a token that works once within ``seconds``; if there are too many of its type, the oldest end."""
    kept = 0 if type_ in _ONLY_ONE else _MOST_OF_A_TYPE - 1
    of_type = (tokens.c.user_id == user_id, tokens.c.type == type_)
    newest = (
        select(tokens.c.sequence)
        .where(*of_type, tokens.c.expires_at > now())
        .order_by(tokens.c.sequence.desc())
        .limit(kept)
    )
    connection.execute(delete(tokens).where(*of_type, tokens.c.sequence.not_in(newest)))
    return insert_row(
        connection,
        tokens,
        id=unique_id(),
        user_id=user_id,
        type=type_,
        secret_hash=connection.encryption.digest(secret),
        expires_at=now() + seconds * 1000,
        ip=ip,
        user_agent=agent,
    )


def use_token(
    connection: Connection, user_id: str, types: Collection[TokenType], secret: str
) -> Row[Any] | None:
    """Delete the user's token with this secret and return what it was; None if there is none.

    A wrong secret counts against every code of the user: so the transaction must be committed, and the error
    raised after it.
    """
    found = matching_token(connection, user_id, types, secret)
    if found is not None:
        delete_row(connection, tokens, found.sequence)
        return found
    connection.execute(
        update(tokens)
        .where(tokens.c.user_id == user_id, tokens.c.type.in_(_GUESSABLE.intersection(types)))
        .values(attempts=tokens.c.attempts + 1)
    )
    return None


def matching_token(
    connection: Connection, user_id: str, types: Collection[TokenType], secret: str
) -> Row[Any] | None:
    """The token that :func:`use_token` would find; nothing is changed."""
    secret_hash = connection.encryption.digest(secret)
    usable = select(tokens).where(
        tokens.c.user_id == user_id, tokens.c.type.in_(types), tokens.c.expires_at > now()
    )
    found = None
    for row in connection.execute(usable):
        spent = row.type in _GUESSABLE and row.attempts >= MOST_ATTEMPTS
        if hmac.compare_digest(row.secret_hash, secret_hash) and not spent:
            found = row
    return found


def delete_tokens(connection: Connection, user_id: str, types: Collection[TokenType]) -> None:
    """Delete all tokens of these types, because what they were for has changed."""
    connection.execute(delete(tokens).where(tokens.c.user_id == user_id, tokens.c.type.in_(types)))
