"""Settings of one project: what its owners switch on and off, and the rules for its users."""

from __future__ import annotations

from typing import Any, Final

import msgspec

AUTH_METHODS: Final = ("email-password", "magic-url", "email-otp", "anonymous", "invites", "jwt", "phone")
"""Ways to become a user or to sign in that can be switched off."""

SERVICES: Final = (
    "account", "avatars", "databases", "tablesdb", "locale", "health", "project", "storage", "teams",
    "users", "vcs", "sites", "functions", "proxy", "graphql", "migrations", "messaging", "advisor",
)  # fmt: skip
"""Services that can be switched off for users and guests."""

PROTOCOLS: Final = ("rest", "graphql", "websocket")
"""Ways to reach a project that can be switched off for users and guests."""

MAX_MOCK_NUMBERS: Final = 10


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server of a project, instead of the installation's own way to send mail."""

    enabled: bool = False
    sender_name: str = ""
    sender_email: str = ""
    reply_to_name: str = ""
    reply_to_email: str = ""
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = ""
    """Sealed (:mod:`tidewire.store.secrets.encryption`); empty without one."""
    secure: str = ""
    """``tls`` (STARTTLS), ``ssl`` or empty."""


class OAuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The app that a project has registered at a provider, which its users sign in with."""

    enabled: bool = False
    client_id: str = ""
    secret: str = ""
    """Sealed (:mod:`tidewire.store.secrets.encryption`); empty without one."""
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    """What else the provider needs, none of it secret, by the names on the wire."""


class PasswordStrength(msgspec.Struct, frozen=True, kw_only=True):
    """What a new password must contain."""

    min: int = 8
    """Characters."""
    uppercase: bool = False
    lowercase: bool = False
    number: bool = False
    symbols: bool = False


class MembershipPrivacy(msgspec.Struct, frozen=True, kw_only=True):
    """What members of a team see of each other."""

    user_id: bool = True
    user_email: bool = False
    user_phone: bool = False
    user_name: bool = False
    user_mfa: bool = False
    user_accessed_at: bool = False


class MfaFactors(msgspec.Struct, frozen=True, kw_only=True):
    """Second factors that users may use."""

    totp: bool = True
    email: bool = True
    phone: bool = True
    custom: bool = False


class MockNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A phone number for tests: nothing is sent to it, and its code is fixed."""

    number: str
    otp: str
    created_at: int
    """Milliseconds since the epoch."""
    updated_at: int


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a project. A change is a new value (``msgspec.structs.replace``)."""

    user_limit: int = 0
    """Users at most; 0: no limit."""
    session_duration: int = 365 * 24 * 3600
    """Seconds."""
    session_limit: int = 10
    """Sessions of one user at most; the oldest gives way. 0: no limit."""
    session_alerts: bool = False
    """Whether users get a mail about sessions from new devices."""
    session_invalidation: bool = True
    """Whether a change of the password ends all other sessions."""
    password_history: int = 0
    """Earlier passwords that may not be used again."""
    password_dictionary: bool = False
    """Whether common passwords are refused."""
    password_personal_data: bool = False
    """Whether passwords that contain the user's own data are refused."""
    password_strength: PasswordStrength = PasswordStrength()
    membership_privacy: MembershipPrivacy = MembershipPrivacy()
    mfa_factors: MfaFactors = MfaFactors()
    mock_numbers: tuple[MockNumber, ...] = ()
    disabled_auth_methods: frozenset[str] = frozenset()
    """Names of :data:`AUTH_METHODS` that are switched off."""
    disabled_services: frozenset[str] = frozenset()
    """Names of :data:`SERVICES` that are switched off."""
    disabled_protocols: frozenset[str] = frozenset()
    """Names of :data:`PROTOCOLS` that are switched off."""
    smtp: SmtpSettings = SmtpSettings()
    oauth: dict[str, OAuthSettings] = msgspec.field(default_factory=dict)
    """The providers that were set up, by key (:mod:`tidewire.core.oauth_providers`)."""

    def allows_auth_method(self, method: str) -> bool:
        """Whether people may sign in this way."""
        return method not in self.disabled_auth_methods


CONSOLE_SETTINGS: Final = ProjectSettings(
    membership_privacy=MembershipPrivacy(
        user_email=True, user_phone=True, user_name=True, user_mfa=True, user_accessed_at=True
    ),
    disabled_auth_methods=frozenset({"anonymous"}),
)
"""The settings of the console project, which nobody can change."""
