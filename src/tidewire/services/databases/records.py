"""Databases, tables, columns and indexes by their descriptions: found, and shown as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidewire.core import models
from tidewire.core.columns import ALL_KINDS, KINDS
from tidewire.core.errors import TidewireError
from tidewire.core.models import Column, ColumnIndex, Table
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.services.answers import shown_fields
from tidewire.services.databases.dialects import Dialect, DialectCall, as_model
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.descriptions import find_described_table
from tidewire.store.records.rows import find_row, rows_of
from tidewire.store.schema import databases, user_columns, user_indexes
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.tables import DOCUMENT, UserTable


def find_database(connection: Connection, call: DialectCall, database_id: str) -> Row[Any]:
    """A database; disabled ones exist only for keys. Raises ``database_not_found``."""
    row = find_row(connection, databases, id=database_id)
    served = row is not None and row.type in call.dialect.reaches
    if row is None or not served or not (row.enabled or call.context.caller.bypasses_permissions):
        raise database_not_found()
    return row


def find_table_row(connection: Connection, call: DialectCall, database_id: str, table_id: str) -> Row[Any]:
    """The description of a table, with the type of its database.

    Raises ``database_not_found`` or ``table_not_found``.
    """
    database = find_database(connection, call, database_id)
    row = find_described_table(connection, database_sequence=database.sequence, id=table_id)
    if row is None or not (row.enabled or call.context.caller.bypasses_permissions):
        raise table_not_found(call.dialect)
    return row


def find_column(
    connection: Connection, call: DialectCall, database_id: str, table_id: str, key: str
) -> tuple[Row[Any], Row[Any]]:
    """The descriptions of a table and of one of its columns.

    Raises ``database_not_found``, ``table_not_found`` or ``column_not_found``.
    """
    table = find_table_row(connection, call, database_id, table_id)
    row = find_row(connection, user_columns, table_sequence=table.sequence, key=key)
    if row is None:
        raise call.dialect.error("column_not_found", call.dialect.word("There is no such column."))
    return table, row


def find_index(
    connection: Connection, call: DialectCall, database_id: str, table_id: str, key: str
) -> tuple[Row[Any], Row[Any]]:
    """The descriptions of a table and of one of its indexes.

    Raises ``database_not_found``, ``table_not_found`` or ``column_index_not_found``.
    """
    table = find_table_row(connection, call, database_id, table_id)
    row = find_row(connection, user_indexes, table_sequence=table.sequence, key=key)
    if row is None:
        raise call.dialect.error("column_index_not_found", "There is no such index.")
    return table, row


def find_user_table(connection: Connection, call: DialectCall, database_id: str, table_id: str) -> UserTable:
    """A table as its rows need it. Raises ``database_not_found`` or ``table_not_found``."""
    context = call.context
    disabled = context.caller.bypasses_permissions
    table = find_table(connection, context.encryption, database_id, table_id, disabled=disabled)
    if table is None or table.database_type not in call.dialect.reaches:
        find_database(connection, call, database_id)
        raise table_not_found(call.dialect)
    return table


def table_of(connection: Connection, dialect: Dialect, row: Row[Any], database_id: str) -> Table:
    """A table as the API shows it."""
    indexes = rows_of(connection, user_indexes, table_sequence=row.sequence)
    columns = columns_shown(dialect, rows_of(connection, user_columns, table_sequence=row.sequence))
    parts = {**columns, "indexes": [index_model(dialect, each) for each in indexes]}
    shown = shown_fields(Table, row, database_id=database_id, **parts)
    return as_model(dialect, Table, shown)


def columns_shown(dialect: Dialect, described: Sequence[Row[Any]]) -> dict[str, Any]:
    """The columns of a table as the API shows them, without the one that holds documents as a whole."""
    shown: dict[str, Any] = {
        "columns": [column_model(dialect, column) for column in described if column.key != DOCUMENT]
    }
    for column in described:
        if column.kind == "vector":
            shown["dimension"] = column.size
    return shown


COLUMN_MODELS: Final[Mapping[str, type[Column]]] = {
    **{name: getattr(models, f"Column{name.capitalize()}") for name in KINDS},
    "object": models.AttributeObject,
    "vector": models.AttributeVector,
    RELATIONSHIP: models.ColumnRelationship,
}
"""The models of columns by their kind."""
_OPTIONS: Final[Mapping[str, Any]] = {
    "default": None,
    "elements": [],
    "encrypt": False,
    "min": None,
    "max": None,
}
"""What the columns of only some kinds have, where their descriptions do not say it."""


def column_model(dialect: Dialect, row: Row[Any]) -> Column:
    """The column as the API shows it."""
    model = COLUMN_MODELS[row.kind]
    kind = ALL_KINDS.get(row.kind)
    known = {**_OPTIONS, "size": row.size, "format": kind and kind.format, **row.options}
    own = {name: known[name] for name in model.__struct_fields__ if name in known}
    return as_model(dialect, model, shown_fields(Column, row, **own))


def index_model(dialect: Dialect, row: Row[Any]) -> ColumnIndex:
    """The index as the API shows it."""
    count = len(row.columns)
    orders, lengths = _filled(row.orders, count, "asc"), _filled(row.lengths, count, 0)
    shown = shown_fields(ColumnIndex, row, id=row.key, orders=orders, lengths=lengths)
    return as_model(dialect, ColumnIndex, shown)


def _filled(values: Sequence[Any], count: int, default: object) -> list[Any]:
    """A value for each column, whatever was left out."""
    given = [default if value is None else value for value in values][:count]
    return given + [default] * (count - len(given))


def database_not_found() -> TidewireError:
    """The error for a database that does not exist, at least for the caller."""
    return TidewireError("database_not_found", "There is no database with this id.")


def table_not_found(dialect: Dialect) -> TidewireError:
    """The error for a table that does not exist, at least for the caller."""
    word = dialect.word("table")
    return dialect.error("table_not_found", f"There is no {word} with this id in this database.")
