"""Lists of projects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from tidewire.core.errors import TidewireError
from tidewire.core.models import ProjectList
from tidewire.core.queries import InvalidQueryError, parse_query
from tidewire.services.context import Context
from tidewire.services.project.records import project_of
from tidewire.store.lists import ListDefinition, list_rows
from tidewire.store.platform import Project
from tidewire.store.projects import project_of as project_of_row
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
QUERY_KINDS: Final = ("limit", "offset", "cursor", "filter", "order", "select")


async def list_projects_of(
    context: Context, team_ids: Collection[str], queries: Sequence[str], search: str, total: bool
) -> ProjectList:
    """The projects of these organisations that the queries ask for."""
    # A project without a team is nobody's but the operator's.
    of_teams = projects.c.team_id.in_(sorted(set(team_ids) - {""}))
    wanted = _without_selections(queries)
    duration = context.settings.session_duration

    def unit(connection: Connection) -> tuple[int, list[Project]]:
        count, rows = list_rows(connection, PROJECT_LIST, wanted, search, [of_teams], total)
        return count, [project_of_row(connection, row, duration) for row in rows]

    count, found = await context.stores.platform.read(unit)
    return ProjectList(total=count, projects=[project_of(project) for project in found])


def _without_selections(queries: Sequence[str]) -> list[str]:
    """The queries that choose projects: whatever attributes are selected, projects are shown whole."""
    kept: list[str] = []
    for text in queries:
        try:
            selects = parse_query(text).method == "select"
        except InvalidQueryError as error:
            raise TidewireError("general_query_invalid", f"Invalid query: {error}") from None
        if not selects:
            kept.append(text)
    return kept
