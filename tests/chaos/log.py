"""The event log of a server, read from its database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.chaos.ledger import Row
from tests.support.server import TidewireServer


def rows_in_log(server: TidewireServer) -> list[Row]:
    """The rows that were created, in the order of their events."""
    database = server.data_dir / "projects" / server.project / "database.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        events = connection.execute(
            "SELECT payload, roles FROM event_log WHERE pattern LIKE '%rows%create%' ORDER BY offset"
        ).fetchall()
    rows = []
    for payload, roles in events:
        row = json.loads(payload)
        (audience,) = json.loads(roles)
        rows.append(Row(row["$id"], audience, row["shard"]))
    return rows
