"""Topics: made, changed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from tidewire.core.checks.functions import RoleList
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search, Text
from tidewire.core.ids import chosen_id
from tidewire.core.models import Topic, TopicList
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.messaging import operations
from tidewire.services.messaging.events import TOPIC_CREATED, TOPIC_DELETED, TOPIC_UPDATED
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import topics as records
from tidewire.store.records.topics import TOPICS, find_topic

Name = Annotated[str, Text(1, 128)]
Roles = Annotated[Sequence[str], RoleList()]

_TOPICS: Final = "/messaging/topics"
_TOPIC: Final = "/messaging/topics/{topicId}"


@operations.write("createTopic", "POST", _TOPICS, scopes=("topics.write",), status=201, event=TOPIC_CREATED)
def create_topic(
    transaction: Transaction,
    context: Context,
    topic_id: CustomId,
    name: Name,
    subscribe: Roles = ("users",),
) -> Topic:
    """Add a topic that the holders of some roles may subscribe to."""
    row = records.insert_topic(
        transaction.connection, chosen_id(topic_id), name=name, subscribe=list(dict.fromkeys(subscribe))
    )
    return _published(transaction, context, TOPIC_CREATED, row)


@operations.read("listTopics", "GET", _TOPICS, scopes=("topics.read",))
def list_topics(
    connection: Connection,
    _: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(TOPICS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> TopicList:
    """List the topics of the project."""
    count, rows = list_rows(connection, TOPICS, queries, search, (), total)
    return TopicList(total=count, topics=[shown(Topic, row) for row in rows])


@operations.read("getTopic", "GET", _TOPIC, scopes=("topics.read",))
def get_topic(connection: Connection, _: Context, topic_id: ResourceId) -> Topic:
    """Get a topic."""
    return shown(Topic, find_topic(connection, topic_id))


@operations.write("updateTopic", "PATCH", _TOPIC, scopes=("topics.write",), event=TOPIC_UPDATED)
def update_topic(
    transaction: Transaction,
    context: Context,
    topic_id: ResourceId,
    name: Name | None = None,
    subscribe: Roles | None = None,
) -> Topic:
    """Change the name of a topic, or who may subscribe from now on."""
    row = find_topic(transaction.connection, topic_id)
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = name
    if subscribe is not None:
        values["subscribe"] = list(dict.fromkeys(subscribe))
    changed = records.change_topic(transaction.connection, row, **values)
    return _published(transaction, context, TOPIC_UPDATED, changed)


@operations.declare("deleteTopic", "DELETE", _TOPIC, scopes=("topics.write",), event=TOPIC_DELETED)
async def delete_topic(context: Context, topic_id: ResourceId) -> None:
    """Delete a topic with its subscribers."""

    def some(transaction: Transaction) -> bool:
        find_topic(transaction.connection, topic_id)
        return records.delete_some_subscribers(transaction.connection, topic_id)

    while await context.database.write(some):
        continue
    await context.database.write(partial(_delete, context, topic_id))


def _delete(context: Context, topic_id: str, transaction: Transaction) -> None:
    row = find_topic(transaction.connection, topic_id)
    _published(transaction, context, TOPIC_DELETED, row)
    records.delete_topic(transaction.connection, row)


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Topic:
    topic = shown(Topic, row)
    publish(transaction, context, pattern, {"topicId": row.id}, topic)
    return topic
