"""Models of users as they see themselves: account, sessions, tokens."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, system
from tidewire.core.models.targets import Target


class Account(Model, frozen=True, kw_only=True):
    """A user as the user sees it; nothing secret."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    name: str
    registration: str
    status: bool
    labels: list[str]
    password_update: str
    email: str
    phone: str
    email_verification: bool
    email_canonical: str | None
    email_is_free: bool | None
    email_is_disposable: bool | None
    email_is_corporate: bool | None
    email_is_canonical: bool | None
    phone_verification: bool
    mfa: bool
    prefs: dict[str, Any]
    targets: list[Target]
    accessed_at: str
    impersonator: bool
    impersonator_user_id: str | None


class Session(Model, frozen=True, kw_only=True):
    """A login of a user on one device."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    user_id: str
    expire: str
    provider: str
    provider_uid: str
    provider_access_token: str
    provider_access_token_expiry: str
    provider_refresh_token: str
    ip: str
    os_code: str
    os_name: str
    os_version: str
    client_type: str
    client_code: str
    client_name: str
    client_version: str
    client_engine: str
    client_engine_version: str
    device_name: str
    device_brand: str
    device_model: str
    country_code: str
    country_name: str
    current: bool
    factors: list[str]
    secret: str
    """Empty unless the caller may see it (API key)."""
    mfa_updated_at: str


class SessionList(Model, frozen=True, kw_only=True):
    """All sessions of a user."""

    total: int
    sessions: list[Session]


class Jwt(Model, frozen=True, kw_only=True):
    """A JSON Web Token that stands for a session."""

    jwt: str


class Preferences(Model, frozen=True, kw_only=True):
    """Free data of a user; an operation answers with the dictionary itself."""
