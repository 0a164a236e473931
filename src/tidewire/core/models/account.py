"""Models of users as they see themselves: account, sessions, tokens."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, Page, Resource, system


class Log(Model, frozen=True, kw_only=True):
    """One thing that a user did, and from where."""

    event: str
    user_id: str
    user_email: str
    user_name: str
    mode: str
    user_type: str
    ip: str
    time: str
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


class LogList(Page, frozen=True, kw_only=True):
    """What a user did, the newest first."""

    logs: list[Log]


class MfaType(Model, frozen=True, kw_only=True):
    """A new authenticator: what the user's app needs to know."""

    secret: str
    uri: str
    """``otpauth:`` address, usually shown as a picture to scan."""


class MfaFactors(Model, frozen=True, kw_only=True):
    """The second factors that a user has."""

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


class Identity(Resource, frozen=True, kw_only=True):
    """An account of a user at a provider."""

    user_id: str
    provider: str
    provider_uid: str
    provider_email: str
    provider_access_token: str
    provider_access_token_expiry: str
    provider_refresh_token: str


class IdentityList(Page, frozen=True, kw_only=True):
    """Identities of users."""

    identities: list[Identity]


class Target(Resource, frozen=True, kw_only=True):
    """An e-mail address, a phone number or a device of a user."""

    name: str
    user_id: str
    provider_id: str | None
    provider_type: str
    """``email``, ``sms`` or ``push``."""
    identifier: str
    expired: bool


class TargetList(Page, frozen=True, kw_only=True):
    """Targets of a user."""

    targets: list[Target]


class Account(Resource, frozen=True, kw_only=True):
    """A user as the user sees it; nothing secret."""

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


class Session(Resource, frozen=True, kw_only=True):
    """A login of a user on one device."""

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
    """The secret of the session; empty unless the caller may see it, as API keys may."""
    mfa_updated_at: str


class SessionList(Page, frozen=True, kw_only=True):
    """All sessions of a user."""

    sessions: list[Session]


class Jwt(Model, frozen=True, kw_only=True):
    """A JSON Web Token that stands for a session."""

    jwt: str


class Preferences(Model, frozen=True, kw_only=True):
    """Free data of a user; an operation answers with the dictionary itself."""
