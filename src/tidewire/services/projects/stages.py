"""The stages of a project's onboarding, for people of the console."""

from __future__ import annotations

from typing import Annotated

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Stage, StageList
from tidewire.core.onboarding import STAGES
from tidewire.services.context import Context
from tidewire.services.onboarding import skip_stage, stage_of, stages_of
from tidewire.services.projects import operations
from tidewire.services.projects.access import find_accessible_project


@operations.declare("listStages", "GET", "/projects/{projectId}/stages", scopes=("stages.read",))
async def list_stages(context: Context, project_id: ResourceId) -> StageList:
    """List the stages of a project's onboarding, in their usual order."""
    return StageList(stages=stages_of(await find_accessible_project(context, project_id, "stages.read")))


@operations.declare(
    "updateStage", "PATCH", "/projects/{projectId}/stages/{stageId}", scopes=("stages.write",)
)
async def update_stage(
    context: Context,
    project_id: ResourceId,
    stage_id: Annotated[str, Text(1, 128)],
    skip: Annotated[bool, TrueOrFalse()] = True,
) -> Stage:
    """Skip a stage of a project's onboarding; one that is completed stays so."""
    project = await find_accessible_project(context, project_id, "stages.write")
    if stage_id not in STAGES:
        raise TidewireError(
            "general_argument_invalid",
            f"There is no stage {stage_id!r}; see GET /projects/{project.id}/stages.",
        )
    return stage_of(await skip_stage(context, project, stage_id) if skip else project, stage_id)
