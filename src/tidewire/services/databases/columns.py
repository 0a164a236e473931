"""Columns: listed, created, changed and deleted while the table is in use.

Columns of each kind are created and changed by two operations of their own, whose parameters follow from what
the kind can do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import Items, QueryList
from tidewire.core.checks.names import KeyName, ResourceId
from tidewire.core.checks.numbers import Boolean, Int64, TrueOrFalse, Whole
from tidewire.core.checks.texts import Text
from tidewire.core.columns import KINDS, ColumnKind
from tidewire.core.models import AnyAttribute, AnyColumn, Column, ColumnList
from tidewire.core.operations import Method, named_parameters
from tidewire.core.parameters import Check, Parameter
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.services.databases.column_definitions import (
    MAX_SIZE,
    ColumnDefinition,
    complete_if_small,
    define_column,
    redefine_column,
)
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import DialectCall, as_model
from tidewire.services.databases.events import COLUMN, COLUMN_EVENTS
from tidewire.services.databases.parameters import ColumnKey, Geometry, Number, ValueOf
from tidewire.services.databases.records import COLUMN_MODELS, column_model, find_column, find_table_row
from tidewire.services.databases.relationship_definitions import delete_relationship
from tidewire.services.databases.schema_changes import schema_change
from tidewire.services.databases.units import unit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.descriptions import COLUMN_LIST
from tidewire.store.records.rows import rows_of, update_row
from tidewire.store.schema import user_columns, user_indexes
from tidewire.store.user_tables.changes import drop_index
from tidewire.store.user_tables.steps import new_version

WRITE: Final = ("tables.write", "collections.write", "columns.write", "attributes.write")
_READ: Final = ("tables.read", "collections.read", "columns.read", "attributes.read")
PATH: Final = "/{databaseId}/tables/{tableId}/columns"
_KEY_PATH: Final = f"{PATH}/{{key}}"

_DEFAULTS: Final = {"array?": False, "encrypt?": False}
_OPTIONS: Final = ("min", "max", "elements", "encrypt")
_Arguments = dict[str, Any]


@declare("listColumns", "GET", PATH, scopes=_READ)
@unit
def list_columns(
    connection: Connection,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(COLUMN_LIST.attributes))] = (),
    total: Boolean = True,
) -> ColumnList:
    """List the columns of a table."""
    table = find_table_row(connection, call, database_id, table_id)
    count, rows = list_rows(connection, COLUMN_LIST, queries, "", (), total, table_sequence=table.sequence)
    columns = [column_model(call.dialect, row) for row in rows]
    return as_model(call.dialect, ColumnList, {"total": count, "columns": columns})


@declare("getColumn", "GET", _KEY_PATH, scopes=_READ, model=AnyColumn, older_model=AnyAttribute)
@unit
def get_column(
    connection: Connection, call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> Column:
    """Get a column."""
    return column_model(call.dialect, find_column(connection, call, database_id, table_id, key)[1])


@declare("deleteColumn", "DELETE", _KEY_PATH, scopes=WRITE, event=f"{COLUMN}.update")
@schema_change
def delete_column(
    transaction: Transaction, call: DialectCall, database_id: ResourceId, table_id: ResourceId, key: ColumnKey
) -> None:
    """Delete a column with its values, and the indexes that it is in."""
    connection = transaction.connection
    table, row = find_column(connection, call, database_id, table_id, key)
    if row.status == "deleting":
        return
    if row.kind == RELATIONSHIP:
        delete_relationship(transaction, call, row)
        return
    for index in rows_of(connection, user_indexes, table_sequence=table.sequence):
        if key in index.columns:
            drop_index(connection, index)
    row = update_row(connection, user_columns, row.sequence, status="deleting", progress=0)
    new_version(connection, table.sequence)
    COLUMN_EVENTS.publish(transaction, call, table, row, "update")
    complete_if_small(transaction, call, row)


@schema_change
def create_column(
    transaction: Transaction, call: DialectCall, database_id: str, table_id: str, definition: ColumnDefinition
) -> Column:
    """Create a column."""
    checked = definition.checked(call.dialect)
    table = find_table_row(transaction.connection, call, database_id, table_id)
    row = define_column(transaction, call, table.sequence, checked)
    COLUMN_EVENTS.publish(transaction, call, table, row, "create")
    complete_if_small(transaction, call, row)
    # The answer has the status before the column is ready, which clients wait for.
    return column_model(call.dialect, row)


@unit
def update_column(
    transaction: Transaction,
    call: DialectCall,
    database_id: str,
    table_id: str,
    definition: ColumnDefinition,
    new_key: str | None,
) -> Column:
    """Change a column; ``definition`` has its present key, and no size if that stays."""
    connection, dialect, kind = transaction.connection, call.dialect, definition.kind
    table, row = find_column(connection, call, database_id, table_id, definition.key)
    if row.status != "available":
        raise dialect.error("column_not_available", dialect.word("The column is not ready."))
    if row.kind != kind.name:
        raise dialect.error("column_type_invalid", dialect.word("The column is not of this type."))
    kept = {name: row.options[name] for name in ("encrypt",) if name in row.options}
    changed = replace(
        definition,
        key=new_key or row.key,
        array=row.array,
        size=definition.size or (row.size if kind.resizable else 0),
        options={**definition.options, **kept},
    ).checked(dialect)
    row = redefine_column(connection, call, row, changed)
    COLUMN_EVENTS.publish(transaction, call, table, row, "update")
    return column_model(dialect, row)


def _declare(kind: ColumnKind) -> None:
    """Declare the operations on columns of a kind, in both dialects."""

    def create(call: DialectCall, /, database_id: str, table_id: str, **given: Any) -> Awaitable[Column]:
        return create_column(call, database_id, table_id, _definition(kind, given))

    def change(
        call: DialectCall, /, database_id: str, table_id: str, new_key: str | None, **given: Any
    ) -> Awaitable[Column]:
        return update_column(call, database_id, table_id, _definition(kind, given), new_key)

    create.__doc__ = f"Create a column of kind {kind.name}."
    change.__doc__ = f"Change a column of kind {kind.name}."
    name = "BigInt" if kind.name == "bigint" else kind.name.capitalize()
    model = COLUMN_MODELS[kind.name]
    path, key_path = f"{PATH}/{kind.name}", f"{PATH}/{kind.name}/{{key}}"
    declare(
        f"create{name}Column",
        "POST",
        path,
        scopes=WRITE,
        status=202,
        model=model,
        event=f"{COLUMN}.create",
        parameters=_parameters(kind, "POST", path, new=True),
    )(create)
    declare(
        f"update{name}Column",
        "PATCH",
        key_path,
        scopes=WRITE,
        model=model,
        event=f"{COLUMN}.update",
        parameters=_parameters(kind, "PATCH", key_path, new=False),
    )(change)


def _definition(kind: ColumnKind, given: _Arguments) -> ColumnDefinition:
    return ColumnDefinition(
        given["key"],
        kind,
        given["required"],
        given["default"],
        given.get("array", False),
        given.get("size") or 0,
        {name: given[name] for name in _OPTIONS if name in given},
    )


def _parameters(kind: ColumnKind, method: Method, path: str, *, new: bool) -> tuple[Parameter, ...]:
    """The parameters of the operation that creates a column of a kind, or changes one."""
    common: _Arguments = {
        "database_id": ResourceId,
        "table_id": ResourceId,
        "key": ColumnKey,
        "required": _annotation(TrueOrFalse()),
        **_own_parameters(kind, new=new),
    }
    # A request that changes a column must give its default; only for shapes it is optional.
    optional = new or kind.shape is not None
    common["default?" if optional else "default"] = _annotation(_default_check(kind), nullable=True)
    if new and not kind.shape:
        common["array?"] = _annotation(TrueOrFalse())
    if not new:
        common["new_key?"] = _annotation(KeyName(36), nullable=True)
    defaults = {name.rstrip("?"): _DEFAULTS.get(name) for name in common if name.endswith("?")}
    return named_parameters(method, path, {name.rstrip("?"): each for name, each in common.items()}, defaults)


def _own_parameters(kind: ColumnKind, *, new: bool) -> _Arguments:
    """The parameters that only some kinds have: name to annotation; ``?`` marks optional ones."""
    own: _Arguments = {}
    if kind.resizable:
        size = Whole(1, MAX_SIZE[kind.name])
        own["size" if new else "size?"] = _annotation(size, nullable=not new)
    if kind.format == "enum":
        own["elements"] = _annotation(Items(Text(1, 255)))
    if kind.bounded:
        check = Int64() if kind.storage == "integer" else Number()
        own |= {"min?": _annotation(check, nullable=True), "max?": _annotation(check, nullable=True)}
    if kind.encryptable and new:
        own["encrypt?"] = _annotation(TrueOrFalse())
    return own


def _default_check(kind: ColumnKind) -> Check:
    if kind.shape:
        return Geometry(kind.shape)
    if kind.format in {"email", "ip", "url", "datetime"}:
        return ValueOf(kind.name, kind.format)
    checks: dict[str, Check] = {"integer": Int64(), "float": Number(), "boolean": TrueOrFalse()}
    return checks.get(kind.storage) or Text(1 if kind.format == "enum" else 0)


def _annotation(check: Check, *, nullable: bool = False) -> Any:
    annotated = Annotated[Any, check]
    return annotated | None if nullable else annotated


for _kind in KINDS.values():
    _declare(_kind)
