"""Until when a unit of work may read.

SQLite asks about it while it works on a statement. A unit of many small statements, or one that works on what
it has read, asks itself.
"""

from __future__ import annotations

import time

from tidewire.core.errors import TidewireError
from tidewire.store.engine.connection import Connection


def check_time(connection: Connection) -> None:
    """Raise ``database_timeout`` if the unit of work that reads on ``connection`` has taken too long."""
    if time.monotonic() > connection.deadline:
        raise too_long()


def too_long() -> TidewireError:
    """Return the error for a read that took too long."""
    return TidewireError("database_timeout", "The query took too long; narrow it down.")
