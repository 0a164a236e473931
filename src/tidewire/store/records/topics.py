"""Topics and their subscribers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import subscribers, targets, topics, users

TOPICS: Final = resource_list(topics, "name", "emailTotal", "smsTotal", "pushTotal")
SUBSCRIBERS: Final = resource_list(
    subscribers,
    "targetId",
    "userId",
    "topicId",
    "providerType",
    searchable=tuple(subscribers.c[name] for name in ("id", "target_id", "user_id", "provider_type")),
)
_DELETED_AT_ONCE: Final = 2000


def find_topic(connection: Connection, topic_id: str) -> Row[Any]:
    """The topic with this id; raises ``topic_not_found``."""
    row = find_row(connection, topics, id=topic_id)
    if row is None:
        raise TidewireError("topic_not_found", "There is no topic with this id.")
    return row


def insert_topic(connection: Connection, topic_id: str, **values: Any) -> Row[Any]:
    """Add a topic; raises ``topic_already_exists``."""
    if find_row(connection, topics, id=topic_id) is not None:
        raise TidewireError("topic_already_exists", "A topic with this id already exists.")
    return insert_row(connection, topics, id=topic_id, **values)


def change_topic(connection: Connection, topic: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a topic."""
    return update_row(connection, topics, topic.sequence, **values)


def delete_topic(connection: Connection, topic: Row[Any]) -> None:
    """Delete a topic and the subscribers that are left of it."""
    delete_row(connection, topics, topic.sequence)


def delete_some_subscribers(connection: Connection, topic_id: str) -> bool:
    """Delete a step of the subscribers of a topic that is about to go; whether there may be more."""
    some = select(subscribers.c.sequence).where(subscribers.c.topic_id == topic_id).limit(_DELETED_AT_ONCE)
    gone = connection.execute(delete(subscribers).where(subscribers.c.sequence.in_(some))).rowcount
    return gone == _DELETED_AT_ONCE


def find_subscriber(connection: Connection, topic_id: str, subscriber_id: str) -> Row[Any]:
    """The subscriber of a topic with this id; raises ``subscriber_not_found``."""
    row = find_row(connection, subscribers, id=subscriber_id, topic_id=topic_id)
    if row is None:
        raise TidewireError("subscriber_not_found", "The topic has no subscriber with this id.")
    return row


def insert_subscriber(
    connection: Connection, topic: Row[Any], subscriber_id: str, target: Row[Any]
) -> Row[Any]:
    """Subscribe a target to a topic; raises ``subscriber_already_exists``."""
    taken = find_row(connection, subscribers, topic_id=topic.id, target_id=target.id)
    if taken is not None or find_row(connection, subscribers, id=subscriber_id) is not None:
        raise TidewireError(
            "subscriber_already_exists", "The target is subscribed already, or the id is that of another."
        )
    _count(connection, topic.id, target.provider_type, 1)
    return insert_row(
        connection,
        subscribers,
        id=subscriber_id,
        topic_id=topic.id,
        target_id=target.id,
        user_id=target.user_id,
        provider_type=target.provider_type,
    )


def delete_subscriber(connection: Connection, subscriber: Row[Any]) -> None:
    """End a subscription."""
    delete_row(connection, subscribers, subscriber.sequence)
    _count(connection, subscriber.topic_id, subscriber.provider_type, -1)


def end_subscriptions(connection: Connection, *of_targets: ColumnElement[bool]) -> None:
    """End the subscriptions of the targets that the conditions choose, which are about to be deleted."""
    ended = subscribers.c.target_id.in_(select(targets.c.id).where(*of_targets))
    kinds = subscribers.c.topic_id, subscribers.c.provider_type
    counted = select(*kinds, func.count().label("ended")).where(ended).group_by(*kinds)
    for row in connection.execute(counted).all():
        _count(connection, row.topic_id, row.provider_type, -row.ended)
    connection.execute(delete(subscribers).where(ended))


def targets_and_names(connection: Connection, rows: list[Row[Any]]) -> dict[str, tuple[Row[Any], str]]:
    """The target of each subscriber by its id, with the name of its user."""
    wanted = (
        select(targets, users.c.name.label("user_name"))
        .join(users, users.c.id == targets.c.user_id)
        .where(targets.c.id.in_([row.target_id for row in rows]))
    )
    return {row.id: (row, row.user_name) for row in connection.execute(wanted)}


def _count(connection: Connection, topic_id: str, provider_type: str, change: int) -> None:
    column = topics.c[f"{provider_type}_total"]
    changed = {column.name: func.max(column + change, 0)}
    connection.execute(update(topics).where(topics.c.id == topic_id).values(changed))
