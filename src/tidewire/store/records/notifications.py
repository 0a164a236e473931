"""Notifications of people of the console, one row for each person; they are in the instance's database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert

from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.rows import find_row, update_row
from tidewire.store.schema import notifications as table

NOTIFICATIONS: Final = resource_list(
    table,
    "messageId",
    "type",
    "channel",
    "resourceType",
    "resourceId",
    "projectId",
    "parentResourceType",
    "parentResourceId",
    "read",
    "firstSeen",
    "lastSeen",
    columns={
        "resourceId": table.c.user_id,
        "firstSeen": table.c.first_seen_at,
        "lastSeen": table.c.last_seen_at,
    },
)


def notify(
    connection: Connection, user_ids: Collection[str], project_id: str, type_: str, title: str, body: str
) -> None:
    """Notify people of something about a project; it counts as unread."""
    moment, message_id = now(), unique_id()
    rows = [
        {
            "id": unique_id(),
            "created_at": moment,
            "updated_at": moment,
            "message_id": message_id,
            "user_id": user_id,
            "project_id": project_id,
            "parent_resource_id": project_id,
            "type": type_,
            "title": title,
            "body": body,
        }
        for user_id in user_ids
    ]
    if rows:
        connection.execute(insert(table), rows)


def list_notifications(
    connection: Connection, user_id: str, queries: Sequence[str]
) -> tuple[int, list[Row[Any]]]:
    """A page of the notifications of a user, and how many there are. Raises what :func:`list_rows` raises."""
    return list_rows(connection, NOTIFICATIONS, queries, "", (), True, user_id=user_id)


def find_notification(connection: Connection, notification_id: str) -> Row[Any] | None:
    """The notification with this id, whoever was notified."""
    return find_row(connection, table, id=notification_id)


def mark_read(connection: Connection, row: Row[Any], *, read: bool) -> Row[Any]:
    """Note that a notification was read, or is to be looked at again."""
    seen = {"first_seen_at": row.first_seen_at or now(), "last_seen_at": now()} if read else {}
    return update_row(connection, table, row.sequence, read=read, **seen)


def delete_notifications_of_project(connection: Connection, project_id: str) -> None:
    """Delete what people were notified of about a project."""
    connection.execute(delete(table).where(table.c.project_id == project_id))
