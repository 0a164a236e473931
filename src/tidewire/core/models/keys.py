"""Models of API keys and dev keys."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class Key(Model, frozen=True, kw_only=True):
    """An API key."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    name: str
    expire: str
    """Empty: never."""
    scopes: list[str]
    secret: str
    """Only in the answer that creates the key; empty afterwards, for nobody knows it any more."""
    accessed_at: str
    sdks: list[str]


class EphemeralKey(Key, frozen=True, kw_only=True):
    """An API key that is nowhere stored and ends by itself."""


class KeyList(Model, frozen=True, kw_only=True):
    """A page of API keys."""

    total: int
    keys: list[Key]


class DevKey(Model, frozen=True, kw_only=True):
    """A key for programs under development: no check of the origin, no rate limits."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    name: str
    expire: str
    secret: str
    accessed_at: str
    sdks: list[str]


class DevKeyList(Model, frozen=True, kw_only=True):
    """A page of dev keys."""

    total: int
    dev_keys: list[DevKey]
