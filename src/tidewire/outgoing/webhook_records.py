"""Webhooks as they are delivered to: opened from their rows, and what delivery notes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tidewire.core.time import format_datetime, now
from tidewire.outgoing.webhook_requests import Webhook, webhook_of
from tidewire.services.messages.notices import WEBHOOK_PAUSED, webhook_disabled_mail, webhook_paused_text
from tidewire.services.outgoing import enqueue_mail
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Instance
from tidewire.store.records import webhooks
from tidewire.store.records.notifications import notify
from tidewire.store.records.teams import OWNER, people_of_project
from tidewire.store.secrets.encryption import Encryption, SealError

_LONGEST_LOG: Final = 1000

_log = structlog.get_logger("tidewire.outgoing")


@dataclass(frozen=True)
class Failure:
    """A delivery that failed."""

    count: int
    """Failures in a row, this one included."""
    reason: str
    next_attempt_at: int
    """Milliseconds since the epoch."""
    disables: bool
    """Nothing is delivered any more until somebody enables the webhook again."""


def enabled_webhooks(connection: Connection, encryption: Encryption) -> list[Webhook]:
    """The webhooks that are to be delivered to."""
    found = (_opened(row, encryption.open) for row in webhooks.enabled_rows(connection))
    return [webhook for webhook in found if webhook is not None]


def current_webhook(connection: Connection, encryption: Encryption, sequence: int) -> Webhook | None:
    """A webhook as it is now; None if nothing is to be delivered to it any more."""
    row = webhooks.enabled_row(connection, sequence)
    return None if row is None else _opened(row, encryption.open)


def note_position(connection: Connection, webhook: Webhook, position: int) -> None:
    """Note that everything up to ``position`` is done, though nothing needed to be sent."""
    webhooks.note_position(connection, webhook.sequence, position)


def note_delivered(connection: Connection, webhook: Webhook, position: int) -> bool:
    """Note that the event at ``position`` was delivered; False if the webhook was changed meanwhile."""
    return webhooks.note_delivered(connection, webhook.sequence, position) == webhook.updated_at


def note_failed(connection: Connection, webhook: Webhook, failure: Failure) -> bool:
    """Note a failure; False if the webhook was changed meanwhile, which makes it a thing of the past."""
    logs = f"{format_datetime(now())} POST {webhook.url}: {failure.reason}"[:_LONGEST_LOG]
    values: dict[str, Any] = {
        "attempts": failure.count,
        "failures": failure.count,
        "next_attempt_at": failure.next_attempt_at,
        "logs": logs,
    }
    if failure.disables:
        values["enabled"] = False
    return webhooks.note_failed(connection, webhook.sequence, webhook.updated_at, values)


def _opened(row: Row[Any], unseal: Callable[[str], str]) -> Webhook | None:
    try:
        password = unseal(row.auth_password) if row.auth_password else ""
        return webhook_of(row, password, unseal(row.secret) if row.secret else "")
    except SealError:
        _log.error("webhook skipped: its secrets cannot be opened", webhook=row.id)
        return None


async def announce_disabled(instance: Instance, project_id: str, webhook: Webhook, failure: Failure) -> None:
    """Notify those who look after the project, owners by mail too: one of its webhooks is disabled."""
    store = await instance.project(project_id)
    if store is None or not store.project.team_id:
        return
    project = store.project

    def unit(transaction: Transaction) -> None:
        people = people_of_project(transaction.connection, project.team_id, project.id)
        notify(
            transaction.connection,
            [person.id for person in people],
            project.id,
            "warning",
            WEBHOOK_PAUSED,
            webhook_paused_text(project.name, webhook.name, failure.count),
        )
        for person in people:
            if OWNER in person.roles and person.email:
                mail = webhook_disabled_mail(
                    project.name, person.name, webhook.name, webhook.url, failure.count, failure.reason
                )
                enqueue_mail(transaction, person.email, person.name, mail)

    await instance.database.write(unit)
