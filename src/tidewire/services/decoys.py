"""Answers about users who do not exist; they look like answers about users who do.

Whoever asks for a link or code by an address must not learn from the answer whether it belongs to a user.
"""

from __future__ import annotations

import hashlib
import hmac

from tidewire.core.ids import unique_id
from tidewire.core.models import Token
from tidewire.core.time import format_datetime, now
from tidewire.services.context import Context
from tidewire.services.one_time import SECONDS
from tidewire.store.records.tokens import TokenType
from tidewire.store.secrets.purposes import key_for


def decoy_token(context: Context, address: str, type_: TokenType, phrase: str = "") -> Token:
    """A token that was never made; the same address always seems to have the same user."""
    moment = now()
    return Token(
        id=unique_id(),
        created_at=format_datetime(moment),
        user_id=_decoy_user_id(context, address),
        secret="",
        expire=format_datetime(moment + SECONDS[type_] * 1000),
        phrase=phrase,
    )


def _decoy_user_id(context: Context, address: str) -> str:
    """An id like those of :func:`unique_id`: a time in the life of the project, and random digits.

    Both are derived from the address.
    """
    key = f"{context.project.id}:{address}".encode()
    digest = hmac.new(key_for("decoys", context.jwt_secret), key, hashlib.sha256).hexdigest()
    began = context.project.created_at // 1000
    age = max(1, now() // 1000 - began)
    # The span changes seldom, so that the same address keeps its user.
    span = 1 << (age.bit_length() - 1)
    seconds = began + int(digest[:12], 16) % span
    microseconds = int(digest[12:24], 16) % 1_000_000
    return f"{seconds:08x}{microseconds:05x}{digest[24:31]}"
