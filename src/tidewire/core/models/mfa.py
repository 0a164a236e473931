"""Models of second factors."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class MfaType(Model, frozen=True, kw_only=True):
    """A new authenticator: what the user's app needs to know."""

    secret: str
    uri: str
    """``otpauth:`` address, usually shown as a picture to scan."""


class MfaFactors(Model, frozen=True, kw_only=True):
    """Which second factors a user has."""

    totp: bool
    phone: bool
    email: bool
    recovery_code: bool
    custom: bool


class MfaChallenge(Model, frozen=True, kw_only=True):
    """A second factor that a user was asked for."""

    id: str = system("id")
    created_at: str = system("createdAt")
    user_id: str
    expire: str


class MfaRecoveryCodes(Model, frozen=True, kw_only=True):
    """Codes, each good for one sign-in without the other factors."""

    recovery_codes: list[str]
