"""Lists of projects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tidewire.core import models
from tidewire.core.models import AnyPlatform, Key, ProjectList, Webhook
from tidewire.core.project_settings import ProjectSettings
from tidewire.services.context import Context
from tidewire.services.paging import selections
from tidewire.services.project.keys import key_of
from tidewire.services.project.platforms import platform_of
from tidewire.services.project.records import project_of
from tidewire.services.projects.access import Reach, scopes_on
from tidewire.services.webhooks import webhook_of
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records.api_keys import ApiKey, keys_of_project
from tidewire.store.records.projects import list_projects
from tidewire.store.records.registered_platforms import RegisteredPlatform, first_platforms
from tidewire.store.records.webhooks import first_webhooks

_OLDER_FIELDS: Final = frozenset(
    {
        "description", "logo", "url", "legalName", "legalCountry", "legalState", "legalCity",
        "legalAddress", "legalTaxId", "authLimit", "authDuration", "authSessionsLimit",
        "authPasswordHistory", "authPasswordDictionary", "authPersonalDataCheck", "authDisposableEmails",
        "authCanonicalEmails", "authFreeEmails", "authCorporateEmails", "authMockNumbers",
        "authSessionAlerts", "authInvalidateSessions", "authMembershipsUserName",
        "authMembershipsUserEmail", "authMembershipsMfa", "authMembershipsUserId",
        "authMembershipsUserPhone", "authMembershipsUserAccessedAt", "oAuthProviders", "providers",
        "platforms", "webhooks", "keys", "domains", "smtpReplyTo",
    }
)  # fmt: skip
"""Fields of projects that older clients know."""
_FIELDS: Final = _OLDER_FIELDS.union(field.encode_name for field in msgspec.structs.fields(models.Project))
QUERY_KINDS: Final = ("limit", "offset", "cursor", "filter", "order", "select")


async def list_projects_of(
    context: Context, reach: Reach, queries: Sequence[str], search: str, total: bool
) -> ProjectList:
    """The projects within reach that the queries ask for, with the fields that they select."""
    wanted, context.selected = selections(queries, _FIELDS)
    duration = context.settings.session_duration
    # A project without a team is nobody's but the operator's.
    teams = reach.teams - {""}
    count, found = await context.instance.database.read(
        lambda connection: list_projects(connection, teams, reach.projects, wanted, search, total, duration)
    )
    return ProjectList(total=count, projects=[project_of(project) for project in found])


MOST_LISTED: Final = 5000
"""Entries of each list of one project."""


@dataclass(frozen=True)
class ProjectDetails:
    """Settings and lists of a project."""

    settings: ProjectSettings = field(default_factory=ProjectSettings)
    platforms: tuple[AnyPlatform, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    keys: tuple[Key, ...] = ()


async def details_of(context: Context, project_id: str, wanted: Collection[str]) -> ProjectDetails:
    """The settings of a project, and those of the lists ``wanted`` that the caller may read there.

    Lists that may not be read, or not now, are empty. Raises nothing.
    """
    store = await context.instance.project(project_id)
    if store is None:
        return ProjectDetails()
    allowed = _readable(context, store)
    of_instance = context.instance.database

    def readable(name: str) -> bool:
        return name in wanted and f"{name}.read" in allowed

    platforms: list[RegisteredPlatform] = []
    webhooks: Sequence[Row[Any]] = ()
    keys: list[ApiKey] = []
    try:
        if readable("platforms"):
            platforms = await of_instance.read(
                lambda connection: first_platforms(connection, project_id, MOST_LISTED)
            )
        if readable("webhooks"):
            webhooks = await store.database.read(lambda connection: first_webhooks(connection, MOST_LISTED))
        if readable("keys"):
            keys = await of_instance.read(
                lambda connection: keys_of_project(connection, project_id, MOST_LISTED)
            )
    except (StoreError, DatabaseClosedError):  # the store has logged why; the others are still listed
        return ProjectDetails(settings=store.project.settings)
    return ProjectDetails(
        settings=store.project.settings,
        platforms=tuple(map(platform_of, platforms)),
        webhooks=tuple(map(webhook_of, webhooks)),
        keys=tuple(map(key_of, keys)),
    )


def _readable(context: Context, store: ProjectStore) -> frozenset[str]:
    """The caller's scopes on a project, which is that of the request or one that a console user lists."""
    if context.project.id == store.project.id:
        return context.caller.scopes
    return scopes_on(context, store.project) or frozenset()
