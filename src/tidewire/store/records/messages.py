"""Messages to many people, as they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.records.targets import TARGETS
from tidewire.store.schema import message_deliveries, targets
from tidewire.store.schema import messages as table

MESSAGES: Final = resource_list(
    table,
    "providerType",
    "status",
    "scheduledAt",
    "deliveredAt",
    "deliveredTotal",
    searchable=(table.c.search,),
)
IDS_AT_ONCE: Final = 500
"""Ids that one statement asks for."""


def find_message(connection: Connection, message_id: str) -> Row[Any]:
    """The message with this id; raises ``message_not_found``."""
    row = find_row(connection, table, id=message_id)
    if row is None:
        raise TidewireError("message_not_found", "There is no message with this id.")
    return row


def insert_message(connection: Connection, message_id: str, **values: Any) -> Row[Any]:
    """Add a message; raises ``message_already_exists``."""
    if find_row(connection, table, id=message_id) is not None:
        raise TidewireError("message_already_exists", "A message with this id already exists.")
    return insert_row(connection, table, id=message_id, **values)


def change_message(connection: Connection, message: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a message."""
    return update_row(connection, table, message.sequence, **values)


def delete_message(connection: Connection, message: Row[Any]) -> None:
    """Delete a message; who has not had it yet will not get it."""
    delete_row(connection, table, message.sequence)


def plan_delivery(connection: Connection, message: Row[Any], due_at: int | None) -> None:
    """Have a message delivered at a time, or not at all (None), whatever was planned before."""
    connection.execute(
        delete(message_deliveries).where(message_deliveries.c.message_sequence == message.sequence)
    )
    if due_at is not None:
        connection.execute(
            insert(message_deliveries), {"message_sequence": message.sequence, "due_at": due_at}
        )


def count_deliveries(connection: Connection) -> int:
    """The messages that wait to be delivered, or are being."""
    return connection.scalar(select(func.count()).select_from(message_deliveries)) or 0


def count_targets(connection: Connection, ids: Sequence[str], provider_type: str) -> int:
    """How many of these targets there are of a type."""
    count = 0
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = targets.c.id.in_(ids[start : start + IDS_AT_ONCE])
        found = select(func.count()).where(some, targets.c.provider_type == provider_type)
        count += connection.scalar(found) or 0
    return count


def list_targets_of(
    connection: Connection, message: Row[Any], queries: Sequence[str], total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the targets that a message names itself, and how many there are."""
    return list_rows(connection, TARGETS, queries, "", (targets.c.id.in_(message.targets),), total)
