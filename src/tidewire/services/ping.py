"""The ping service: a program shows that it reaches its project, and people of the console see it live."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidewire.core.models import Pong
from tidewire.core.operations import Operations
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.project.records import change_project

PING: Final = "projects.[projectId].ping"

operations: Final = Operations("ping")


@operations.declare("get", "GET", "/ping", scopes=("global",), model=Pong, event=PING)
async def ping(context: Context) -> Pong:
    """Count a ping of the project."""
    await change_project(
        context,
        lambda project: replace(project, ping_count=project.ping_count + 1, pinged_at=now()),
        PING,
    )
    return Pong(message="Pong!")
