"""Subscribers: the targets that are told what a topic is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.ids import chosen_id
from tidewire.core.models import Subscriber, SubscriberList
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.messaging import operations
from tidewire.services.messaging.events import SUBSCRIBER_CREATED, SUBSCRIBER_DELETED
from tidewire.services.permissions import unauthorized
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import topics as records
from tidewire.store.records.targets import target_by_id, target_of
from tidewire.store.records.topics import SUBSCRIBERS, find_subscriber, find_topic

_SUBSCRIBERS: Final = "/messaging/topics/{topicId}/subscribers"
_SUBSCRIBER: Final = "/messaging/topics/{topicId}/subscribers/{subscriberId}"


@operations.write(
    "createSubscriber",
    "POST",
    _SUBSCRIBERS,
    scopes=("subscribers.write",),
    status=201,
    event=SUBSCRIBER_CREATED,
)
def create_subscriber(
    transaction: Transaction,
    context: Context,
    subscriber_id: CustomId,
    topic_id: ResourceId,
    target_id: ResourceId,
) -> Subscriber:
    """Subscribe a target to a topic; people subscribe targets of their own."""
    connection, caller = transaction.connection, context.caller
    topic = find_topic(connection, topic_id)
    if not (caller.bypasses_permissions or set(topic.subscribe).intersection(caller.roles)):
        raise unauthorized("subscribe to", "this topic")
    target = target_by_id(connection, target_id)
    if target is None or not _owns(caller, target):
        raise TidewireError("user_target_not_found", "There is no target with this id.")
    row = records.insert_subscriber(connection, topic, chosen_id(subscriber_id), target)
    return _published(transaction, context, SUBSCRIBER_CREATED, row)


@operations.read("listSubscribers", "GET", _SUBSCRIBERS, scopes=("subscribers.read",))
def list_subscribers(
    connection: Connection,
    context: Context,
    topic_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(SUBSCRIBERS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> SubscriberList:
    """List the subscribers of a topic."""
    _refuse_people(context.caller)
    find_topic(connection, topic_id)
    count, rows = list_rows(connection, SUBSCRIBERS, queries, search, (), total, topic_id=topic_id)
    return SubscriberList(total=count, subscribers=_shown(connection, rows))


@operations.read("getSubscriber", "GET", _SUBSCRIBER, scopes=("subscribers.read",))
def get_subscriber(
    connection: Connection, context: Context, topic_id: ResourceId, subscriber_id: ResourceId
) -> Subscriber:
    """Get a subscriber of a topic."""
    _refuse_people(context.caller)
    find_topic(connection, topic_id)
    (subscriber,) = _shown(connection, [find_subscriber(connection, topic_id, subscriber_id)])
    return subscriber


@operations.write(
    "deleteSubscriber", "DELETE", _SUBSCRIBER, scopes=("subscribers.write",), event=SUBSCRIBER_DELETED
)
def delete_subscriber(
    transaction: Transaction, context: Context, topic_id: ResourceId, subscriber_id: ResourceId
) -> None:
    """End a subscription; people end their own."""
    connection = transaction.connection
    find_topic(connection, topic_id)
    row = find_subscriber(connection, topic_id, subscriber_id)
    if not _owns(context.caller, row):
        raise TidewireError("subscriber_not_found", "The topic has no subscriber with this id.")
    _published(transaction, context, SUBSCRIBER_DELETED, row)
    records.delete_subscriber(connection, row)


def _owns(caller: Caller, row: Row[Any]) -> bool:
    """Whether the caller may act for the user that a target or a subscriber belongs to."""
    return caller.bypasses_permissions or (caller.kind == "user" and caller.user_id == row.user_id)


def _refuse_people(caller: Caller) -> None:
    """Refuse people, who have the scope only to subscribe."""
    if not caller.bypasses_permissions:
        raise unauthorized("read", "who subscribes to this topic")


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Subscriber:
    (subscriber,) = _shown(transaction.connection, [row])
    parameters = {"topicId": row.topic_id, "subscriberId": row.id}
    publish(transaction, context, pattern, parameters, subscriber)
    return subscriber


def _shown(connection: Connection, rows: list[Row[Any]]) -> list[Subscriber]:
    known = records.targets_and_names(connection, rows)
    return [
        shown(Subscriber, row, target=target_of(known[row.target_id][0]), user_name=known[row.target_id][1])
        for row in rows
    ]
