"""Related rows: which rows are related, written and looked up one row at a time."""

from __future__ import annotations

from sqlalchemy import BindParameter, bindparam, delete, select

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import upsert
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.rows import all_columns
from tidewire.store.user_tables.staging import written_pairs
from tidewire.store.user_tables.tables import UserTable


def key_of(connection: Connection, table: UserTable, name: str, sequence: int) -> int | None:
    """The sequence of the row that a row names in its column ``name``."""
    rows = table.rows.c
    statement = table.prepared(
        ("key", name), lambda: select(rows[name]).where(rows.sequence == bindparam("of_sequence"))
    )
    found = statement.fetch(connection, {"of_sequence": sequence})
    key: int | None = found[0][0] if found else None
    return key


def row_of(connection: Connection, table: UserTable, sequence: int) -> StoredRow | None:
    """The row with a sequence, with all its columns."""
    statement = table.prepared(
        "row of",
        lambda: select(*all_columns(table)).where(table.rows.c.sequence == bindparam("of_sequence")),
    )
    found = statement.fetch(connection, {"of_sequence": sequence})
    return found[0] if found else None


def rows_naming(
    connection: Connection, table: UserTable, name: str, sequence: int, limit: int
) -> list[StoredRow]:
    """Return the rows whose column ``name`` names a row, with all their columns."""
    statement = table.prepared(
        ("naming", name),
        lambda: (
            select(*all_columns(table))
            .where(table.rows.c[name] == bindparam("named"))
            .limit(bindparam("limit"))
        ),
    )
    return statement.fetch(connection, {"named": sequence, "limit": limit})


def paired_with(
    connection: Connection, table: UserTable, relation: Relation, sequence: int, limit: int
) -> list[int]:
    """Return the sequences of the rows that a row of ``table`` is paired with."""
    pairs = relation.pairs
    assert pairs is not None
    own, other = pairs.c[relation.own_column], pairs.c[relation.related_column]
    statement = table.prepared(
        ("paired", relation.relationship, relation.side),
        lambda: select(other).where(own == bindparam("of_sequence")).limit(bindparam("limit")),
    )
    found = statement.fetch(connection, {"of_sequence": sequence, "limit": limit})
    return [row[0] for row in found]


def add_pair(
    connection: Connection, table: UserTable, relation: Relation, sequence: int, related: int
) -> None:
    """Relate a row of ``table`` to another; nothing happens if they are related."""
    table, pairs = written_pairs(connection, table, relation, sequence, related)
    values: dict[str, BindParameter[int]] = {
        relation.own_column: bindparam("one"),
        relation.related_column: bindparam("other"),
    }
    statement = table.prepared(
        ("pair", relation.relationship, relation.side),
        lambda: upsert(pairs).values(values).on_conflict_do_nothing(),
    )
    statement.execute(connection, {"one": sequence, "other": related})


def remove_pair(
    connection: Connection, table: UserTable, relation: Relation, sequence: int, related: int
) -> None:
    """Let a row of ``table`` and another no longer be related."""
    table, pairs = written_pairs(connection, table, relation, sequence, related)
    own, other = pairs.c[relation.own_column], pairs.c[relation.related_column]
    statement = table.prepared(
        ("unpair", relation.relationship, relation.side),
        lambda: delete(pairs).where(own == bindparam("one"), other == bindparam("other")),
    )
    statement.execute(connection, {"one": sequence, "other": related})


def remove_pairs(connection: Connection, table: UserTable, relation: Relation, sequence: int) -> None:
    """Let a row of ``table`` no longer be related to any."""
    table, pairs = written_pairs(connection, table, relation, sequence)
    own = pairs.c[relation.own_column]
    statement = table.prepared(
        ("unpair all", relation.relationship, relation.side),
        lambda: delete(pairs).where(own == bindparam("one")),
    )
    statement.execute(connection, {"one": sequence})
