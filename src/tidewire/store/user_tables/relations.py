"""Relations: what a relationship is for one of its two tables, and its rows in SQL.

Rows of the side that holds the key name the row they are related to by its sequence, in an indexed column;
in a ``manyToMany`` pairs of sequences stand in a table of their own. Which side it is, and whether both show
the relationship, follows from its type (:mod:`tidewire.core.relationships`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Index, Integer, MetaData, Row, Table, or_, select

from tidewire.core.relationships import OnDelete, RelationType, Side, holds_many, key_holder
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import relationships
from tidewire.store.user_tables import names


@dataclass(frozen=True)
class Relation:
    """A relationship as one of its tables sees it."""

    relationship: int
    """The sequence of the relationship."""
    key: str
    """The key of the column that shows it; empty if only the other table shows it."""
    type: RelationType
    on_delete: OnDelete
    two_way: bool
    side: Side
    related: int
    """The sequence of the other table."""

    @property
    def many(self) -> bool:
        """Whether a row can have several related rows."""
        return holds_many(self.type, self.side)

    @property
    def own_key(self) -> str:
        """The column in SQL that names the related row; empty if this side has none."""
        return names.key_column(self.relationship) if key_holder(self.type) == self.side else ""

    @property
    def related_key(self) -> str:
        """The column of the other table that names rows of this one; empty if it has none."""
        held_there = key_holder(self.type) not in {None, self.side}
        return names.key_column(self.relationship) if held_there else ""

    @property
    def pairs(self) -> Table | None:
        """The table of pairs; None unless there is one."""
        return pairs_table(self.relationship) if key_holder(self.type) is None else None

    @property
    def own_column(self) -> str:
        """The column of :attr:`pairs` for rows of this table."""
        return self.side

    @property
    def related_column(self) -> str:
        """The column of :attr:`pairs` for rows of the other table."""
        return "child" if self.side == "parent" else "parent"


def relations_of(connection: Connection, table: int) -> Sequence[Relation]:
    """All relations of a table that can be used; one with itself counts twice."""
    columns = relationships.c
    involved = or_(columns.parent_table == table, columns.child_table == table)
    found = connection.execute(
        select(relationships).where(involved, columns.status == "available").order_by(columns.sequence)
    )
    return [relation for row in found for relation in _sides(row, table)]


def pairs_table(relationship: int, schema: str | None = None) -> Table:
    """The table of pairs of related rows."""
    name = names.pairs_table(relationship)
    return Table(
        name,
        MetaData(),
        Column("parent", Integer, primary_key=True, autoincrement=False),
        Column("child", Integer, primary_key=True, autoincrement=False),
        Index(f"{name}_child", "child"),
        schema=schema,
        sqlite_with_rowid=False,
    )


def _sides(row: Row[tuple[object, ...]], table: int) -> list[Relation]:
    def seen(side: Side, key: str, related: int) -> Relation:
        return Relation(row.sequence, key, row.type, row.on_delete, row.two_way, side, related)

    sides = []
    if row.parent_table == table:
        sides.append(seen("parent", row.parent_key, row.child_table))
    if row.child_table == table:
        sides.append(seen("child", row.child_key if row.two_way else "", row.parent_table))
    return sides
