"""Lists of projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import and_, or_

from tidewire.core import models
from tidewire.core.models import ProjectList
from tidewire.core.queries import InvalidQueryError, parse_query
from tidewire.services.context import Context
from tidewire.services.project.records import project_of
from tidewire.services.projects.access import Reach
from tidewire.store.engine.connection import Connection
from tidewire.store.instance.platform import Project
from tidewire.store.lists.resource_lists import ListDefinition, invalid_queries, list_rows
from tidewire.store.records.projects import project_of as project_of_row
from tidewire.store.schema import projects

PROJECT_LIST: Final = ListDefinition(
    projects,
    projects.c.id,
    {
        "teamId": projects.c.team_id,
        "name": projects.c.name,
        "accessedAt": projects.c.console_accessed_at,
        "search": projects.c.search,
        "labels": projects.c.labels,
        "$id": projects.c.id,
        "$createdAt": projects.c.created_at,
        "$updatedAt": projects.c.updated_at,
        "$sequence": projects.c.sequence,
    },
    (projects.c.search,),
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

    count, found = await context.stores.platform.read(unit)
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
