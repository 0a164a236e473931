"""Policies of the project on passwords, sessions and people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import Boolean, TrueOrFalse, Whole
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
    Project,
)
from tidewire.core.operations import named_parameters
from tidewire.core.project_settings import ProjectSettings
from tidewire.services.context import Context
from tidewire.services.paging import page_of
from tidewire.services.project import operations
from tidewire.services.project.records import change_project, managed_project, project_of

POLICY_UPDATED: Final = "projects.[projectId].policies.[policy].update"

_WRITE: Final = ("policies.write", "project.policies.write")
_READ: Final = ("policies.read", "project.policies.read")

Enabled = Annotated[bool, TrueOrFalse()]
Switch = Enabled | None
"""None leaves the switch as it is."""


@dataclass(frozen=True)
class _Policy:
    """A policy: how it is called, what it is made of, and the operation that changes it."""

    id: str
    operation: str
    summary: str
    setting: str
    """The attribute of the project's settings that keeps it."""
    model: type[Any]
    values: Mapping[str, Any]
    """Name of each of its parameters to the annotation."""
    older_path: str = ""
    """Path below ``/projects/{projectId}/auth``; empty: there is none."""
    in_parts: bool = False
    """The setting has an attribute for each parameter, and what is not given stays. Otherwise there is one
    parameter, which is the setting; null is 0."""


_POLICIES: Final = (
    _Policy(
        "password-dictionary",
        "updatePasswordDictionaryPolicy",
        "Say whether common passwords are refused.",
        "password_dictionary",
        PolicyPasswordDictionary,
        {"enabled": Enabled},
        "password-dictionary",
    ),
    _Policy(
        "password-history",
        "updatePasswordHistoryPolicy",
        "Say how many earlier passwords are refused; null: none.",
        "password_history",
        PolicyPasswordHistory,
        {"total": Annotated[int, Whole(1, 20)] | None},
        "password-history",
    ),
    _Policy(
        "password-strength",
        "updatePasswordStrengthPolicy",
        "Say what a password must consist of; what is not given stays.",
        "password_strength",
        PolicyPasswordStrength,
        {
            "min": Annotated[int, Whole(8, 256)] | None,
            **dict.fromkeys(("uppercase", "lowercase", "number", "symbols"), Switch),
        },
        in_parts=True,
    ),
    _Policy(
        "password-personal-data",
        "updatePasswordPersonalDataPolicy",
        "Say whether passwords with the user's own data in them are refused.",
        "password_personal_data",
        PolicyPasswordPersonalData,
        {"enabled": Enabled},
        "personal-data",
    ),
    _Policy(
        "session-alert",
        "updateSessionAlertPolicy",
        "Say whether users get a mail about new sessions.",
        "session_alerts",
        PolicySessionAlert,
        {"enabled": Enabled},
        "session-alerts",
    ),
    _Policy(
        "session-duration",
        "updateSessionDurationPolicy",
        "Say how many seconds a session lasts that is made from now on.",
        "session_duration",
        PolicySessionDuration,
        {"duration": Annotated[int, Whole(60, 31536000)]},
        "duration",
    ),
    _Policy(
        "session-invalidation",
        "updateSessionInvalidationPolicy",
        "Say whether a new password ends the user's other sessions.",
        "session_invalidation",
        PolicySessionInvalidation,
        {"enabled": Enabled},
        "session-invalidation",
    ),
    _Policy(
        "session-limit",
        "updateSessionLimitPolicy",
        "Say how many sessions a user may have.",
        "session_limit",
        PolicySessionLimit,
        {"total": Annotated[int, Whole(1, 100)]},
        "max-sessions",
    ),
    _Policy(
        "user-limit",
        "updateUserLimitPolicy",
        "Say how many users the project may have; null or 0: any number.",
        "user_limit",
        PolicyUserLimit,
        {"total": Annotated[int, Whole(0, 10000)] | None},
        "limit",
    ),
    _Policy(
        "membership-privacy",
        "updateMembershipPrivacyPolicy",
        "Say what the members of a team see of each other; what is not given stays.",
        "membership_privacy",
        PolicyMembershipPrivacy,
        dict.fromkeys(
            ("user_id", "user_email", "user_phone", "user_name", "userMFA", "user_accessed_at"), Switch
        ),
        "memberships-privacy",
        in_parts=True,
    ),
    _Policy(
        "mfa-factors",
        "updateMFAFactorsPolicy",
        "Say which second factors users may have; what is not given stays.",
        "mfa_factors",
        PolicyMfaFactors,
        dict.fromkeys(("totp", "email", "phone", "custom"), Switch),
        in_parts=True,
    ),
)
_ATTRIBUTES: Final = {"userMFA": "user_mfa"}
"""Attributes of settings that are not called as on the wire."""
_BY_ID: Final = {policy.id: policy for policy in _POLICIES}


@operations.declare("listPolicies", "GET", "/project/policies", scopes=_READ)
async def list_policies(
    context: Context,
    queries: Annotated[Sequence[str], QueryList((), ("limit", "offset"))] = (),
    total: Boolean = True,
) -> PolicyList:
    """List the policies of the project."""
    settings = managed_project(context).settings
    policies = [_shown(policy, settings) for policy in _POLICIES]
    return PolicyList(total=len(policies) if total else 0, policies=page_of(policies, queries))


@operations.declare("getPolicy", "GET", "/project/policies/{policyId}", scopes=_READ)
async def get_policy(context: Context, policy_id: Annotated[str, Choice(tuple(_BY_ID))]) -> Policy:
    """Get a policy of the project."""
    return _shown(_BY_ID[policy_id], managed_project(context).settings)


def _shown(policy: _Policy, settings: ProjectSettings) -> Policy:
    """The policy as the API shows it."""
    setting = getattr(settings, policy.setting)
    values = msgspec.structs.asdict(setting) if policy.in_parts else {next(iter(policy.values)): setting}
    shown: Policy = policy.model(**values)
    return shown


def _declare(policy: _Policy) -> None:
    """Declare the operation that changes a policy."""

    async def update(context: Context, **given: Any) -> Any:
        changed = await change_project(
            context,
            lambda project: replace(project, settings=_changed(policy, project.settings, given)),
            POLICY_UPDATED,
            {"policy": policy.id},
        )
        return _shown(policy, changed.settings) if answers_with_itself else project_of(changed)

    answers_with_itself = policy.model is PolicyPasswordStrength
    update.__doc__ = policy.summary
    path = f"/project/policies/{policy.id}"
    optional = dict.fromkeys(policy.values) if policy.in_parts else {}
    operations.declare(
        policy.operation,
        "PATCH",
        path,
        aliases=(f"/projects/{{projectId}}/auth/{policy.older_path}",) if policy.older_path else (),
        scopes=_WRITE,
        model=policy.model if answers_with_itself else Project,
        event=POLICY_UPDATED,
        parameters=named_parameters("PATCH", path, policy.values, optional),
    )(update)


def _changed(policy: _Policy, settings: ProjectSettings, given: Mapping[str, Any]) -> ProjectSettings:
    """The settings of a project with what is given of a policy."""
    if policy.in_parts:
        known = {_ATTRIBUTES.get(name, name): value for name, value in given.items() if value is not None}
        value = msgspec.structs.replace(getattr(settings, policy.setting), **known)
    else:
        (value,) = given.values()
    return msgspec.structs.replace(settings, **{policy.setting: 0 if value is None else value})


for _policy in _POLICIES:
    _declare(_policy)
