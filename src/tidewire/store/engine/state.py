"""Single named values of a database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.schema import state

_READ: Final = Prepared(select(state.c.value).where(state.c.name == bindparam("name")))
_CHANGE: Final = Prepared(
    update(state).where(state.c.name == bindparam("own")).values(value=bindparam("new"))
)


def read_state(connection: Connection, name: str) -> str | None:
    """The value called ``name``; None if it was never written."""
    rows = _READ.fetch(connection, {"name": name})
    return rows[0][0] if rows else None


def write_state(connection: Connection, name: str, value: str) -> None:
    """Set the value called ``name``."""
    changed = _CHANGE.execute(connection, {"own": name, "new": value})
    if changed.rowcount == 0:
        connection.execute(insert(state).values(name=name, value=value))


def delete_state(connection: Connection, name: str) -> None:
    """Forget the value called ``name``."""
    connection.execute(delete(state).where(state.c.name == name))
