"""The project itself: seen, labelled, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tidewire.core.checks.lists import Items
from tidewire.core.checks.texts import Alphanumeric
from tidewire.core.models import Project
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.records import change_project, managed_project, project_of

Labels = Annotated[Sequence[str], Items(Alphanumeric(1, 36), 1000)]


@operations.declare("get", "GET", "/project", aliases=("/projects/{projectId}",), scopes=("project.read",))
async def get(context: Context) -> Project:
    """Get the project."""
    return project_of(managed_project(context))


@operations.declare(
    "updateLabels",
    "PUT",
    "/project/labels",
    aliases=("/projects/{projectId}/labels",),
    scopes=("project.write",),
)
async def update_labels(context: Context, labels: Labels) -> Project:
    """Replace the labels of the project; repeated ones count once."""
    unique = tuple(dict.fromkeys(labels))
    return project_of(await change_project(context, lambda project: replace(project, labels=unique)))


@operations.declare(
    "delete",
    "DELETE",
    "/project",
    aliases=("/projects/{projectId}",),
    scopes=("project.write",),
)
async def delete(context: Context) -> None:
    """Delete the project with everything that belongs to it."""
    await context.stores.delete_project(managed_project(context).id)
