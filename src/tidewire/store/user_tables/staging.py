"""The table that rows are written to: the real one, or on a staging connection the overlay over it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from tidewire.store.engine import staging
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import Indexed
from tidewire.store.user_tables import names
from tidewire.store.user_tables.fields import INDEXED_FIELDS
from tidewire.store.user_tables.members import column_and_path
from tidewire.store.user_tables.relations import Relation, pairs_table
from tidewire.store.user_tables.tables import UserTable

_KEYS = {"fulltext": staging.WORDS_KEY, "spatial": staging.BOXES_KEY}
"""The columns that hold the sequence of the row, by the types of the indexes that are tables."""


def written(connection: Connection, table: UserTable, sequence: int | None = None) -> UserTable:
    """The table to write to instead of ``table``, the row of this sequence being there already."""
    if not connection.is_staging:
        return table
    rows, readers = table.rows.name, table.readers.name
    if not staging.is_overlaid(connection, rows):
        beside = {readers: "row", names.vectors_table(table.sequence): "row"}
        for index in table.indexes:
            if index.type in _KEYS:
                beside[names.index_name(table.sequence, index.sequence)] = _KEYS[index.type]
        staging.overlay_rows(connection, rows, beside, list(_unique(table)), table.sequence)
    if sequence is not None:
        staging.copy_row(connection, rows, readers, sequence)
    return table.within(staging.SCHEMA)


def written_pairs(
    connection: Connection, table: UserTable, relation: Relation, sequence: int, related: int | None = None
) -> tuple[UserTable, Table]:
    """Return the table of pairs to write to for a row of ``table``, and the table whose statements write
    there.

    ``sequence`` is that of the row, ``related`` that of the other row of a pair, if it is about one pair.
    """
    if not connection.is_staging:
        pairs = relation.pairs
        assert pairs is not None
        return table, pairs
    name = names.pairs_table(relation.relationship)
    if not staging.is_overlaid(connection, name):
        staging.overlay_pairs(connection, name, (table.sequence, relation.related))
    given = {relation.own_column: sequence}
    if related is not None:
        given[relation.related_column] = related
    staging.copy_pairs(connection, name, given)
    return table.within(staging.SCHEMA), pairs_table(relation.relationship, staging.SCHEMA)


def _unique(table: UserTable) -> Iterator[staging.Unique]:
    """The columns whose values may stand in a table only once."""
    yield "id", [Indexed("id")]
    for index in table.indexes:
        if index.type == "unique":
            yield "values", [_indexed(table, key) for key in index.columns]
    for relation in table.all_relations:
        if relation.own_key and relation.type == "oneToOne":
            yield "keys", [Indexed(relation.own_key)]


def _indexed(table: UserTable, key: str) -> Indexed:
    if key in INDEXED_FIELDS:
        return Indexed(INDEXED_FIELDS[key])
    if key in table.columns:
        return Indexed(table.columns[key].name)
    found = column_and_path(table, key)
    assert found is not None
    return Indexed(*found)
