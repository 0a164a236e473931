"""What was given up: messages and webhooks that failed too often."""

from __future__ import annotations

from typing import Annotated, Any, Final

from sqlalchemy import Select, func, select

from tidewire.core.checks.numbers import LooseInt32
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.errors import TidewireError
from tidewire.core.models import HealthQueue
from tidewire.services.context import Context
from tidewire.services.health import operations
from tidewire.store.schema import outgoing_messages, webhooks


def _failed_messages(channel: str) -> Select[Any]:
    table = outgoing_messages.c
    return (
        select(func.count())
        .select_from(outgoing_messages)
        .where(table.state == "failed", table.channel == channel)
    )


_FAILED: Final[dict[str, Select[Any]]] = {
    "v1-mails": _failed_messages("mail"),
    "v1-messaging": _failed_messages("sms"),
    "v1-webhooks": select(func.count())
    .select_from(webhooks)
    .where(webhooks.c.enabled.is_(False), webhooks.c.attempts > 0),
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
        for database in context.stores.open_databases():
            size += await database.read(lambda connection: int(connection.scalar(counting) or 0))
    if size >= threshold:
        raise TidewireError(
            "health_queue_size_exceeded", f"{size} entries of {name} failed; the threshold is {threshold}."
        )
    return HealthQueue(size=size)
