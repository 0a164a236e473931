"""Models of a project's policies on passwords, sessions and people."""

from __future__ import annotations

import msgspec

from tidewire.core.models.base import Model, Page


class _Policy(Model, frozen=True, kw_only=True, tag_field="$id"):
    pass


class PolicyPasswordDictionary(_Policy, frozen=True, kw_only=True, tag="password-dictionary"):
    """Whether common passwords are refused."""

    enabled: bool


class PolicyPasswordHistory(_Policy, frozen=True, kw_only=True, tag="password-history"):
    """How many earlier passwords of a user are refused; 0: none."""

    total: int


class PolicyPasswordStrength(_Policy, frozen=True, kw_only=True, tag="password-strength"):
    """What a password must consist of."""

    min: int
    """Characters."""
    uppercase: bool
    lowercase: bool
    number: bool
    symbols: bool


class PolicyPasswordPersonalData(_Policy, frozen=True, kw_only=True, tag="password-personal-data"):
    """Whether passwords that contain the user's name or addresses are refused."""

    enabled: bool


class PolicySessionAlert(_Policy, frozen=True, kw_only=True, tag="session-alert"):
    """Whether users get a mail when somebody signs in as them."""

    enabled: bool


class PolicySessionDuration(_Policy, frozen=True, kw_only=True, tag="session-duration"):
    """How long a session lasts."""

    duration: int
    """Seconds."""


class PolicySessionInvalidation(_Policy, frozen=True, kw_only=True, tag="session-invalidation"):
    """Whether a new password ends the user's other sessions."""

    enabled: bool


class PolicySessionLimit(_Policy, frozen=True, kw_only=True, tag="session-limit"):
    """How many sessions a user may have."""

    total: int


class PolicyUserLimit(_Policy, frozen=True, kw_only=True, tag="user-limit"):
    """How many users a project may have; 0: any number."""

    total: int


class PolicyMembershipPrivacy(_Policy, frozen=True, kw_only=True, tag="membership-privacy"):
    """What the members of a team see of each other."""

    user_id: bool
    user_email: bool
    user_phone: bool
    user_name: bool
    user_mfa: bool = msgspec.field(name="userMFA")
    user_accessed_at: bool


class PolicyMfaFactors(_Policy, frozen=True, kw_only=True, tag="mfa-factors"):
    """The second factors that users may have."""

    totp: bool
    email: bool
    phone: bool
    custom: bool


Policy = (
    PolicyPasswordDictionary
    | PolicyPasswordHistory
    | PolicyPasswordStrength
    | PolicyPasswordPersonalData
    | PolicySessionAlert
    | PolicySessionDuration
    | PolicySessionInvalidation
    | PolicySessionLimit
    | PolicyUserLimit
    | PolicyMembershipPrivacy
    | PolicyMfaFactors
)
"""Told apart by ``$id``."""


class PolicyList(Page, frozen=True, kw_only=True):
    """A page of policies."""

    policies: list[Policy]
