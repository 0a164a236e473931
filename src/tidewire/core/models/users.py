"""Models of users as servers see them."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.account import Account
from tidewire.core.models.base import Model, Page, system


class User(Account, frozen=True, kw_only=True):
    """A user with the hash of the password, for servers that move users elsewhere. Never in events."""

    password: str | None
    """The hash as text; empty without a password."""
    hash: str | None
    """The scheme of the hash."""
    hash_options: dict[str, Any] | None


class UserList(Page, frozen=True, kw_only=True):
    """A page of users."""

    users: list[User]


class MfaChallengeSecret(Model, frozen=True, kw_only=True):
    """A second factor that a user was asked for, with the code that answers it."""

    id: str = system("id")
    created_at: str = system("createdAt")
    user_id: str
    expire: str
    code: str


class Token(Model, frozen=True, kw_only=True):
    """A secret that was sent to a user or handed to a server, to be shown once."""

    id: str = system("id")
    created_at: str = system("createdAt")
    user_id: str
    secret: str
    """The secret; empty unless the caller may see it, as API keys may."""
    expire: str
    phrase: str
    """What the mail with the secret says too, if it was asked for."""
