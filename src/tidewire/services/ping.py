"""The ping service: a program tests that it reaches its project, which people see in the console."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from tidewire.core.operations import Operations
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.project.records import change_project, managed_project
from tidewire.store.instance.instance import Project

PING: Final = "projects.[projectId].ping"

operations: Final = Operations("ping")


class _PingedBeforeError(Exception):
    """The project was pinged before: nothing is stored, and there is no event."""


@operations.declare("get", "GET", "/ping", scopes=("global",), event=PING)
async def ping(context: Context) -> str:
    """Answer a program that looks for its project; the first time is stored, with an event in the console."""
    if not managed_project(context).ping_count:
        with suppress(_PingedBeforeError):
            await change_project(context, _first, PING)
    return "Pong!"


def _first(project: Project) -> Project:
    if project.ping_count:
        raise _PingedBeforeError
    return replace(project, ping_count=1, pinged_at=now())
