"""Rows found through relations: one statement for all rows of a page, whatever their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, bindparam, select

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import listed
from tidewire.store.user_tables.reached import Reached
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.tables import SYSTEM_COLUMNS, UserTable


def owners_of(
    table: UserTable, relation: Relation, related: UserTable, conditions: Sequence[ColumnElement[bool]]
) -> tuple[Column[Any], Select[Any]]:
    """A column of ``table``, and what stands in it of rows related to one that the conditions hold for."""
    pairs = relation.pairs
    if relation.own_key:
        found = select(related.rows.c.sequence)
        return table.rows.c[relation.own_key], found.where(*conditions).correlate(None)
    if pairs is None:
        key = related.rows.c[relation.related_key]
        return table.rows.c.sequence, select(key).where(key.is_not(None), *conditions).correlate(None)
    joined = pairs.join(related.rows, related.rows.c.sequence == pairs.c[relation.related_column])
    found = select(pairs.c[relation.own_column]).select_from(joined)
    return table.rows.c.sequence, found.where(*conditions).correlate(None)


def find_related(
    connection: Connection,
    table: UserTable,
    reached: Reached,
    owners: Sequence[int],
    columns: Sequence[str],
    limit: int,
    max_bytes: float = math.inf,
    count: Callable[[int], None] | None = None,
) -> list[tuple[int, tuple[Any, ...]]]:
    """Rows related to some rows of ``table``: the sequence of the one, and the other with these columns.

    At most ``limit`` of those that the caller may read, in the order of their sequences. Raises
    :class:`~tidewire.store.engine.prepared_statements.TooLargeError` if they have more than ``max_bytes``.
    ``count`` is told of the bytes of each as it is read.
    """
    access = reached.access
    if access is None or not owners:
        return []
    shape = ("find related", reached.relation, reached.table, tuple(columns), access.shape)
    statement = table.prepared(shape, lambda: related_statement(table, reached, columns))
    values = {**access.values, "owners": f"[{','.join(map(str, owners))}]", "limit": limit}
    found = statement.fetch_within(connection, values, max_bytes, count)
    return sorted(((row[0], row[1:]) for row in found), key=lambda each: each[1][0])


def related_statement(table: UserTable, reached: Reached, columns: Sequence[str]) -> Select[Any]:
    """The statement of :func:`find_related`."""
    relation, related, access = reached.relation, reached.table, reached.access
    assert access is not None
    rows = related.rows.c
    read = [rows[name] for name in (*SYSTEM_COLUMNS, *(related.columns[key].name for key in columns))]
    owners = listed(bindparam("owners"))
    owner, conditions = owner_of(table, relation, related)
    statement = select(owner, *read).where(*conditions, owner.in_(owners), *access.conditions(related))
    return statement.limit(bindparam("limit"))


def owner_of(
    table: UserTable, relation: Relation, related: UserTable
) -> tuple[ColumnElement[Any], list[ColumnElement[bool]]]:
    """The sequence of the row that a row of ``related`` belongs to, and what must hold for that."""
    rows, pairs = related.rows.c, relation.pairs
    if relation.related_key:
        return rows[relation.related_key], []
    if pairs is not None:
        return pairs.c[relation.own_column], [rows.sequence == pairs.c[relation.related_column]]
    owner = table.rows.alias("owner").c
    return owner.sequence, [rows.sequence == owner[relation.own_key]]
