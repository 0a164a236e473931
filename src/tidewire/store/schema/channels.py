"""Tables of custom channels: the rules, and the messages that were sent with an idempotency key."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, UniqueConstraint

from tidewire.store.schema.columns import (
    HASH_LENGTH,
    ID_LENGTH,
    Milliseconds,
    Sequence,
    created,
    flag,
    json,
    number,
    project_metadata,
    sequence,
)

_NAME_LENGTH = 128

channel_rules = Table(
    "channel_rules",
    project_metadata,
    sequence(),
    Column("id", String(_NAME_LENGTH), nullable=False, unique=True),  # a name, or a family: chat.*
    *created(),
    json("read", list),
    json("publish", list),
    flag("history", False),
    flag("presence", False),
    number("rate"),
    number("publisher_rate"),
)

sent_messages = Table(
    "sent_messages",
    project_metadata,
    sequence(),
    Column("channel", String(_NAME_LENGTH), nullable=False),
    Column("publisher", String(ID_LENGTH + 8), nullable=False),
    Column("key", String(64), nullable=False),
    Column("digest", String(HASH_LENGTH), nullable=False),  # of the payload
    Column("message_id", String(ID_LENGTH), nullable=False),
    Column("created_at", Milliseconds, nullable=False),
    Column("offset", Sequence, nullable=False),  # in the event log
    Column("expires_at", Milliseconds, nullable=False, index=True),
    UniqueConstraint("channel", "publisher", "key"),
)
"""Messages with history that had an idempotency key, for as long as sending them again is noticed."""
