"""Policies of the project, as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Choice
from tidewire.core.models import (
    Policy,
    PolicyList,
    PolicyMembershipPrivacy,
    PolicyMfaFactors,
    PolicyPasswordDictionary,
    PolicyPasswordHistory,
    PolicyPasswordPersonalData,
    PolicyPasswordStrength,
    PolicySessionAlert,
    PolicySessionDuration,
    PolicySessionInvalidation,
    PolicySessionLimit,
    PolicyUserLimit,
)
from tidewire.core.project_settings import ProjectSettings
from tidewire.services.context import Context
from tidewire.services.paging import page_of
from tidewire.services.project import operations
from tidewire.services.project.records import managed_project

_READ: Final = ("policies.read", "project.policies.read")


def password_strength_policy(settings: ProjectSettings) -> PolicyPasswordStrength:
    """What a password must consist of."""
    strength = settings.password_strength
    return PolicyPasswordStrength(
        min=strength.min,
        uppercase=strength.uppercase,
        lowercase=strength.lowercase,
        number=strength.number,
        symbols=strength.symbols,
    )


def _membership_privacy(settings: ProjectSettings) -> PolicyMembershipPrivacy:
    privacy = settings.membership_privacy
    return PolicyMembershipPrivacy(
        user_id=privacy.user_id,
        user_email=privacy.user_email,
        user_phone=privacy.user_phone,
        user_name=privacy.user_name,
        user_mfa=privacy.user_mfa,
        user_accessed_at=privacy.user_accessed_at,
    )


def _mfa_factors(settings: ProjectSettings) -> PolicyMfaFactors:
    factors = settings.mfa_factors
    return PolicyMfaFactors(
        totp=factors.totp, email=factors.email, phone=factors.phone, custom=factors.custom
    )


_POLICIES: Final[Mapping[str, Callable[[ProjectSettings], Policy]]] = {
    "password-dictionary": lambda of: PolicyPasswordDictionary(enabled=of.password_dictionary),
    "password-history": lambda of: PolicyPasswordHistory(total=of.password_history),
    "password-strength": password_strength_policy,
    "password-personal-data": lambda of: PolicyPasswordPersonalData(enabled=of.password_personal_data),
    "session-alert": lambda of: PolicySessionAlert(enabled=of.session_alerts),
    "session-duration": lambda of: PolicySessionDuration(duration=of.session_duration),
    "session-invalidation": lambda of: PolicySessionInvalidation(enabled=of.session_invalidation),
    "session-limit": lambda of: PolicySessionLimit(total=of.session_limit),
    "user-limit": lambda of: PolicyUserLimit(total=of.user_limit),
    "membership-privacy": _membership_privacy,
    "mfa-factors": _mfa_factors,
}


@operations.declare("listPolicies", "GET", "/project/policies", scopes=_READ)
async def list_policies(
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), ("limit", "offset"))] = (),
    total: Boolean = True,
) -> PolicyList:
    """List the policies of the project."""
    settings = managed_project(context).settings
    policies = [show(settings) for show in _POLICIES.values()]
    return PolicyList(total=len(policies) if total else 0, policies=page_of(policies, queries))


@operations.declare("getPolicy", "GET", "/project/policies/{policyId}", scopes=_READ)
async def get_policy(context: Context, policy_id: Annotated[str, Choice(tuple(_POLICIES))]) -> Policy:
    """Get a policy of the project."""
    return _POLICIES[policy_id](managed_project(context).settings)
