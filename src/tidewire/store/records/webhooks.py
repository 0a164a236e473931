"""Webhooks: registered and changed, read for delivery, and what delivery notes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, func, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.event_log import last_offset
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row
from tidewire.store.schema import webhooks as table

WEBHOOKS: Final = resource_list(
    table,
    "name",
    "url",
    "authUsername",
    "tls",
    "httpUser",  # as older clients call the user name
    "security",  # and this is tls
    "events",
    "enabled",
    "logs",
    "attempts",
    columns={"httpUser": table.c.auth_username, "security": table.c.tls},
)

_ENABLED: Final = select(table).where(table.c.enabled).order_by(table.c.sequence)
_OF: Final = update(table).where(table.c.sequence == bindparam("of"))


def find_webhook(connection: Connection, webhook_id: str) -> Row[Any]:
    """The webhook with this id; raises ``webhook_not_found``."""
    row = find_row(connection, table, id=webhook_id)
    if row is None:
        raise TidewireError("webhook_not_found", "There is no webhook with this id.")
    return row


def first_webhooks(connection: Connection, most: int) -> Sequence[Row[Any]]:
    """The oldest webhooks, at most ``most``."""
    return connection.execute(select(table).order_by(table.c.sequence).limit(most)).all()


def insert_webhook(connection: Connection, webhook_id: str, **values: Any) -> Row[Any]:
    """Add a webhook, which begins with the next event; raises ``webhook_already_exists``."""
    if find_row(connection, table, id=webhook_id) is not None:
        raise TidewireError("webhook_already_exists", "A webhook with this id already exists.")
    return insert_row(connection, table, id=webhook_id, **_new_delivery(connection), **values)


def change_webhook(connection: Connection, webhook: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a webhook. One that is enabled again begins with the next event.

    ``updated_at`` always grows: deliveries tell by it that the webhook was changed meanwhile.
    """
    if values.get("enabled") and not webhook.enabled:
        values |= _new_delivery(connection)
    values["updated_at"] = func.max(table.c.updated_at + 1, now())
    changed = update(table).where(table.c.sequence == webhook.sequence).values(values)
    return connection.execute(changed.returning(table)).one()


def delete_webhook(connection: Connection, webhook: Row[Any]) -> None:
    """Delete a webhook; what was not delivered yet never will be."""
    delete_row(connection, table, webhook.sequence)


def enabled_rows(connection: Connection) -> Sequence[Row[Any]]:
    """The webhooks that are to be delivered to, oldest first."""
    return connection.execute(_ENABLED).all()


def enabled_row(connection: Connection, sequence: int) -> Row[Any] | None:
    """A webhook as it is now; None if nothing is to be delivered to it."""
    return connection.execute(_ENABLED.where(table.c.sequence == sequence)).one_or_none()


def note_position(connection: Connection, sequence: int, position: int) -> None:
    """Note that everything up to ``position`` is done, though nothing needed to be sent."""
    connection.execute(_OF.values(position=_further(position)), {"of": sequence})


def note_delivered(connection: Connection, sequence: int, position: int) -> int | None:
    """Note that the event at ``position`` was delivered; return when the webhook was changed last."""
    noted = _OF.values(position=_further(position), attempts=0, failures=0, next_attempt_at=0, logs="")
    changed_at: int | None = connection.scalar(noted.returning(table.c.updated_at), {"of": sequence})
    return changed_at


def note_failed(connection: Connection, sequence: int, updated_at: int, values: Mapping[str, Any]) -> bool:
    """Note a failure; False if the webhook was changed after ``updated_at``."""
    unchanged = _OF.where(table.c.updated_at == updated_at)
    return connection.execute(unchanged.values(values), {"of": sequence}).rowcount > 0


def failed_webhooks(connection: Connection) -> int:
    """The number of webhooks that were disabled because they failed too often."""
    failed = select(func.count()).where(table.c.enabled.is_(False), table.c.attempts > 0)
    return connection.scalar(failed) or 0


def _new_delivery(connection: Connection) -> dict[str, Any]:
    """The state of delivery of a webhook that begins with the next event."""
    position = last_offset(connection)
    return {"position": position, "attempts": 0, "failures": 0, "next_attempt_at": 0, "logs": ""}


def _further(position: int) -> ColumnElement[int]:
    """The greater position: a webhook enabled again may have been placed behind a delivery under way."""
    return func.max(table.c.position, position)
