"""Reports of jobs that are run elsewhere. Here the server runs its jobs itself: nobody may report."""

from __future__ import annotations

from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.operations import Operations
from tidewire.services.context import Context

operations: Final = Operations("jobs")


@operations.declare("createJobEvent", "POST", "/jobs/event", scopes=("public",))
async def create_job_event(context: Context) -> None:  # noqa: ARG001
    """Take the report of a job that runs elsewhere: there is none, so every sender is refused."""
    raise TidewireError(
        "user_unauthorized", "No job of this server runs elsewhere, so nobody has a token to report for one."
    )
