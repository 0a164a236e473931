"""Messages with history that were sent with an idempotency key: what to answer when they are sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import sent_messages

_FIND: Final = select(sent_messages).where(
    sent_messages.c.channel == bindparam("in_channel"),
    sent_messages.c.publisher == bindparam("by_publisher"),
    sent_messages.c.key == bindparam("with_key"),
)


@dataclass(frozen=True)
class SentMessage:
    """What is known of a message that was sent."""

    digest: str
    """The digest of its payload."""
    id: str
    created_at: int
    """Milliseconds since the epoch."""
    offset: int
    """The offset in the event log; 0: it is not in the log."""


def find_sent(connection: Connection, channel: str, publisher: str, key: str) -> SentMessage | None:
    """What this publisher sent on the channel with this key, if that is still known."""
    row = connection.execute(
        _FIND, {"in_channel": channel, "by_publisher": publisher, "with_key": key}
    ).one_or_none()
    if row is None or row.expires_at <= now():
        return None
    return SentMessage(row.digest, row.message_id, row.created_at, row.offset)


def note_sent(
    connection: Connection, channel: str, publisher: str, key: str, sent: SentMessage, expires_at: int
) -> None:
    """Remember a message until ``expires_at``, milliseconds since the epoch."""
    table = sent_messages.c
    connection.execute(
        delete(sent_messages).where(table.channel == channel, table.publisher == publisher, table.key == key)
    )
    connection.execute(
        insert(sent_messages),
        {
            "channel": channel,
            "publisher": publisher,
            "key": key,
            "digest": sent.digest,
            "message_id": sent.id,
            "created_at": sent.created_at,
            "offset": sent.offset,
            "expires_at": expires_at,
        },
    )
