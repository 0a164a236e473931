"""New indexes: the checks of what clients ask for, how long they may be, and their descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tidewire.core.checks.lists import Items
from tidewire.core.checks.names import KeyName
from tidewire.core.checks.texts import Text
from tidewire.core.columns import ALL_KINDS, DOCUMENT_KINDS, KINDS, ColumnKind
from tidewire.core.documents import path_of
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.services.databases.dialects import DOCUMENTS, STRUCTURED, VECTORS, Dialect, DialectCall
from tidewire.services.databases.parameters import Length, Order
from tidewire.services.databases.schema_changes import complete
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.rows import insert_row, rows_of
from tidewire.store.schema import user_columns, user_indexes
from tidewire.store.user_tables.fields import INDEXED_FIELDS
from tidewire.store.user_tables.steps import is_small
from tidewire.store.user_tables.tables import DOCUMENT

MAX_INDEXES: Final = 64
"""Indexes that a table may have."""
TYPES: Final = {
    **dict.fromkeys(STRUCTURED, ("key", "fulltext", "unique", "spatial")),
    DOCUMENTS: ("key", "fulltext", "unique"),
    VECTORS: ("hnsw_euclidean", "hnsw_dot", "hnsw_cosine", "object", "key", "unique"),
}
"""The types of indexes that each dialect has."""
BOUNDED: Final = frozenset({"key", "unique"})
"""Types of indexes whose length is bounded."""


class Extent(NamedTuple):
    """The kind and size of the values of a column."""

    kind: ColumnKind
    size: int
    """Characters that its texts may have."""


_SYSTEM: Final = {
    **dict.fromkeys(INDEXED_FIELDS, Extent(KINDS["integer"], 0)),
    "$id": Extent(KINDS["varchar"], 36),
}


@dataclass(frozen=True)
class IndexDefinition:
    """An index as a client describes it."""

    key: str
    type: str
    columns: Sequence[str]
    orders: Sequence[str] = ()
    lengths: Sequence[int] = ()


def read_index(dialect: Dialect, given: Mapping[str, Any]) -> IndexDefinition:
    """Read an index from the request that creates its table. Raises ``general_argument_invalid``."""
    try:
        columns = given.get("columns", given.get("attributes"))
        definition = IndexDefinition(
            Text(1, 36).convert(given.get("key")),
            Text(1, 16).convert(given.get("type")).lower(),
            Items(Text(1, 36)).convert(columns),
            Items(Order()).convert(given.get("orders") or []),
            Items(Length()).convert(given.get("lengths") or []),
        )
    except InvalidParameterError as error:
        raise TidewireError("general_argument_invalid", f"Invalid `indexes` param: {error}") from None
    if definition.type not in TYPES[dialect]:
        message = f"Invalid `indexes` param: type is one of {', '.join(TYPES[dialect])}."
        raise TidewireError("general_argument_invalid", message)
    return definition


def define_index(
    transaction: Transaction, call: DialectCall, table: int, definition: IndexDefinition
) -> Row[Any]:
    """Describe a new index, which is still to be made.

    Raises ``column_index_limit_exceeded``; then ``column_unknown``, ``column_not_available`` or
    ``column_index_invalid``; then ``column_index_already_exists``.
    """
    connection, dialect = transaction.connection, call.dialect
    described = rows_of(connection, user_indexes, table_sequence=table)
    if len(described) >= MAX_INDEXES:
        raise dialect.error("column_index_limit_exceeded", f"There can be at most {MAX_INDEXES} indexes.")
    _require_columns(connection, call, table, definition)
    if definition.key in {row.key for row in described}:
        raise dialect.error("column_index_already_exists", "This index already exists: choose another key.")
    return insert_row(
        connection,
        user_indexes,
        table_sequence=table,
        key=definition.key,
        type=definition.type,
        status="processing",
        columns=list(definition.columns),
        orders=list(definition.orders),
        lengths=list(definition.lengths),
    )


def make_if_small(transaction: Transaction, call: DialectCall, row: Row[Any]) -> None:
    """Make an index at once if that does not take long."""
    if is_small(transaction.connection, row.table_sequence):
        complete(transaction, call, user_indexes, row)


def require_fitting_indexes(connection: Connection, call: DialectCall, column: Row[Any], size: int) -> None:
    """Refuse a size that makes an index of the column too long: ``column_index_invalid``."""
    extents = _extents(rows_of(connection, user_columns, table_sequence=column.table_sequence))
    extents[column.key] = extents[column.key]._replace(size=size)
    for index in rows_of(connection, user_indexes, table_sequence=column.table_sequence):
        if column.key in index.columns:
            _require_lengths(call, index.type, extents, index.columns, index.lengths)


def _require_columns(
    connection: Connection, call: DialectCall, table: int, definition: IndexDefinition
) -> None:
    keys, dialect = list(definition.columns), call.dialect
    if not keys or len({key.lower() for key in keys}) < len(keys):
        raise _invalid(dialect, "An index needs columns, each once.")
    if dialect is not DOCUMENTS and max(len(definition.orders), len(definition.lengths)) > len(keys):
        raise _invalid(dialect, "An index cannot have more orders or lengths than columns.")
    columns = {row.key: row for row in rows_of(connection, user_columns, table_sequence=table)}
    for key in keys:
        if key not in INDEXED_FIELDS or definition.type not in {"key", "unique"}:
            _require_column(dialect, columns, key, definition)
    _require_lengths(call, definition.type, _extents(columns.values()), keys, definition.lengths)


def _extents(columns: Iterable[Row[Any]]) -> dict[str, Extent]:
    """What can be in the indexes of a table, by key: not relationships, and not members of documents."""
    return _SYSTEM | {
        row.key: Extent(ALL_KINDS[row.kind], row.size) for row in columns if row.kind in ALL_KINDS
    }


def _require_lengths(
    call: DialectCall,
    index_type: str,
    extents: Mapping[str, Extent],
    keys: Sequence[str],
    lengths: Sequence[int],
) -> None:
    """Refuse an index that is too long, or lengths that its columns do not have: ``column_index_invalid``."""
    total = 0
    for place, key in enumerate(keys):
        extent = extents.get(key)
        if extent is None:
            continue
        given = lengths[place] if place < len(lengths) else 0
        is_text = extent.kind.storage == "text"
        if given and not is_text:
            raise _invalid(call.dialect, f"The column {key} is no text: no length of it can be in an index.")
        if given < 0:
            raise _invalid(call.dialect, f"The length of the column {key} must not be negative.")
        if is_text and given > extent.size:
            raise _invalid(
                call.dialect, f"The column {key} has {extent.size} characters, and its length is {given}."
            )
        total += (given or extent.size) if is_text else 2 if extent.kind.storage == "float" else 1
    greatest = call.context.settings.index_length_max
    if index_type in BOUNDED and total > greatest:
        message = f"The index has a length of {total}, and {greatest} is the most. Give lengths of its texts."
        raise _invalid(call.dialect, message)


def _require_column(
    dialect: Dialect, columns: Mapping[str, Row[Any]], key: str, definition: IndexDefinition
) -> None:
    if not key.startswith("$") and key not in columns and _is_member(columns, key):
        _require_indexable_member(dialect, key, definition)
        return
    if key.startswith("$") or key not in columns:
        raise dialect.error("column_unknown", dialect.word(f"There is no column {key}."))
    if columns[key].status not in {"available", "processing"}:
        raise dialect.error("column_not_available", dialect.word(f"The column {key} is not ready."))
    _require_indexable(dialect, columns[key], definition)


def _is_member(columns: Mapping[str, Row[Any]], key: str) -> bool:
    """Whether a key is a path into documents, or into an object that is a column."""
    first, found, _ = key.partition(".")
    within = found and first in columns and columns[first].kind == "object"
    return bool(within) or (DOCUMENT in columns and first not in columns)


def _require_indexable_member(dialect: Dialect, key: str, definition: IndexDefinition) -> None:
    if path_of(key) is None or not KeyName(36).pattern.fullmatch(key):
        raise _invalid(dialect, f"The column {key[:64]} is no path of names, with periods between them.")
    if definition.type not in {"key", "unique", "fulltext"}:
        raise _invalid(dialect, f"The column {key} cannot be in an index of type {definition.type}.")


def _require_indexable(dialect: Dialect, column: Row[Any], definition: IndexDefinition) -> None:
    if column.kind == RELATIONSHIP:
        raise _invalid(dialect, f"The column {column.key} is a relationship: it has an index of its own.")
    kind = ALL_KINDS[column.kind]
    if kind.name in DOCUMENT_KINDS:
        _require_right_type(dialect, column, definition)
        return
    if column.array:
        raise _invalid(dialect, f"The column {column.key} is an array: it cannot be in an index.")
    if column.options.get("encrypt"):
        raise _invalid(dialect, f"The column {column.key} is encrypted: it cannot be in an index.")
    if definition.type == "fulltext" and kind.storage != "text":
        raise _invalid(dialect, f"The column {column.key} is no text: it cannot be searched for words.")
    if (definition.type == "spatial") != (kind.shape is not None):
        raise _invalid(dialect, "Shapes are in indexes of type spatial, and nothing else is.")
    if definition.type == "spatial" and len(definition.columns) > 1:
        raise _invalid(dialect, "An index of type spatial has one column.")


def _require_right_type(dialect: Dialect, column: Row[Any], definition: IndexDefinition) -> None:
    of_vectors = definition.type.startswith("hnsw_")
    if of_vectors != (column.kind == "vector") or definition.type in {"key", "unique"}:
        message = f"The column {column.key} cannot be in an index of type {definition.type}."
        raise dialect.error("column_type_invalid", dialect.word(message))
    if len(definition.columns) > 1:
        raise _invalid(dialect, f"An index of type {definition.type} has one column.")


def _invalid(dialect: Dialect, message: str) -> TidewireError:
    return dialect.error("column_index_invalid", dialect.word(message))
