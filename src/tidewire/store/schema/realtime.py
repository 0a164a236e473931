"""Tables of realtime: how far subscriptions have got, so that they can be recovered."""

from __future__ import annotations

from sqlalchemy import DDL, Column, Index, String, Table, event

from tidewire.store.schema.columns import ID_LENGTH, Sequence, flag, project_metadata, time

realtime_positions = Table(
    "realtime_positions",
    project_metadata,
    Column("subject", String(ID_LENGTH + 4), primary_key=True),  # a user, key:…, or empty for guests
    Column("id", String(ID_LENGTH), primary_key=True),  # of the subscription
    Column("process", String(ID_LENGTH), nullable=False),
    Column("connection", Sequence, nullable=False, default=0, server_default="0"),  # number in the process
    Column("wants", String(32), nullable=False),  # digest of channels and queries
    Column("epoch", String(16), nullable=False),  # of the log
    Column("position", Sequence, nullable=False),  # everything up to this offset has arrived
    flag("exact", False),  # the position of the process does not count
    time("lost_at"),
    flag("page", False),  # of the positions of the process, that of pages counts
    flag("away", False),  # it was the browser that ended the connection
    Index(None, "process"),
    Index(None, "lost_at"),
    sqlite_with_rowid=False,
)
"""Subscriptions that a client may make again under the same id."""

for _trigger in (
    (
        "CREATE TRIGGER realtime_positions_inserted AFTER INSERT ON realtime_positions BEGIN "
        "INSERT INTO state (name, value) VALUES ('realtime_positions.count', 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1; END"
    ),
    (
        "CREATE TRIGGER realtime_positions_deleted AFTER DELETE ON realtime_positions BEGIN "
        "UPDATE state SET value = value - 1 WHERE name = 'realtime_positions.count'; END"
    ),
):
    # How many there are is asked at each writing: a count would read them all.
    event.listen(realtime_positions, "after_create", DDL(_trigger))  # type: ignore[no-untyped-call]

realtime_processes = Table(
    "realtime_processes",
    project_metadata,
    Column("process", String(ID_LENGTH), primary_key=True),
    Column("position", Sequence, nullable=False),  # that all its subscriptions have reached, unless exact
    Column("pages", Sequence, nullable=False, default=0, server_default="0"),  # the same for those of pages
    sqlite_with_rowid=False,
)
