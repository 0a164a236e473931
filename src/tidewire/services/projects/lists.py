"""Lists of projects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from sqlalchemy import and_, or_, select

from tidewire.core import models
from tidewire.core.models import AnyPlatform, Key, ProjectList, Webhook
from tidewire.core.project_settings import ProjectSettings
from tidewire.core.queries import InvalidQueryError, parse_query
from tidewire.services.context import Context
from tidewire.services.project.keys import key_of
from tidewire.services.project.platforms import platform_of
from tidewire.services.project.records import project_of
from tidewire.services.projects.access import Reach, scopes_on
from tidewire.services.webhooks import webhook_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import Project, ProjectStore
from tidewire.store.lists.resource_lists import invalid_queries, list_rows, resource_list
from tidewire.store.records.api_keys import KeyOwner, api_key_of
from tidewire.store.records.projects import project_of as project_of_row
from tidewire.store.records.registered_platforms import registered_platform_of
from tidewire.store.schema import keys, platforms, projects, webhooks

PROJECT_LIST: Final = resource_list(
    projects,
    "teamId",
    "name",
    "accessedAt",
    "search",
    "labels",
    searchable=(projects.c.search,),
    columns={"accessedAt": projects.c.console_accessed_at},
)
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
    # A project without a team is nobody's but the operator's.
    of_teams = projects.c.team_id.in_(sorted(reach.teams - {""}))
    single = [
        and_(projects.c.team_id == team_id, projects.c.id == project_id)
        for team_id, project_id in sorted(reach.projects)
    ]
    wanted, context.selected = _selections(queries)
    duration = context.settings.session_duration

    def unit(connection: Connection) -> tuple[int, list[Project]]:
        count, rows = list_rows(connection, PROJECT_LIST, wanted, search, [or_(of_teams, *single)], total)
        return count, [project_of_row(connection, row, duration) for row in rows]

    count, found = await context.instance.database.read(unit)
    return ProjectList(total=count, projects=[project_of(project) for project in found])


def _selections(queries: Sequence[str]) -> tuple[list[str], frozenset[str] | None]:
    """The queries that choose projects, and the fields to show; None: all of them.

    Raises ``general_argument_invalid``, also for a field that no project has.
    """
    kept: list[str] = []
    fields: set[str] = set()
    for text in queries:
        try:
            query = parse_query(text)
        except InvalidQueryError as error:
            raise invalid_queries(str(error)) from None
        if query.method != "select":
            kept.append(text)
            continue
        for name in map(str, query.values):
            if name != "*" and name not in _FIELDS:
                raise invalid_queries(f"Attribute not found in schema: {name}")
            fields.add(name)
    return kept, None if "*" in fields or not fields else frozenset(fields)


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
    platform = context.instance.database
    try:
        return ProjectDetails(
            settings=store.project.settings,
            platforms=await platform.read(lambda connection: _platforms(connection, project_id))
            if "platforms" in wanted and "platforms.read" in allowed
            else (),
            webhooks=await store.database.read(_webhooks)
            if "webhooks" in wanted and "webhooks.read" in allowed
            else (),
            keys=await platform.read(lambda connection: _keys(connection, project_id))
            if "keys" in wanted and "keys.read" in allowed
            else (),
        )
    except (StoreError, DatabaseClosedError):  # the store has logged why; the others are still listed
        return ProjectDetails(settings=store.project.settings)


def _readable(context: Context, store: ProjectStore) -> frozenset[str]:
    """The caller's scopes on a project, which is that of the request or one that a console user lists."""
    if context.project.id == store.project.id:
        return context.caller.scopes
    return scopes_on(context, store.project) or frozenset()


def _platforms(connection: Connection, project_id: str) -> tuple[AnyPlatform, ...]:
    found = select(platforms).where(platforms.c.project_id == project_id).order_by(platforms.c.sequence)
    rows = connection.execute(found.limit(MOST_LISTED))
    return tuple(platform_of(registered_platform_of(row)) for row in rows)


def _webhooks(connection: Connection) -> tuple[Webhook, ...]:
    rows = connection.execute(select(webhooks).order_by(webhooks.c.sequence).limit(MOST_LISTED))
    return tuple(webhook_of(row) for row in rows)


def _keys(connection: Connection, project_id: str) -> tuple[Key, ...]:
    owned = KeyOwner(project_id=project_id).condition()
    rows = connection.execute(select(keys).where(owned).order_by(keys.c.sequence).limit(MOST_LISTED))
    return tuple(key_of(api_key_of(row)) for row in rows)
