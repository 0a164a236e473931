"""How long indexes may be: what their columns take in them, and what of a text is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row

from tidewire.core.columns import ALL_KINDS, KINDS, ColumnKind
from tidewire.core.errors import TidewireError
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.records import columns_of, indexes_of
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.indexed_fields import INDEXED_FIELDS

BOUNDED: Final = frozenset({"key", "unique"})
"""Types of indexes that have a greatest length."""


class Extent(NamedTuple):
    """What a column holds."""

    kind: ColumnKind
    size: int
    """Characters that its texts may have."""


_SYSTEM: Final = {
    **dict.fromkeys(INDEXED_FIELDS, Extent(KINDS["integer"], 0)),
    "$id": Extent(KINDS["varchar"], 36),
}


def extents_of(connection: Connection, table: int) -> dict[str, Extent]:
    """What can be in indexes of a table, by key; relationships and members of documents cannot."""
    columns = {
        row.key: Extent(ALL_KINDS[row.kind], row.size)
        for row in columns_of(connection, table)
        if row.kind in ALL_KINDS
    }
    return _SYSTEM | columns


def require_lengths(
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
            raise _invalid(call, f"The column {key} is no text: no length of it can be in an index.")
        if given < 0:
            raise _invalid(call, f"The length of the column {key} must not be negative.")
        if is_text and given > extent.size:
            raise _invalid(call, f"The column {key} has {extent.size} characters, and its length is {given}.")
        total += (given or extent.size) if is_text else 2 if extent.kind.storage == "float" else 1
    greatest = call.context.settings.index_length_max
    if index_type in BOUNDED and total > greatest:
        message = f"The index has a length of {total}, and {greatest} is the most. Give lengths of its texts."
        raise _invalid(call, message)


def require_fitting_indexes(connection: Connection, call: DialectCall, column: Row[Any], size: int) -> None:
    """Refuse a size of a column that the indexes which it is in do not allow: ``column_index_invalid``."""
    extents = extents_of(connection, column.table_sequence)
    extents[column.key] = extents[column.key]._replace(size=size)
    for index in indexes_of(connection, column.table_sequence):
        if column.key in index.columns:
            require_lengths(call, index.type, extents, index.columns, index.lengths)


def _invalid(call: DialectCall, message: str) -> TidewireError:
    return call.dialect.error("column_index_invalid", call.dialect.word(message))
