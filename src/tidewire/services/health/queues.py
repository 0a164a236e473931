"""Failed jobs: messages and webhooks that failed too often and were given up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from tidewire.core.checks.numbers import LooseInt32
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.models import HealthQueue
from tidewire.services.context import Context
from tidewire.services.health import operations
from tidewire.store.engine.connection import Connection
from tidewire.store.records.outgoing_messages import failed_messages
from tidewire.store.records.webhooks import failed_webhooks

_FAILED: Final[dict[str, Callable[[Connection], int]]] = {
    "v1-mails": partial(failed_messages, channel="mail"),
    "v1-messaging": partial(failed_messages, channel="sms"),
    "v1-webhooks": failed_webhooks,
}
"""Queues that exist here; of the others that clients know nothing can fail."""

QUEUES: Final = (
    "v1-database",
    "v1-deletes",
    "v1-audits",
    "v1-mails",
    "v1-functions",
    "v1-stats-resources",
    "v1-stats-usage",
    "v1-webhooks",
    "v1-certificates",
    "v1-builds",
    "v1-screenshots",
    "v1-messaging",
    "v1-migrations",
    "v1-notifications",
)


@operations.declare("getFailedJobs", "GET", "/health/queue/failed/{name}", scopes=("health.read",))
async def get_failed_jobs(
    context: Context,
    name: Annotated[str, AnyCaseChoice(QUEUES)],
    threshold: Annotated[int, LooseInt32()] = 5000,
) -> HealthQueue:
    """Count what was given up in all projects; ``threshold`` and more is an error."""
    counting = _FAILED.get(name)
    size = 0
    if counting is not None:
        for database in context.instance.open_databases():
            size += await database.read(counting)
    if size >= threshold:
        raise TidewireError(
            "health_queue_size_exceeded", f"{size} entries of {name} failed; the threshold is {threshold}."
        )
    return HealthQueue(size=size)
