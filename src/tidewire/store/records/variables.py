"""Rows of variables: those of the project and those of single functions. Values are sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import variables as table

LIST: Final = resource_list(
    table, "resourceType", "resourceId", "key", "secret", searchable=(table.c.id, table.c.key)
)
_OF: Final = (
    table.c.resource_type == bindparam("resource_type"),
    table.c.resource_id == bindparam("resource"),
)
_ALL: Final = select(table).where(*_OF).order_by(table.c.sequence)
_BY_ID: Final = select(table).where(*_OF, table.c.id == bindparam("id"))
_ID: Final = select(table.c.sequence).where(table.c.id == bindparam("id"))
_KEY: Final = select(table.c.sequence).where(*_OF, table.c.key == bindparam("key"))


def insert_variable(connection: Connection, values: Mapping[str, Any]) -> None:
    """Write a new variable."""
    connection.execute(insert(table), dict(values))


def update_variable(connection: Connection, sequence: int, values: Mapping[str, Any]) -> None:
    """Change a variable."""
    connection.execute(update(table).where(table.c.sequence == sequence).values(values))


def delete_variable(connection: Connection, sequence: int) -> None:
    """Delete a variable."""
    connection.execute(delete(table).where(table.c.sequence == sequence))


def delete_variables_of(connection: Connection, resource_type: str, resource_id: str) -> None:
    """Delete all variables of a resource."""
    connection.execute(
        delete(table).where(table.c.resource_type == resource_type, table.c.resource_id == resource_id)
    )


def variable_row(connection: Connection, resource_type: str, resource_id: str, id_: str) -> Row[Any] | None:
    """A variable of a resource."""
    values = {"resource_type": resource_type, "resource": resource_id, "id": id_}
    return connection.execute(_BY_ID, values).one_or_none()


def variable_rows(connection: Connection, resource_type: str, resource_id: str) -> Sequence[Row[Any]]:
    """All variables of a resource, the oldest first."""
    return connection.execute(_ALL, {"resource_type": resource_type, "resource": resource_id}).all()


def variable_exists(connection: Connection, id_: str) -> bool:
    """Whether any resource has a variable of this id."""
    return connection.execute(_ID, {"id": id_}).first() is not None


def key_is_taken(
    connection: Connection, resource_type: str, resource_id: str, key: str, but: int = 0
) -> bool:
    """Whether a resource has a variable of this name, other than the one with the sequence ``but``."""
    values = {"resource_type": resource_type, "resource": resource_id, "key": key}
    return any(sequence != but for (sequence,) in connection.execute(_KEY, values))


def list_variables(
    connection: Connection, resource_type: str, resource_id: str, queries: Sequence[str], total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the variables of a resource, and how many there are."""
    where = (table.c.resource_type == resource_type, table.c.resource_id == resource_id)
    return list_rows(connection, LIST, queries, "", where, total)
