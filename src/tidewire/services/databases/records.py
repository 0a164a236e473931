"""Descriptions of databases, tables, columns and indexes: found, and turned into what the API answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, select

from tidewire.core import models
from tidewire.core.columns import ALL_KINDS, DOCUMENT_KINDS, KINDS, ColumnKind
from tidewire.core.errors import TidewireError
from tidewire.core.models import Column, ColumnIndex, ColumnRelationship, Database, Table
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.databases.dialects import Dialect, DialectCall, as_model
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import databases, user_columns, user_indexes, user_tables
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.tables import DOCUMENT, UserTable


def find_database(connection: Connection, call: DialectCall, database_id: str) -> Row[Any]:
    """A database; disabled ones exist only for keys. Raises ``database_not_found``."""
    row = connection.execute(select(databases).where(databases.c.id == database_id)).one_or_none()
    served = row is not None and row.type in call.dialect.reaches
    if row is None or not served or not (row.enabled or call.context.caller.bypasses_permissions):
        raise database_not_found()
    return row


def find_table_row(connection: Connection, call: DialectCall, database_id: str, table_id: str) -> Row[Any]:
    """The description of a table, with the type of its database.

    Raises ``database_not_found`` or ``table_not_found``.
    """
    database = find_database(connection, call, database_id)
    row = connection.execute(
        select(user_tables, databases.c.type.label("database_type"), databases.c.id.label("database_id"))
        .join(databases, databases.c.sequence == user_tables.c.database_sequence)
        .where(user_tables.c.database_sequence == database.sequence, user_tables.c.id == table_id)
    ).one_or_none()
    if row is None or not (row.enabled or call.context.caller.bypasses_permissions):
        raise table_not_found(call.dialect)
    return row


def find_user_table(connection: Connection, call: DialectCall, database_id: str, table_id: str) -> UserTable:
    """A table as its rows need it. Raises ``database_not_found`` or ``table_not_found``."""
    context = call.context
    disabled = context.caller.bypasses_permissions
    table = find_table(connection, context.encryption, database_id, table_id, disabled=disabled)
    if table is None or table.database_type not in call.dialect.reaches:
        find_database(connection, call, database_id)
        raise table_not_found(call.dialect)
    return table


def columns_of(connection: Connection, table: int) -> list[Row[Any]]:
    """The descriptions of all columns of a table, the oldest first."""
    described = select(user_columns).where(user_columns.c.table_sequence == table)
    return list(connection.execute(described.order_by(user_columns.c.sequence)))


def indexes_of(connection: Connection, table: int) -> list[Row[Any]]:
    """The descriptions of all indexes of a table, the oldest first."""
    described = select(user_indexes).where(user_indexes.c.table_sequence == table)
    return list(connection.execute(described.order_by(user_indexes.c.sequence)))


def database_of(row: Row[Any]) -> Database:
    """The database as the API shows it."""
    return shown(Database, row)


def table_of(connection: Connection, dialect: Dialect, row: Row[Any], database_id: str) -> Table:
    """The table as the API shows it."""
    return as_model(
        dialect,
        Table,
        {
            "id": row.id,
            "created_at": format_datetime(row.created_at),
            "updated_at": format_datetime(row.updated_at),
            "permissions": row.permissions,
            "database_id": database_id,
            "name": row.name,
            "enabled": row.enabled,
            "row_security": row.row_security,
            **columns_shown(dialect, columns_of(connection, row.sequence)),
            "indexes": [index_model(dialect, index) for index in indexes_of(connection, row.sequence)],
        },
    )


def columns_shown(dialect: Dialect, described: Sequence[Row[Any]]) -> dict[str, Any]:
    """The columns of a table as the API shows them; that of the members of documents is nobody's business."""
    shown: dict[str, Any] = {
        "columns": [column_model(dialect, column) for column in described if column.key != DOCUMENT]
    }
    for column in described:
        if column.kind == "vector":
            shown["dimension"] = column.size
    return shown


COLUMN_MODELS: Final[Mapping[str, type[Column]]] = {
    name: getattr(models, f"Column{name.capitalize()}") for name in KINDS
} | {"object": models.AttributeObject, "vector": models.AttributeVector}
"""By kind."""


def column_model(dialect: Dialect, row: Row[Any]) -> Column:
    """The column as the API shows it."""
    options: dict[str, Any] = row.options
    fields = {
        "key": row.key,
        "type": row.type,
        "status": row.status,
        "error": row.error,
        "required": row.required,
        "array": row.array,
        "created_at": format_datetime(row.created_at),
        "updated_at": format_datetime(row.updated_at),
    }
    if row.kind == RELATIONSHIP:
        return as_model(dialect, ColumnRelationship, fields | options)
    kind = ALL_KINDS[row.kind]
    if row.kind in DOCUMENT_KINDS:
        if row.kind == "vector":
            fields["size"] = row.size
        return COLUMN_MODELS[row.kind](**fields)
    shown: Column = dialect.model(COLUMN_MODELS[row.kind])(**fields, **_fields_of_kind(kind, row))
    return shown


def _fields_of_kind(kind: ColumnKind, row: Row[Any]) -> dict[str, Any]:
    """What columns of only some kinds have."""
    options: dict[str, Any] = row.options
    fields = {"default": options.get("default")}
    if kind.format:
        fields["format"] = kind.format
    if kind.format == "enum":
        fields["elements"] = options.get("elements", [])
    if kind.resizable:
        fields["size"] = row.size
    if kind.encryptable:
        fields["encrypt"] = options.get("encrypt", False)
    if kind.bounded:
        fields |= {"min": options.get("min"), "max": options.get("max")}
    return fields


def index_model(dialect: Dialect, row: Row[Any]) -> ColumnIndex:
    """The index as the API shows it."""
    count = len(row.columns)
    return as_model(
        dialect,
        ColumnIndex,
        {
            "id": row.key,
            "created_at": format_datetime(row.created_at),
            "updated_at": format_datetime(row.updated_at),
            "key": row.key,
            "type": row.type,
            "status": row.status,
            "error": row.error,
            "columns": row.columns,
            "lengths": _filled(row.lengths, count, 0),
            "orders": _filled(row.orders, count, "asc"),
        },
    )


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
