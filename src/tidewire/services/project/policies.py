"""Policies of the project on passwords, sessions and people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

import msgspec

from tidewire.core.checks.numbers import TrueOrFalse, Whole
from tidewire.core.models import PolicyPasswordStrength, Project
from tidewire.core.project_settings import ProjectSettings
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.policy_models import password_strength_policy
from tidewire.services.project.records import SettingsChange, change_project, project_of
from tidewire.store.instance.platform import Project as StoredProject

POLICY_UPDATED: Final = "projects.[projectId].policies.[policy].update"

_WRITE: Final = ("policies.write", "project.policies.write")

Enabled = Annotated[bool, TrueOrFalse()]
Switch = Enabled | None
"""None leaves the switch as it is."""


@operations.declare(
    "updatePasswordDictionaryPolicy",
    "PATCH",
    "/project/policies/password-dictionary",
    aliases=("/projects/{projectId}/auth/password-dictionary",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_password_dictionary_policy(context: Context, enabled: Enabled) -> Project:
    """Say whether common passwords are refused."""
    return await _set(context, "password-dictionary", password_dictionary=enabled)


@operations.declare(
    "updatePasswordHistoryPolicy",
    "PATCH",
    "/project/policies/password-history",
    aliases=("/projects/{projectId}/auth/password-history",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_password_history_policy(
    context: Context, total: Annotated[int, Whole(1, 20)] | None
) -> Project:
    """Say how many earlier passwords are refused; null: none."""
    return await _set(context, "password-history", password_history=total or 0)


@operations.declare(
    "updatePasswordPersonalDataPolicy",
    "PATCH",
    "/project/policies/password-personal-data",
    aliases=("/projects/{projectId}/auth/personal-data",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_password_personal_data_policy(context: Context, enabled: Enabled) -> Project:
    """Say whether passwords with the user's own data in them are refused."""
    return await _set(context, "password-personal-data", password_personal_data=enabled)


@operations.declare(
    "updatePasswordStrengthPolicy",
    "PATCH",
    "/project/policies/password-strength",
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_password_strength_policy(
    context: Context,
    min: Annotated[int, Whole(8, 256)] | None = None,  # noqa: A002 - the word on the wire
    uppercase: Switch = None,
    lowercase: Switch = None,
    number: Switch = None,
    symbols: Switch = None,
) -> PolicyPasswordStrength:
    """Say what a password must consist of; what is not given stays."""
    given = {"min": min, "uppercase": uppercase, "lowercase": lowercase, "number": number, "symbols": symbols}
    project = await _set_part(context, "password-strength", "password_strength", given)
    return password_strength_policy(project.settings)


@operations.declare(
    "updateSessionAlertPolicy",
    "PATCH",
    "/project/policies/session-alert",
    aliases=("/projects/{projectId}/auth/session-alerts",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_session_alert_policy(context: Context, enabled: Enabled) -> Project:
    """Say whether users get a mail about new sessions."""
    return await _set(context, "session-alert", session_alerts=enabled)


@operations.declare(
    "updateSessionDurationPolicy",
    "PATCH",
    "/project/policies/session-duration",
    aliases=("/projects/{projectId}/auth/duration",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_session_duration_policy(
    context: Context, duration: Annotated[int, Whole(60, 31536000)]
) -> Project:
    """Say how many seconds a session lasts that is made from now on."""
    return await _set(context, "session-duration", session_duration=duration)


@operations.declare(
    "updateSessionInvalidationPolicy",
    "PATCH",
    "/project/policies/session-invalidation",
    aliases=("/projects/{projectId}/auth/session-invalidation",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_session_invalidation_policy(context: Context, enabled: Enabled) -> Project:
    """Say whether a new password ends the user's other sessions."""
    return await _set(context, "session-invalidation", session_invalidation=enabled)


@operations.declare(
    "updateSessionLimitPolicy",
    "PATCH",
    "/project/policies/session-limit",
    aliases=("/projects/{projectId}/auth/max-sessions",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_session_limit_policy(context: Context, total: Annotated[int, Whole(1, 100)]) -> Project:
    """Say how many sessions a user may have."""
    return await _set(context, "session-limit", session_limit=total)


@operations.declare(
    "updateUserLimitPolicy",
    "PATCH",
    "/project/policies/user-limit",
    aliases=("/projects/{projectId}/auth/limit",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_user_limit_policy(
    context: Context, total: Annotated[int, Whole(0, 10000)] | None
) -> Project:
    """Say how many users the project may have; null or 0: any number."""
    return await _set(context, "user-limit", user_limit=total or 0)


@operations.declare(
    "updateMembershipPrivacyPolicy",
    "PATCH",
    "/project/policies/membership-privacy",
    aliases=("/projects/{projectId}/auth/memberships-privacy",),
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_membership_privacy_policy(
    context: Context,
    user_id: Switch = None,
    user_email: Switch = None,
    user_phone: Switch = None,
    user_name: Switch = None,
    userMFA: Switch = None,  # noqa: N803 - the word on the wire
    user_accessed_at: Switch = None,
) -> Project:
    """Say what the members of a team see of each other; what is not given stays."""
    given = {
        "user_id": user_id,
        "user_email": user_email,
        "user_phone": user_phone,
        "user_name": user_name,
        "user_mfa": userMFA,
        "user_accessed_at": user_accessed_at,
    }
    return project_of(await _set_part(context, "membership-privacy", "membership_privacy", given))


@operations.declare(
    "updateMFAFactorsPolicy",
    "PATCH",
    "/project/policies/mfa-factors",
    scopes=_WRITE,
    event=POLICY_UPDATED,
)
async def update_mfa_factors_policy(
    context: Context,
    totp: Switch = None,
    email: Switch = None,
    phone: Switch = None,
    custom: Switch = None,
) -> Project:
    """Say which second factors users may have; what is not given stays."""
    given = {"totp": totp, "email": email, "phone": phone, "custom": custom}
    return project_of(await _set_part(context, "mfa-factors", "mfa_factors", given))


async def _set(context: Context, policy: str, **values: object) -> Project:
    changed = await _change(context, policy, lambda settings: msgspec.structs.replace(settings, **values))
    return project_of(changed)


async def _set_part(context: Context, policy: str, part: str, given: Mapping[str, object]) -> StoredProject:
    """Replace those values of a part of the settings that are given."""
    known = {name: value for name, value in given.items() if value is not None}

    def change(settings: ProjectSettings) -> ProjectSettings:
        changed = msgspec.structs.replace(getattr(settings, part), **known)
        return msgspec.structs.replace(settings, **{part: changed})

    return await _change(context, policy, change)


async def _change(context: Context, policy: str, change: SettingsChange) -> StoredProject:
    return await change_project(
        context,
        lambda project: replace(project, settings=change(project.settings)),
        POLICY_UPDATED,
        {"policy": policy},
    )
