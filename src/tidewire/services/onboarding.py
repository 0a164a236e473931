"""The stages of a project's onboarding: noted when an operation succeeds for the first time, or skipped."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from tidewire.core import models
from tidewire.core.identities import Caller
from tidewire.core.onboarding import STAGES, Stage, StageStatus
from tidewire.core.time import format_datetime, now
from tidewire.services.context import Context
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project

_PENDING: Final = "pending"


class _OverError(Exception):
    """The stage is over: nothing is stored."""


def completes_stage(project: Project, operation: str) -> bool:
    """Whether an operation, one of :data:`STAGES`, has not succeeded in the project before."""
    return operation not in project.onboarding and project.id != CONSOLE_PROJECT_ID


async def complete_stage(context: Context, operation: str) -> None:
    """Note the first success of an operation in the project."""
    over = frozenset({"completed", "skipped"})
    with suppress(_OverError):  # by another request meanwhile
        await _end(context, context.project.id, operation, "completed", over)


async def skip_stage(context: Context, project: Project, stage_id: str) -> Project:
    """Note that a stage is not wanted, unless it is completed. Returns the project as it is then."""
    try:
        return await _end(context, project.id, stage_id, "skipped", over=frozenset({"completed"}))
    except _OverError:
        return project


def stages_of(project: Project) -> list[models.Stage]:
    """All stages of a project."""
    return [stage_of(project, stage_id) for stage_id in STAGES]


def stage_of(project: Project, stage_id: str) -> models.Stage:
    """A stage of a project."""
    stage = project.onboarding.get(stage_id)
    return models.Stage(
        id=stage_id,
        sdk=stage_id,
        status=stage.status if stage else _PENDING,
        at=format_datetime(stage.at) if stage else "",
        actor_type=stage.actor_type if stage else "",
    )


async def _end(
    context: Context, project_id: str, stage_id: str, status: StageStatus, over: frozenset[str]
) -> Project:
    stage = Stage(status=status, at=now(), actor_type=_actor_type(context.caller))

    def change(project: Project) -> Project:
        known = project.onboarding.get(stage_id)
        if known is not None and known.status in over:
            raise _OverError
        return replace(project, onboarding={**project.onboarding, stage_id: stage})

    return await context.instance.update_project(project_id, change)


def _actor_type(caller: Caller) -> str:
    if caller.kind == "key":
        return "keyOrganization" if caller.organization_id else "keyProject"
    return caller.kind
