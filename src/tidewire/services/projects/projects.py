"""Projects of organisations: created, listed, renamed, handed over."""
# ruff: noqa: ARG001 - older clients tell more of a project than is kept

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tidewire.core.checks.addresses import Url
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import NewProjectId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice, Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Project, ProjectList
from tidewire.services.context import Context
from tidewire.services.project.records import project_of
from tidewire.services.projects import operations
from tidewire.services.projects.access import (
    find_accessible_project,
    is_owner,
    reach_of,
    require_organization,
)
from tidewire.services.projects.lists import QUERY_KINDS, list_projects_of
from tidewire.store.records.projects import PROJECTS

Name = Annotated[str, Text(1, 128)]
Note = Annotated[str, Text(1, 256)]
ProjectId = Annotated[str, NewProjectId()]
Region = Annotated[str, AnyCaseChoice(("default",))]


@operations.declare(
    "createProject", "POST", "/projects", scopes=("projects.write",), status=201, groups=("teamScoped",)
)
async def create_project(
    context: Context, project_id: ProjectId, name: Name, team_id: ResourceId, region: Region = "default"
) -> Project:
    """Create a project of an organisation."""
    require_organization(context, team_id, "projects.write")
    new_id = chosen_id(project_id)
    return project_of(await context.instance.create_project(new_id, name, team_id, region))


@operations.declare("listProjects", "GET", "/projects", scopes=("projects.read",))
async def list_projects(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(PROJECTS.attributes), QUERY_KINDS)] = (),
    search: Search = "",
    total: Boolean = True,
) -> ProjectList:
    """List the projects of the caller's organisations."""
    return await list_projects_of(context, reach_of(context), queries, search, total)


@operations.declare("updateProject", "PATCH", "/projects/{projectId}", scopes=("projects.write",))
async def update_project(
    context: Context,
    project_id: ResourceId,
    name: Name,
    description: Note = "",
    logo: Annotated[str, Text(1, 1024)] = "",
    url: Annotated[str, Url()] = "",
    legal_name: Note = "",
    legal_country: Note = "",
    legal_state: Note = "",
    legal_city: Note = "",
    legal_address: Note = "",
    legal_tax_id: Note = "",
) -> Project:
    """Rename a project; the other parameters of older clients are not stored, as no answer shows them."""
    project = await find_accessible_project(context, project_id, "projects.write")
    return project_of(
        await context.instance.update_project(project.id, lambda current: replace(current, name=name))
    )


@operations.declare("updateTeam", "PATCH", "/projects/{projectId}/team", scopes=("projects.write",))
async def update_team(context: Context, project_id: ResourceId, team_id: ResourceId) -> Project:
    """Hand a project over to another organisation of the caller's; only owners may."""
    project = await find_accessible_project(context, project_id, "projects.write")
    require_organization(context, team_id, "projects.write")
    if not is_owner(context, project.team_id):
        raise TidewireError("user_unauthorized", "Only an owner of the organisation may hand a project over.")
    return project_of(
        await context.instance.update_project(project.id, lambda current: replace(current, team_id=team_id))
    )
