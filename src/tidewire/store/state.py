"""Single named values of a database."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from tidewire.store.schema import state


def read_state(connection: Connection, name: str) -> str | None:
    """The value called ``name``; None if it was never written."""
    return connection.scalar(select(state.c.value).where(state.c.name == name))


def write_state(connection: Connection, name: str, value: str) -> None:
    """Set the value called ``name``."""
    changed = connection.execute(update(state).where(state.c.name == name).values(value=value))
    if changed.rowcount == 0:
        connection.execute(insert(state).values(name=name, value=value))


def delete_state(connection: Connection, name: str) -> None:
    """Forget the value called ``name``."""
    connection.execute(delete(state).where(state.c.name == name))
