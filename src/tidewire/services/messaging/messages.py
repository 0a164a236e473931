"""Messages: listed, shown and deleted; what all kinds of them have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Message, MessageList, TargetList
from tidewire.core.time import format_datetime, now
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.messaging import operations
from tidewire.services.messaging.events import MESSAGE_CREATED, MESSAGE_DELETED, MESSAGE_UPDATED
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.lists.search import search_text
from tidewire.store.records import messages as records
from tidewire.store.records.messages import MESSAGES, find_message
from tidewire.store.records.targets import TARGETS, target_of

_MESSAGES: Final = "/messaging/messages"
_MESSAGE: Final = "/messaging/messages/{messageId}"
_ENDED: Final = {
    "processing": "message_already_processing",
    "sent": "message_already_sent",
    "failed": "message_already_failed",
}
_SEARCHED: Final = ("subject", "title", "body", "content")
_TO: Final = ("topics", "users", "targets")


@operations.read("listMessages", "GET", _MESSAGES, scopes=("messages.read",))
def list_messages(
    connection: Connection,
    _: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(MESSAGES.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> MessageList:
    """List the messages of the project."""
    count, rows = list_rows(connection, MESSAGES, queries, search, (), total)
    return MessageList(total=count, messages=[message_of(row) for row in rows])


@operations.read("getMessage", "GET", _MESSAGE, scopes=("messages.read",))
def get_message(connection: Connection, _: Context, message_id: ResourceId) -> Message:
    """Get a message, and what became of it."""
    return message_of(find_message(connection, message_id))


@operations.read("listTargets", "GET", "/messaging/messages/{messageId}/targets", scopes=("messages.read",))
def list_targets(
    connection: Connection,
    _: Context,
    message_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(TARGETS.attributes))] = (),
    total: Boolean = True,
) -> TargetList:
    """List the targets that a message names itself."""
    message = find_message(connection, message_id)
    count, rows = records.list_targets_of(connection, message, queries, total)
    return TargetList(total=count, targets=[target_of(row) for row in rows])


@operations.write("delete", "DELETE", _MESSAGE, scopes=("messages.write",), event=MESSAGE_DELETED)
def delete_message(transaction: Transaction, context: Context, message_id: ResourceId) -> None:
    """Delete a message; who has not had it yet will not get it."""
    row = find_message(transaction.connection, message_id)
    _refuse_begun(row)
    _published(transaction, context, MESSAGE_DELETED, row)
    records.delete_message(transaction.connection, row)


def message_of(row: Row[Any]) -> Message:
    """The message as the API shows it."""
    return shown(
        Message,
        row,
        scheduled_at=format_datetime(row.scheduled_at) if row.scheduled_at else None,
        delivered_at=format_datetime(row.delivered_at) if row.delivered_at else None,
    )


def create_message(
    transaction: Transaction,
    context: Context,
    provider_type: str,
    message_id: str,
    to: Mapping[str, Sequence[str]],
    data: Mapping[str, Any],
    draft: bool,
    scheduled_at: int | None,
) -> Message:
    """Add a message and plan its delivery; ``to`` has topics, users and targets."""
    connection = transaction.connection
    _check(connection, context, provider_type, to, data, draft=draft)
    status = "draft" if draft else "scheduled" if scheduled_at else "processing"
    new_id = chosen_id(message_id)
    row = records.insert_message(
        connection,
        new_id,
        provider_type=provider_type,
        status=status,
        data=dict(data),
        scheduled_at=scheduled_at or 0,
        search=_search(new_id, data),
        **{name: list(dict.fromkeys(to[name])) for name in _TO},
    )
    _plan(context, connection, row)
    return _published(transaction, context, MESSAGE_CREATED, row)


def update_message(
    transaction: Transaction,
    context: Context,
    provider_type: str,
    message_id: str,
    to: Mapping[str, Sequence[str] | None],
    data: Mapping[str, Any],
    draft: bool | None,
    scheduled_at: int | None,
) -> Message:
    """Change what is given (not None) of a message that is not being delivered yet."""
    connection = transaction.connection
    row = find_message(connection, message_id)
    if row.provider_type != provider_type:
        raise TidewireError("message_not_found", f"There is no {provider_type} message with this id.")
    if row.status in _ENDED:
        raise TidewireError(_ENDED[row.status], f"The message is {row.status}: it can be changed no more.")
    _refuse_begun(row)
    status = row.status
    if draft is not None or scheduled_at is not None:
        status = "draft" if draft else "scheduled" if scheduled_at else "processing"
    if status == "scheduled" and not (scheduled_at or row.scheduled_at):
        raise TidewireError("message_missing_schedule", "A scheduled message needs the time `scheduledAt`.")
    new_to = {name: getattr(row, name) if to[name] is None else to[name] for name in _TO}
    new_data = {**row.data, **{name: value for name, value in data.items() if value is not None}}
    _check(connection, context, provider_type, new_to, new_data, draft=status == "draft")
    changed = records.change_message(
        connection,
        row,
        status=status,
        data=new_data,
        scheduled_at=scheduled_at or row.scheduled_at,
        search=_search(row.id, new_data),
        **{name: list(dict.fromkeys(new_to[name] or ())) for name in _TO},
    )
    _plan(context, connection, changed)
    return _published(transaction, context, MESSAGE_UPDATED, changed)


def _check(
    connection: Connection,
    context: Context,
    provider_type: str,
    to: Mapping[str, Sequence[str] | None],
    data: Mapping[str, Any],
    *,
    draft: bool,
) -> None:
    """Refuse a message to nobody, to too many, or to targets that there are not."""
    most = context.settings.messaging_max_listed
    lists = {**to, **{name: data.get(name) for name in ("cc", "bcc", "attachments")}}
    for name, listed in lists.items():
        if listed and len(listed) > most:
            raise TidewireError(
                "general_argument_invalid",
                f"Invalid `{name}` param: Value must have at most {most} elements.",
            )
    if not draft and not any(to.values()):
        raise TidewireError("message_missing_target", "The message needs topics, users or targets to go to.")
    named = list(dict.fromkeys([*(to["targets"] or ()), *(data.get("cc") or ()), *(data.get("bcc") or ())]))
    if records.count_targets(connection, named, provider_type) < len(named):
        raise TidewireError(
            f"message_target_not_{provider_type}",
            f"Not all targets that the message names are there and of the type {provider_type}.",
        )


def _plan(context: Context, connection: Connection, row: Row[Any]) -> None:
    """Put a message in line, or take it out."""
    due_at = {"processing": now(), "scheduled": row.scheduled_at}.get(row.status)
    records.plan_delivery(connection, row, due_at)
    if due_at is not None and records.count_deliveries(connection) > context.settings.messaging_queue:
        raise TidewireError(
            "general_rate_limit_exceeded",
            f"{context.settings.messaging_queue} messages of this project wait already; try again later.",
            limit="messages",
        )


def _refuse_begun(row: Row[Any]) -> None:
    """Refuse a message whose time has come."""
    if row.status == "scheduled" and row.scheduled_at <= now():
        raise TidewireError("message_already_scheduled", "The time of this message has come.")


def _search(message_id: str, data: Mapping[str, Any]) -> str:
    return search_text(message_id, *(str(data[name]) for name in _SEARCHED if data.get(name)))


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> Message:
    message = message_of(row)
    publish(transaction, context, pattern, {"messageId": row.id}, message)
    return message
