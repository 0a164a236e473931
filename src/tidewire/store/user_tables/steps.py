"""Steps of changes of users' tables that take long: how far one of them goes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table, func, select, update

from tidewire.core.ids import unique_id
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import user_tables
from tidewire.store.user_tables.tables import sql_table

STEP_ROWS: Final = 1000
"""The most rows that one step changes."""
SMALL_TABLE: Final = 2000
"""The most rows of a table that is changed at once, in the request that asks for it."""


def new_version(connection: Connection, sequence: int) -> None:
    """Note that a table, or a part of its description, has changed: it has another version now."""
    changed = update(user_tables).where(user_tables.c.sequence == sequence)
    connection.execute(changed.values(version=unique_id()))


def is_small(connection: Connection, table: int) -> bool:
    """Whether a table can be changed at once."""
    rows = sql_table(table, ()).c
    some = select(rows.sequence).limit(SMALL_TABLE + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= SMALL_TABLE


def reach(connection: Connection, rows: Table, progress: int) -> int | None:
    """The last row of the next step; None if there are no further rows."""
    following = select(rows.c.sequence).where(rows.c.sequence > progress).order_by(rows.c.sequence)
    reached: int | None = connection.scalar(
        select(func.max(following.limit(STEP_ROWS).subquery().c.sequence))
    )
    return reached
