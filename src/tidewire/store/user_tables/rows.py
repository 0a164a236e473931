"""Rows written and found, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from sqlalchemy import Delete, Insert, Select, Update, bindparam, delete, func, insert, select, update

from tidewire.core.permissions import roles_granted
from tidewire.core.row_operators import Operator
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.failures import duplicate_of
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.operators import operated
from tidewire.store.user_tables.staging import written
from tidewire.store.user_tables.tables import SYSTEM_COLUMNS, UserTable

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str]).decode


class DuplicateRowError(Exception):
    """Raised where there is a row with the same id."""


class DuplicateValueError(Exception):
    """Raised where there is a row with the same values of a unique index."""


class Changes(msgspec.Struct, eq=False):
    """The changes of a row."""

    values: dict[str, Any] = msgspec.field(default_factory=dict)
    """Values by key, which the rules of their columns accepted."""
    operators: dict[str, Operator] = msgspec.field(default_factory=dict)
    """Operators by key."""
    related: dict[str, list[str | dict[str, Any]]] = msgspec.field(default_factory=dict)
    """The rows that the row is to be related to by key, as clients write them: ids, and rows to be
    written."""
    keys: dict[str, int | None] = msgspec.field(default_factory=dict)
    """Sequences of related rows, by name in SQL."""
    permissions: list[str] | None = None
    """The new permissions; None if they stay."""
    created_at: int | None = None
    updated_at: int = 0


def insert_row(
    connection: Connection, table: UserTable, row_id: str, permissions: Sequence[str], changes: Changes
) -> int:
    """Write a new row and return its sequence.

    Raises :class:`DuplicateRowError` or :class:`DuplicateValueError`.
    """
    table = written(connection, table)
    values: dict[str, Any] = {
        "id": row_id,
        "created_at": changes.created_at or changes.updated_at,
        "updated_at": changes.updated_at,
        "permissions": _encode(permissions).decode(),
    }
    for key, column in table.columns.items():
        values[column.name] = column.stored(changes.values.get(key), table.encryption)
    for name in table.keys:
        values[name] = changes.keys.get(name)
    with _duplicates_told():
        found = table.prepared("insert", lambda: _insert(table)).fetch(connection, values)
    sequence: int = found[0][0]
    _add_readers(connection, table, sequence, permissions)
    return sequence


def update_row(connection: Connection, table: UserTable, row: StoredRow, changes: Changes) -> StoredRow:
    """Change a row, which is as it was read in this unit of work, and return what it became.

    Raises :class:`DuplicateValueError`, and :class:`NoResultError` of an operator.
    """
    table = written(connection, table, row[0])
    values: dict[str, Any] = {"of_sequence": row[0], "updated_at": changes.updated_at}
    if changes.created_at is not None:
        values["created_at"] = changes.created_at
    if changes.permissions is not None:
        values["permissions"] = _encode(changes.permissions).decode()
    for key, value in changes.values.items():
        column = table.columns[key]
        values[column.name] = column.stored(value, table.encryption)
    if changes.operators:
        stored = dict(zip(table.columns, row[len(SYSTEM_COLUMNS) :], strict=True))
        for key, operator in changes.operators.items():
            column = table.columns[key]
            values[column.name] = operated(column, stored[key], operator)
    values |= changes.keys
    shape = (
        "update",
        tuple(changes.values),
        tuple(changes.keys),
        tuple(changes.operators),
        changes.permissions is not None,
        changes.created_at is not None,
    )
    with _duplicates_told():
        changed = table.prepared(shape, lambda: _update(table, changes)).fetch(connection, values)[0]
    if changes.permissions is not None and changes.permissions != permissions_of(row):
        _remove_readers(connection, table, row[0])
        _add_readers(connection, table, row[0], changes.permissions)
    return changed


def delete_row(connection: Connection, table: UserTable, sequence: int) -> None:
    """Delete a row."""
    table = written(connection, table, sequence)
    table.prepared("delete", lambda: _delete(table)).execute(connection, {"of_sequence": sequence})
    _remove_readers(connection, table, sequence)


def find_row(connection: Connection, table: UserTable, row_id: str) -> StoredRow | None:
    """The row with an id, with all its columns, whoever asks."""
    found = table.prepared("find", lambda: _find(table)).fetch(connection, {"of_id": row_id})
    return found[0] if found else None


def find_state(connection: Connection, table: UserTable, row_id: str) -> tuple[Any, ...] | None:
    """Return all that stands in the row with an id, the sequences of rows that it names included, after a
    stored row."""
    statement = table.prepared(
        "state",
        lambda: select(*all_columns(table), *(table.rows.c[name] for name in table.keys)).where(
            table.rows.c.id == bindparam("of_id")
        ),
    )
    found = statement.fetch(connection, {"of_id": row_id})
    return found[0] if found else None


def count_stored_rows(connection: Connection, table: UserTable) -> int:
    """The number of all rows of the table."""
    return connection.scalar(select(func.count()).select_from(table.rows)) or 0


def permissions_of(row: StoredRow) -> list[str]:
    """The permissions of a row."""
    return _decode(row[4])


def all_columns(table: UserTable) -> tuple[Any, ...]:
    """Return the columns that a :data:`StoredRow` with all columns holds."""
    rows = table.rows.c
    names = (*SYSTEM_COLUMNS, *(column.name for column in table.columns.values()))
    return tuple(rows[name] for name in names)


def _insert(table: UserTable) -> Insert:
    names = [column.name for column in table.rows.c if column.name != "sequence"]
    values: Mapping[str, Any] = {name: bindparam(name) for name in names}
    return insert(table.rows).values(values).returning(table.rows.c.sequence)


def _update(table: UserTable, changes: Changes) -> Update:
    values: dict[str, Any] = {"updated_at": bindparam("updated_at")}
    if changes.created_at is not None:
        values["created_at"] = bindparam("created_at")
    if changes.permissions is not None:
        values["permissions"] = bindparam("permissions")
    for key in (*changes.values, *changes.operators):
        values[table.columns[key].name] = bindparam(table.columns[key].name)
    values |= {name: bindparam(name) for name in changes.keys}
    changed = update(table.rows).where(table.rows.c.sequence == bindparam("of_sequence"))
    return changed.values(values).returning(*all_columns(table))


def _delete(table: UserTable) -> Delete:
    return delete(table.rows).where(table.rows.c.sequence == bindparam("of_sequence"))


def _find(table: UserTable) -> Select[Any]:
    return select(*all_columns(table)).where(table.rows.c.id == bindparam("of_id"))


def _add_readers(connection: Connection, table: UserTable, sequence: int, permissions: Sequence[str]) -> None:
    if not permissions:
        return
    statement = table.prepared("readers", lambda: _insert_reader(table))
    for role in roles_granted(permissions, "read"):
        statement.fetch(connection, {"of_role": role, "of_row": sequence})


def _remove_readers(connection: Connection, table: UserTable, sequence: int) -> None:
    statement = table.prepared(
        "no readers", lambda: delete(table.readers).where(table.readers.c.row == bindparam("of_row"))
    )
    statement.execute(connection, {"of_row": sequence})


def _insert_reader(table: UserTable) -> Insert:
    return insert(table.readers).values(role=bindparam("of_role"), row=bindparam("of_row"))


_OF_ID: Final = ".id"


@contextmanager
def _duplicates_told() -> Iterator[None]:
    """Raise :class:`DuplicateRowError` or :class:`DuplicateValueError` where a unique index refuses a row."""
    try:
        yield
    except Exception as error:
        duplicate = duplicate_of(error)
        if duplicate is None:
            raise
        raise (DuplicateRowError if duplicate.endswith(_OF_ID) else DuplicateValueError) from None
