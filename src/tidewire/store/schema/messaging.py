"""Tables of messaging: providers, topics and their subscribers, messages and their delivery."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint

from tidewire.store.schema.columns import (
    ID_LENGTH,
    flag,
    json,
    number,
    project_metadata,
    resource,
    text,
    time,
)

providers = Table(
    "providers",
    project_metadata,
    *resource(),
    text("name"),
    Column("provider", String(32), nullable=False),  # smtp, twilio, fcm and so on
    Column("type", String(16), nullable=False),  # email, sms or push
    flag("enabled", True),
    text("credentials"),  # a JSON object, sealed
    json("options", dict),
)

topics = Table(
    "topics",
    project_metadata,
    *resource(),
    text("name"),
    json("subscribe", list),  # roles that may
    number("email_total"),
    number("sms_total"),
    number("push_total"),
)

subscribers = Table(
    "subscribers",
    project_metadata,
    *resource(),
    Column("topic_id", ForeignKey("topics.id", ondelete="CASCADE"), nullable=False),
    Column("target_id", ForeignKey("targets.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("user_id", String(ID_LENGTH), nullable=False),
    Column("provider_type", String(16), nullable=False),
    UniqueConstraint("topic_id", "target_id"),
)

messages = Table(
    "messages",
    project_metadata,
    *resource(),
    Column("provider_type", String(16), nullable=False),
    text("status"),
    json("topics", list),
    json("users", list),
    json("targets", list),
    json("data", dict),  # what is to be told, as it was given
    time("scheduled_at"),
    time("delivered_at"),
    number("delivered_total"),
    json("delivery_errors", list),
    text("search"),
)

message_deliveries = Table(
    "message_deliveries",
    project_metadata,
    Column(
        "message_sequence",
        ForeignKey("messages.sequence", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    time("due_at"),  # when it begins
    flag("begun", False),  # all recipients are in the table of recipients
    time("served_at"),  # when a batch of it was sent last
    number("failed_total"),
    Index(None, "begun", "due_at"),
)
"""Messages that wait to be delivered, or are being."""

message_recipients = Table(
    "message_recipients",
    project_metadata,
    Column(
        "message_sequence",
        ForeignKey("message_deliveries.message_sequence", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "target_sequence",
        ForeignKey("targets.sequence", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    time("due_at"),
    number("attempts"),
    flag("sending", False),
    Index(None, "message_sequence", "sending", "due_at"),
    Index(None, "sending", "due_at"),
    sqlite_with_rowid=False,
)
"""Who has not had a message yet; who has had it, or cannot have it, goes out of the table."""
