"""The projects of the organisation that a request is about: that of its key, or the one that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import NewProjectId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice, Search, Text
from tidewire.core.ids import chosen_id
from tidewire.core.models import Project, ProjectList
from tidewire.core.operations import Operations
from tidewire.services.context import Context
from tidewire.services.project.records import project_of
from tidewire.services.projects.access import find_accessible_project, reach_of, require_organization
from tidewire.services.projects.lists import QUERY_KINDS, list_projects_of
from tidewire.store.records.projects import PROJECTS, project_not_found
from tidewire.store.records.projects import Project as StoredProject

operations: Final = Operations("organization")

Name = Annotated[str, Text(1, 128)]


@operations.declare("createProject", "POST", "/organization/projects", scopes=("projects.write",), status=201)
async def create_project(
    context: Context,
    project_id: Annotated[str, NewProjectId()],
    name: Name,
    region: Annotated[str, AnyCaseChoice(("default",))] = "default",
) -> Project:
    """Create a project of the organisation."""
    organization_id = _organization(context, "projects.write")
    new_id = chosen_id(project_id)
    return project_of(await context.instance.create_project(new_id, name, organization_id, region))


@operations.declare("listProjects", "GET", "/organization/projects", scopes=("projects.read",))
async def list_projects(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(PROJECTS.attributes), QUERY_KINDS)] = (),
    search: Search = "",
    total: Boolean = True,
) -> ProjectList:
    """List the projects of the organisation."""
    organization_id = _organization(context, "projects.read")
    return await list_projects_of(context, reach_of(context).within(organization_id), queries, search, total)


@operations.declare("getProject", "GET", "/organization/projects/{projectId}", scopes=("projects.read",))
async def get_project(context: Context, project_id: ResourceId) -> Project:
    """Get a project of the organisation."""
    return project_of(await _project(context, project_id, "projects.read"))


@operations.declare(
    "updateProject", "PATCH", "/organization/projects/{projectId}", scopes=("projects.write",)
)
async def update_project(context: Context, project_id: ResourceId, name: Name) -> Project:
    """Rename a project of the organisation."""
    project = await _project(context, project_id, "projects.write")
    return project_of(
        await context.instance.update_project(project.id, lambda current: replace(current, name=name))
    )


@operations.declare(
    "deleteProject", "DELETE", "/organization/projects/{projectId}", scopes=("projects.write",)
)
async def delete_project(context: Context, project_id: ResourceId) -> None:
    """Delete a project of the organisation with everything that belongs to it."""
    project = await _project(context, project_id, "projects.write")
    await context.instance.delete_project(project.id)


def _organization(context: Context, scope: str) -> str:
    """The organisation that the request is about, in which the caller has the scope."""
    organization_id = context.caller.organization_id
    require_organization(context, organization_id, scope)
    return organization_id


async def _project(context: Context, project_id: str, scope: str) -> StoredProject:
    organization_id = _organization(context, scope)
    project = await find_accessible_project(context, project_id, scope)
    if project.team_id != organization_id:
        raise project_not_found()
    return project
