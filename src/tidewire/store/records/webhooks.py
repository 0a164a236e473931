"""Rows of webhooks: read for delivery, and what delivery notes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, func, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.schema import webhooks as table

_ENABLED: Final = select(table).where(table.c.enabled).order_by(table.c.sequence)
_OF: Final = update(table).where(table.c.sequence == bindparam("of"))


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


def _further(position: int) -> ColumnElement[int]:
    """The greater position: a webhook enabled again may have been placed behind a delivery under way."""
    return func.max(table.c.position, position)
