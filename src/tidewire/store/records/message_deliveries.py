"""The queue of messages that are delivered: who has not had them yet, and how it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, delete, exists, func, select, update

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.dialect import upsert
from tidewire.store.records.messages import IDS_AT_ONCE
from tidewire.store.records.rows import find_row, update_row
from tidewire.store.schema import message_deliveries as deliveries
from tidewire.store.schema import message_recipients as recipients
from tidewire.store.schema import messages, subscribers, targets

MAX_ERRORS: Final = 100
"""Errors that are kept of a message."""
PAGE: Final = 1000
"""Recipients that are added in one transaction."""

_ANY: Final = select(deliveries.c.message_sequence).limit(1)
_NEXT_BEGIN: Final = select(func.min(deliveries.c.due_at)).where(deliveries.c.begun.is_(False))
_NEXT_RECIPIENT: Final = select(func.min(recipients.c.due_at)).where(recipients.c.sending.is_(False))
_WITHOUT_RECIPIENTS: Final = (
    select(messages)
    .join(deliveries, deliveries.c.message_sequence == messages.c.sequence)
    .where(
        deliveries.c.begun,
        ~exists().where(recipients.c.message_sequence == deliveries.c.message_sequence),
    )
    .limit(1)
)


@dataclass
class Outcome:
    """What became of some recipients, by the numbers of their targets."""

    delivered: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    """The reasons of those that failed for good."""
    later: dict[int, int] = field(default_factory=dict)
    """The times at which others are to be tried again, in milliseconds since the epoch."""
    expired: list[int] = field(default_factory=list)
    """Those that failed because the device is reached there no more."""


def next_delivery_at(connection: Connection) -> int | None:
    """Return when something is to be done for messages; None: never."""
    if connection.execute(_ANY).first() is None:
        return None
    times = [connection.scalar(_NEXT_BEGIN), connection.scalar(_NEXT_RECIPIENT)]
    if connection.execute(_WITHOUT_RECIPIENTS).first() is not None:
        times.append(now())
    return min((time for time in times if time is not None), default=None)


def release_recipients(transaction: Transaction) -> None:
    """Have those tried again whom an earlier process was about to tell."""
    sending = update(recipients).where(recipients.c.sending)
    transaction.connection.execute(sending.values(sending=False, due_at=now()))


def any_sending(connection: Connection) -> bool:
    """Whether somebody is marked as being told just now."""
    return (
        connection.execute(select(recipients.c.target_sequence).where(recipients.c.sending)).first()
        is not None
    )


def next_to_begin(connection: Connection, moment: int) -> Row[Any] | None:
    """The message whose delivery is to begin; None: there is none."""
    wanted = (
        select(messages)
        .join(deliveries, deliveries.c.message_sequence == messages.c.sequence)
        .where(deliveries.c.begun.is_(False), deliveries.c.due_at <= moment)
        .order_by(deliveries.c.due_at)
        .limit(1)
    )
    return connection.execute(wanted).first()


def without_recipients(connection: Connection) -> Row[Any] | None:
    """A message whose delivery has begun, and whom nobody waits for any more."""
    return connection.execute(_WITHOUT_RECIPIENTS).first()


def page_of_topic(
    connection: Connection, message: Row[Any], topic_id: str, after: int
) -> list[tuple[int, int]]:
    """The next subscribers of a topic, each with the number of its target."""
    found = connection.execute(
        select(subscribers.c.sequence, targets.c.sequence)
        .join(targets, targets.c.id == subscribers.c.target_id)
        .where(
            subscribers.c.topic_id == topic_id,
            subscribers.c.provider_type == message.provider_type,
            subscribers.c.sequence > after,
            targets.c.expired.is_(False),
        )
        .order_by(subscribers.c.sequence)
        .limit(PAGE)
    )
    return [(row[0], row[1]) for row in found]


def page_of_named(
    connection: Connection, message: Row[Any], column: str, ids: Sequence[str], after: int
) -> list[int]:
    """The numbers of the next targets of some users (``user_id``), or with some ids (``id``)."""
    found = (
        select(targets.c.sequence)
        .where(
            targets.c[column].in_(ids),
            targets.c.provider_type == message.provider_type,
            targets.c.expired.is_(False),
            targets.c.sequence > after,
        )
        .order_by(targets.c.sequence)
        .limit(PAGE)
    )
    return list(connection.scalars(found))


def parts_of(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Ids in parts that a statement can ask for."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]


def add_recipients(connection: Connection, message: Row[Any], target_sequences: Sequence[int]) -> None:
    """Put targets in line for a message, each once; nobody if the message was deleted or withdrawn."""
    if target_sequences and find_row(connection, deliveries, message_sequence=message.sequence) is not None:
        rows = [
            {"message_sequence": message.sequence, "target_sequence": target, "due_at": 0}
            for target in target_sequences
        ]
        connection.execute(upsert(recipients).on_conflict_do_nothing(), rows)


def begin_delivery(connection: Connection, message: Row[Any]) -> None:
    """Note that all recipients of a message are in line."""
    of = deliveries.c.message_sequence == message.sequence
    connection.execute(update(deliveries).where(of).values(begun=True))


def take_batch(connection: Connection, moment: int, most: int) -> tuple[Row[Any], Sequence[Row[Any]]] | None:
    """The recipients to be told next, of the message that was served longest ago; None: nobody is due.

    They count as being told until :func:`settle` says otherwise.
    """
    due = exists().where(
        recipients.c.message_sequence == deliveries.c.message_sequence,
        recipients.c.sending.is_(False),
        recipients.c.due_at <= moment,
    )
    message = connection.execute(
        select(messages)
        .join(deliveries, deliveries.c.message_sequence == messages.c.sequence)
        .where(deliveries.c.begun, due)
        .order_by(deliveries.c.served_at, deliveries.c.message_sequence)
        .limit(1)
    ).first()
    if message is None:
        return None
    batch = connection.execute(
        select(targets, recipients.c.attempts)
        .join(targets, targets.c.sequence == recipients.c.target_sequence)
        .where(
            recipients.c.message_sequence == message.sequence,
            recipients.c.sending.is_(False),
            recipients.c.due_at <= moment,
        )
        .order_by(recipients.c.due_at, recipients.c.target_sequence)
        .limit(most)
    ).all()
    taken = recipients.c.target_sequence.in_([row.sequence for row in batch])
    of_message = recipients.c.message_sequence == message.sequence
    connection.execute(
        update(recipients).where(of_message, taken).values(sending=True, attempts=recipients.c.attempts + 1)
    )
    served = select(func.max(deliveries.c.served_at) + 1).scalar_subquery()
    connection.execute(
        update(deliveries).where(deliveries.c.message_sequence == message.sequence).values(served_at=served)
    )
    return message, batch


def settle(connection: Connection, message: Row[Any], outcome: Outcome, errors: Sequence[str]) -> None:
    """Write down what became of a batch; ``errors`` are for people."""
    of_message = recipients.c.message_sequence == message.sequence
    for target, due_at in outcome.later.items():
        later = update(recipients).where(of_message, recipients.c.target_sequence == target)
        connection.execute(later.values(sending=False, due_at=due_at))
    done = [*outcome.delivered, *outcome.failed]
    for start in range(0, len(done), IDS_AT_ONCE):
        some = recipients.c.target_sequence.in_(done[start : start + IDS_AT_ONCE])
        connection.execute(delete(recipients).where(of_message, some))
    if outcome.expired:
        connection.execute(
            update(targets).where(targets.c.sequence.in_(outcome.expired)).values(expired=True)
        )
    current = find_row(connection, messages, sequence=message.sequence)
    if current is None or not done:  # the message was deleted meanwhile, or nothing is decided
        return
    values: dict[str, Any] = {"delivered_total": current.delivered_total + len(outcome.delivered)}
    if errors:
        values["delivery_errors"] = [*current.delivery_errors, *errors][:MAX_ERRORS]
    connection.execute(update(messages).where(messages.c.sequence == message.sequence).values(values))
    failed = deliveries.c.failed_total + len(outcome.failed)
    of_delivery = deliveries.c.message_sequence == message.sequence
    connection.execute(update(deliveries).where(of_delivery).values(failed_total=failed))


def end_delivery(connection: Connection, message: Row[Any], values: Mapping[str, Any]) -> Row[Any] | None:
    """End the delivery of a message; the message as it is then, None if it was deleted meanwhile."""
    connection.execute(delete(deliveries).where(deliveries.c.message_sequence == message.sequence))
    if find_row(connection, messages, sequence=message.sequence) is None:
        return None
    return update_row(connection, messages, message.sequence, **values)


def message_of_delivery(connection: Connection, message: Row[Any]) -> Row[Any]:
    """The message that is being delivered, as it is now."""
    return connection.execute(select(messages).where(messages.c.sequence == message.sequence)).one()


def is_over(connection: Connection, message: Row[Any]) -> Row[Any] | None:
    """The delivery of a message if it has begun and nobody waits for it any more; else None."""
    delivery = find_row(connection, deliveries, message_sequence=message.sequence)
    left = select(recipients.c.target_sequence).where(recipients.c.message_sequence == message.sequence)
    if delivery is None or not delivery.begun or connection.execute(left.limit(1)).first() is not None:
        return None
    return delivery
