"""Second factors: when a sign-in needs one, and which ones a user has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidewire.core.identities import Identity
from tidewire.core.models import Account
from tidewire.core.project_settings import MfaFactors as FactorsPolicy

FRESH_MS: Final = 30 * 60 * 1000
"""Milliseconds for which a second factor counts as just shown."""
CUSTOM: Final = "custom"
"""The factor whose codes the app's own server reads and delivers."""
FACTORS_NEEDED: Final = 2
"""Different means by which the user of a session must have been proven, where a second one is asked for."""
NEEDS_SECOND_FACTOR: Final = "The session needs a second factor."


@dataclass(frozen=True)
class OwnFactors:
    """Second factors that a user can be asked for; recovery codes stand in for any of them."""

    totp: bool
    email: bool
    phone: bool
    custom: bool
    """Codes that the app's own server delivers, to anybody where the project permits it."""

    def __bool__(self) -> bool:
        return self.totp or self.email or self.phone or self.custom


def own_factors(account: Account, has_authenticator: bool, policy: FactorsPolicy) -> OwnFactors:
    """The factors that the user has set up and the project permits."""
    return OwnFactors(
        totp=has_authenticator and policy.totp,
        email=bool(account.email) and account.email_verification and policy.email,
        phone=bool(account.phone) and account.phone_verification and policy.phone,
        custom=policy.custom,
    )


def second_factor_missing(identity: Identity, policy: FactorsPolicy) -> bool:
    """Whether the user's session was begun with one factor and needs another.

    Without any second factor to ask for nobody is locked out.
    """
    if not identity.account.mfa or not identity.session_id or len(identity.factors) >= FACTORS_NEEDED:
        return False
    return bool(own_factors(identity.account, identity.has_authenticator, policy))


def second_factor_fresh(identity: Identity, moment: int) -> bool:
    """Whether the session showed a second factor lately; ``moment`` in milliseconds."""
    return moment < identity.mfa_updated_at + FRESH_MS
