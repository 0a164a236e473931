"""Models of API keys and dev keys."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class Key(Resource, frozen=True, kw_only=True):
    """An API key."""

    name: str
    expire: str
    """The time at which it expires; empty if it never does."""
    scopes: list[str]
    secret: str
    """The secret of the key. It is shown only in the answer that creates the key and is empty afterwards,
    since only its hash is stored."""
    accessed_at: str
    sdks: list[str]


class EphemeralKey(Key, frozen=True, kw_only=True):
    """An API key that is nowhere stored and ends by itself."""


class KeyList(Page, frozen=True, kw_only=True):
    """A page of API keys."""

    keys: list[Key]


class DevKey(Resource, frozen=True, kw_only=True):
    """A key for programs under development: no check of the origin, no rate limits."""

    name: str
    expire: str
    secret: str
    accessed_at: str
    sdks: list[str]


class DevKeyList(Page, frozen=True, kw_only=True):
    """A page of dev keys."""

    dev_keys: list[DevKey]
