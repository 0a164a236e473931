"""Rows of webhooks: read for delivery, and what delivery notes in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, bindparam, func, select, update

from tidewire.core.time import format_datetime, now
from tidewire.outgoing.webhook_requests import Webhook, webhook_of
from tidewire.services.messages import webhook_disabled_mail
from tidewire.services.outgoing import enqueue_mail
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.platform import Stores
from tidewire.store.schema import memberships, users
from tidewire.store.schema import webhooks as table
from tidewire.store.secrets.encryption import Encryption, SealError

_LONGEST_LOG: Final = 1000
_ENABLED: Final = select(table).where(table.c.enabled).order_by(table.c.sequence)
_OF: Final = update(table).where(table.c.sequence == bindparam("of"))

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
    found = (_opened(row, encryption.open) for row in connection.execute(_ENABLED))
    return [webhook for webhook in found if webhook is not None]


def current_webhook(connection: Connection, encryption: Encryption, sequence: int) -> Webhook | None:
    """A webhook as it is now; None if nothing is to be delivered to it any more."""
    row = connection.execute(_ENABLED.where(table.c.sequence == sequence)).one_or_none()
    return None if row is None else _opened(row, encryption.open)


def note_position(connection: Connection, webhook: Webhook, position: int) -> None:
    """Note that everything up to ``position`` is done, though nothing needed to be sent."""
    connection.execute(_OF.values(position=_further(position)), {"of": webhook.sequence})


def note_delivered(connection: Connection, webhook: Webhook, position: int) -> bool:
    """Note that the event at ``position`` was delivered; False if the webhook was changed meanwhile."""
    noted = _OF.values(position=_further(position), attempts=0, failures=0, next_attempt_at=0, logs="")
    changed_at = connection.scalar(noted.returning(table.c.updated_at), {"of": webhook.sequence})
    return bool(changed_at == webhook.updated_at)


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
    unchanged = _OF.where(table.c.updated_at == webhook.updated_at)
    return connection.execute(unchanged.values(values), {"of": webhook.sequence}).rowcount > 0


def _further(position: int) -> ColumnElement[int]:
    """Never back: enabled again, a webhook may have been placed behind what was under way then."""
    return func.max(table.c.position, position)


def owners_of_team(connection: Connection, team_id: str) -> list[tuple[str, str]]:
    """Address and name of each owner of a team of the console project."""
    rows = connection.execute(
        select(users.c.email, users.c.name, memberships.c.roles)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.team_id == team_id, memberships.c.confirmed, users.c.email.is_not(None))
        .order_by(memberships.c.sequence)
    )
    return [(row.email, row.name) for row in rows if "owner" in row.roles]


def _opened(row: Row[Any], unseal: Callable[[str], str]) -> Webhook | None:
    try:
        password = unseal(row.auth_password) if row.auth_password else ""
        return webhook_of(row, password, unseal(row.secret) if row.secret else "")
    except SealError:
        _log.error("webhook skipped: its secrets cannot be opened", webhook=row.id)
        return None


async def announce_disabled(stores: Stores, project_id: str, webhook: Webhook, failure: Failure) -> None:
    """Put a mail in line for each owner of the project: one of its webhooks is disabled."""
    store = await stores.project(project_id)
    if store is None or not store.project.team_id:
        return
    project = store.project

    def unit(transaction: Transaction) -> None:
        for address, name in owners_of_team(transaction.connection, project.team_id):
            mail = webhook_disabled_mail(
                project.name, name, webhook.name, webhook.url, failure.count, failure.reason
            )
            enqueue_mail(transaction, address, name, mail)

    await stores.platform.write(unit)
