"""The audit log: what users did with their accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, func, insert, select

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import MAX_TOTAL, fetch_page
from tidewire.store.schema import audit_log

_INSERT: Final = insert(audit_log)


def insert_entry(connection: Connection, user_id: str, event: str, **circumstances: str) -> None:
    """Write that a user did something now; ``circumstances`` are the columns that describe the client."""
    connection.execute(_INSERT, {"user_id": user_id, "event": event, "time": now(), **circumstances})


def entries_of(
    connection: Connection, user_id: str, limit: int, offset: int, *, total: bool
) -> tuple[int, Sequence[Row[Any]]]:
    """A page of what a user did, the newest first, and how much there is (0 if ``total`` is false)."""
    own = select(audit_log).where(audit_log.c.user_id == user_id)
    page = own.order_by(audit_log.c.sequence.desc()).limit(limit).offset(offset)
    rows = fetch_page(connection, page, limit)
    if not total:
        return 0, rows
    some = own.with_only_columns(audit_log.c.sequence).limit(MAX_TOTAL).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0, rows
