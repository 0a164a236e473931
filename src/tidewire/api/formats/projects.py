"""The project before 1.9.5, when its answer told everything about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import msgspec

from tidewire.api.formats.words import METADATA
from tidewire.core.models import Project, ProjectAuthMethod, ProjectProtocol, ProjectService
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.time import format_datetime
from tidewire.services.context import Context
from tidewire.services.oauth.registrations import settings_of
from tidewire.services.projects.lists import ProjectDetails, details_of

_LISTS: Final = frozenset({"platforms", "webhooks", "keys"})
_AUTH_METHODS: Final = {
    "email-password": "authEmailPassword",
    "magic-url": "authUsersAuthMagicURL",
    "email-otp": "authEmailOtp",
    "anonymous": "authAnonymous",
    "invites": "authInvites",
    "jwt": "authJWT",
    "phone": "authPhone",
}


async def project_before_1_9_5(context: Context, project: Project) -> dict[str, Any]:
    """A project with its settings, platforms, webhooks and keys in one answer.

    Of the lists there is what the caller may read and, where fields are selected, what is selected.
    """
    wanted = _LISTS if context.selected is None else _LISTS & context.selected
    details = await details_of(context, project.id, wanted)
    fields: dict[str, Any] = msgspec.to_builtins(project)
    del fields["authMethods"], fields["services"], fields["protocols"]
    return {
        **fields,
        **_switches(project.auth_methods, _AUTH_METHODS.__getitem__),
        **_switches(project.services, partial(_named, "serviceStatusFor")),
        **_switches(project.protocols, partial(_named, "protocolStatusFor")),
        **_rules(details.settings),
        **dict.fromkeys(METADATA, ""),
        "oAuthProviders": [
            {"key": key, "name": name, "appId": known.client_id, "secret": "", "enabled": known.enabled}
            for key, name in OAUTH_PROVIDERS.items()
            for known in (settings_of(details.settings, key),)
        ],
        **_lists(details),
    }


def _named(prefix: str, switch: str) -> str:
    return prefix + switch[:1].upper() + switch[1:]


def _switches(
    switches: Iterable[ProjectAuthMethod | ProjectService | ProjectProtocol], name: Callable[[str], str]
) -> dict[str, bool]:
    return {name(each.id): each.enabled for each in switches}


def _rules(settings: ProjectSettings) -> dict[str, Any]:
    """The policies of a project; those on kinds of addresses do not exist here."""
    privacy = settings.membership_privacy
    return {
        "authLimit": settings.user_limit,
        "authDuration": settings.session_duration,
        "authSessionsLimit": settings.session_limit,
        "authPasswordHistory": settings.password_history,
        "authPasswordDictionary": settings.password_dictionary,
        "authPersonalDataCheck": settings.password_personal_data,
        "authDisposableEmails": False,
        "authCanonicalEmails": False,
        "authFreeEmails": False,
        "authCorporateEmails": False,
        "authMockNumbers": [
            {
                "phone": mock.number,
                "otp": mock.otp,
                "$createdAt": format_datetime(mock.created_at),
                "$updatedAt": format_datetime(mock.updated_at),
            }
            for mock in settings.mock_numbers
        ],
        "authSessionAlerts": settings.session_alerts,
        "authMembershipsUserName": privacy.user_name,
        "authMembershipsUserEmail": privacy.user_email,
        "authMembershipsMfa": privacy.user_mfa,
        "authMembershipsUserId": privacy.user_id,
        "authMembershipsUserPhone": privacy.user_phone,
        "authMembershipsUserAccessedAt": privacy.user_accessed_at,
        "authInvalidateSessions": settings.session_invalidation,
    }


def _lists(details: ProjectDetails) -> dict[str, Any]:
    lists: dict[str, Any] = msgspec.to_builtins(
        {"platforms": details.platforms, "webhooks": details.webhooks, "keys": details.keys}
    )
    return {name: list(items) for name, items in lists.items()}
