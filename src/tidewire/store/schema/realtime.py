"""Tables of realtime: how far subscriptions have got, so that they can be recovered."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from tidewire.store.schema.columns import ID_LENGTH, Sequence, flag, number, project_metadata, time

realtime_positions = Table(
    "realtime_positions",
    project_metadata,
    Column("subject", String(ID_LENGTH + 4), primary_key=True),  # a user, key:…, or empty for guests
    Column("id", String(ID_LENGTH), primary_key=True),  # of the subscription
    Column("process", String(ID_LENGTH), nullable=False),
    number("connection"),
    Column("wants", String(32), nullable=False),  # digest of channels and queries
    Column("epoch", String(16), nullable=False),  # of the log
    Column("position", Sequence, nullable=False),  # everything up to this offset has arrived
    flag("exact", False),  # the position of the process does not count
    time("lost_at"),
    Index(None, "process"),
    Index(None, "lost_at"),
    sqlite_with_rowid=False,
)
"""Subscriptions that a client may make again under the same id."""

realtime_processes = Table(
    "realtime_processes",
    project_metadata,
    Column("process", String(ID_LENGTH), primary_key=True),
    Column("position", Sequence, nullable=False),  # that all its subscriptions have reached, unless exact
    sqlite_with_rowid=False,
)
