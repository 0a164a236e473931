"""Tables of presences and of the connections that keep them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, String, Table, Text

from tidewire.store.schema.columns import (
    ID_LENGTH,
    Milliseconds,
    Sequence,
    json,
    project_metadata,
    resource,
    text,
)

presences = Table(
    "presences",
    project_metadata,
    *resource(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("user_internal_id", Text, nullable=False),  # the user's sequence, as text
    json("permissions", list),
    Column("status", Text, nullable=False),
    text("source"),  # rest, graphql or realtime
    Column("expires_at", Milliseconds, nullable=False, index=True),
    json("metadata", dict),
)

presence_connections = Table(
    "presence_connections",
    project_metadata,
    Column("presence_sequence", ForeignKey("presences.sequence", ondelete="CASCADE"), primary_key=True),
    # Not a reference to a table: processes come and go (tidewire.store.machine.processes).
    Column("process", String(ID_LENGTH), primary_key=True),
    Column("connection", Sequence, primary_key=True, autoincrement=False),  # number within the process
    sqlite_with_rowid=False,
)
"""Connections that wrote a presence and are open; it ends with the last of them."""
