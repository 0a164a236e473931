"""The queue of mails and text messages of one project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import outgoing_messages as table

_WAITING: Final = table.c.state == "waiting"


def add_message(connection: Connection, values: Mapping[str, Any]) -> None:
    """Add a message to the queue, to be sent at once; its content is sealed until then."""
    moment = now()
    seal = connection.encryption.seal
    sealed = {name: seal(values[name]) for name in ("html", "text") if values.get(name)}
    row = {"created_at": moment, "next_attempt_at": moment, **values, **sealed}
    connection.execute(insert(table), row)


def due_messages(connection: Connection, limit: int) -> list[Row[Any]]:
    """The next messages to be sent, at most ``limit``."""
    rows = connection.execute(
        select(table)
        .where(_WAITING, table.c.next_attempt_at <= now())
        .order_by(table.c.next_attempt_at, table.c.sequence)
        .limit(limit)
    )
    return list(rows)


def next_message_at(connection: Connection) -> int | None:
    """Return when the next message is to be sent, in milliseconds since the epoch; None if none is
    waiting."""
    next_at: int | None = connection.scalar(select(func.min(table.c.next_attempt_at)).where(_WAITING))
    return next_at


def change_message(connection: Connection, sequence: int, values: Mapping[str, Any]) -> None:
    """Note the outcome of an attempt to send a message."""
    connection.execute(update(table).where(table.c.sequence == sequence).values(values))


def forget_message(connection: Connection, sequence: int) -> None:
    """Delete a message that was sent."""
    connection.execute(delete(table).where(table.c.sequence == sequence))


def failed_messages(connection: Connection, channel: str) -> int:
    """The number of messages of a channel that were given up."""
    failed = select(func.count()).where(table.c.state == "failed", table.c.channel == channel)
    return connection.scalar(failed) or 0
