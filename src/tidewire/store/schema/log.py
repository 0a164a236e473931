"""Tables of the event log and of what follows from it: webhooks, messages to people and their templates."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from tidewire.store.schema.columns import (
    ID_LENGTH,
    Bytes,
    Milliseconds,
    Sequence,
    flag,
    json,
    number,
    project_metadata,
    resource,
    sequence,
    text,
    time,
)

event_log = Table(
    "event_log",
    project_metadata,
    Column("offset", Sequence, primary_key=True, autoincrement=True),
    Column("timestamp", Milliseconds, nullable=False),
    Column("pattern", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # JSON object, its order kept
    Column("database_type", String(16), nullable=False),
    Column("channels", Text, nullable=False),  # JSON array
    Column("roles", Text, nullable=False),  # JSON array
    Column("payload", LargeBinary, nullable=False),  # JSON object, UTF-8
    Column("user_id", String(ID_LENGTH), nullable=False),
    Column("permissions_changed", Boolean, nullable=False),
    Column("audience", String(ID_LENGTH), nullable=False),
    Column("actor_id", String(ID_LENGTH), nullable=False, server_default=""),
    Column("size", Integer, nullable=False),
    # Sum of `size` from the beginning of the log through this row: tells the size of the log without a scan.
    Column("cumulative_size", Bytes, nullable=False),
    sqlite_autoincrement=True,
)

event_secrets = Table(
    "event_secrets",
    project_metadata,
    sequence(),
    Column("offset", Sequence, nullable=False, unique=True),  # of the event in the log
    Column("user_id", String(ID_LENGTH), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("expires_at", Milliseconds, nullable=False),
)
"""One-time secrets that webhooks get with an event (:mod:`tidewire.store.records.event_secrets`)."""

state = Table(
    "state",
    project_metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Single values: the log's epoch, how far it was trimmed, how far object storage was swept, and so on."""

webhooks = Table(
    "webhooks",
    project_metadata,
    *resource(),
    text("name"),
    Column("url", Text, nullable=False),
    json("events", list),
    flag("tls", True),  # whether the certificate is checked
    text("auth_username"),
    text("auth_password"),  # sealed (tidewire.store.secrets.encryption)
    text("secret"),  # sealed; signs what is delivered
    flag("enabled", True),
    number("attempts"),  # failures in a row, as the API shows them
    text("logs"),  # of the last failure
    Column("position", Sequence, nullable=False, default=0, server_default="0"),  # offset delivered up to
    number("failures"),  # of the delivery that is due
    time("next_attempt_at"),
)

outgoing_messages = Table(
    "outgoing_messages",
    project_metadata,
    sequence(),
    Column("created_at", Milliseconds, nullable=False),
    Column("channel", String(8), nullable=False),  # mail or sms
    Column("recipient", Text, nullable=False),
    text("recipient_name"),
    text("subject"),
    text("html"),  # sealed, as the text is: they hold links and codes
    text("text"),
    json("sender", dict),  # what differs from the usual sender
    Column("state", String(8), nullable=False, default="waiting", server_default="waiting"),  # or failed
    number("attempts"),
    time("next_attempt_at"),
    text("last_error"),
    Index(None, "state", "next_attempt_at"),
)
"""Mails and text messages that are to be sent; a row is deleted when its message was."""

email_templates = Table(
    "email_templates",
    project_metadata,
    sequence(),
    Column("template_id", String(32), nullable=False),  # of tidewire.core.email_templates.TEMPLATE_IDS
    Column("locale", String(16), nullable=False),
    text("subject"),
    text("message"),
    text("sender_name"),
    text("sender_email"),
    text("reply_to_email"),
    text("reply_to_name"),
    number("size"),  # bytes of the message
    UniqueConstraint("template_id", "locale"),
)
"""Texts of mails that replace the built-in ones."""
