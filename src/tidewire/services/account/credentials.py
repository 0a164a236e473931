"""The password of a user, checked at sign-in and again before sensitive changes."""

from __future__ import annotations

from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.services.context import Context
from tidewire.services.passwords import OWN_SCHEME
from tidewire.store.engine.connection import Row


def wrong_credentials() -> TidewireError:
    """The error for a wrong password; it does not say whether the user exists."""
    return TidewireError("user_invalid_credentials", "Invalid credentials: check the email and the password.")


async def has_password(context: Context, user: Row[Any] | None, password: str) -> bool:
    """Whether the password is the user's.

    A user who does not exist or has no password takes as long, so that the time tells nothing.
    """
    if user is None:
        return await context.passwords.verify(None, password)
    scheme = user.hash or OWN_SCHEME
    return await context.passwords.verify(user.password_hash, password, scheme, user.hash_options)


async def require_password(context: Context, user: Row[Any], password: str) -> None:
    """Refuse a wrong password; raises :class:`TidewireError` ``user_invalid_credentials``."""
    if not await has_password(context, user, password):
        raise wrong_credentials()


def require_unchanged(before: Row[Any], current: Row[Any]) -> None:
    """Refuse if the password was changed by somebody else while it was being checked."""
    if before.password_hash != current.password_hash:
        raise wrong_credentials()
