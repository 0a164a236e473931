"""What relationships mean, said in plain Python: rows, pairs of rows, and the rules for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tidewire.core.relationships import OnDelete, RelationType, Side, holds_many, key_holder, other_side

Json = dict[str, Any]
Place = tuple[str, str]
"""Table and id of a row."""


class RefusedError(Exception):
    """What is asked for is not allowed; the text is the type of the error."""


@dataclass
class Relationship:
    """A relationship and the pairs of ids that it relates: of the parent first."""

    parent: str
    child: str
    type: RelationType
    on_delete: OnDelete
    two_way: bool
    keys: dict[Side, str]
    pairs: set[tuple[str, str]] = field(default_factory=set)

    def table(self, side: Side) -> str:
        return self.parent if side == "parent" else self.child

    def partners(self, side: Side, row_id: str) -> set[str]:
        """The rows that a row of a side is related to."""
        own, other = (0, 1) if side == "parent" else (1, 0)
        return {pair[other] for pair in self.pairs if pair[own] == row_id}

    def pair(self, side: Side, row_id: str, other: str) -> tuple[str, str]:
        return (row_id, other) if side == "parent" else (other, row_id)

    def names(self, side: Side) -> bool:
        """Whether rows of the side name their partner."""
        return key_holder(self.type) == side


@dataclass
class Model:
    """Tables of named rows."""

    relationships: list[Relationship]
    names: dict[Place, str | None] = field(default_factory=dict)
    """In the order of creation."""

    def sides(self, table: str) -> Iterator[tuple[Relationship, Side]]:
        """Every relationship of a table; one with itself twice."""
        for relationship in self.relationships:
            for side in ("parent", "child"):
                if relationship.table(side) == table:
                    yield relationship, side

    def shown(self, table: str) -> dict[str, tuple[Relationship, Side]]:
        """The relationships that a table shows, by key."""
        return {
            relationship.keys[side]: (relationship, side)
            for relationship, side in self.sides(table)
            if side == "parent" or relationship.two_way
        }

    def write(self, table: str, row_id: str, data: Json, *, new: bool = False) -> None:
        """Write a row with what is nested in it."""
        relations = [
            (*self.shown(table)[key], items) for key, items in data.items() if key in self.shown(table)
        ]
        targets = [
            (relationship, side, [self._named(relationship, side, item, table, row_id) for item in items])
            for relationship, side, items in relations
            if relationship.names(side)
        ]
        place = (table, row_id)
        if new and place in self.names:
            raise RefusedError("row_already_exists")
        self.names[place] = data.get("name", self.names.get(place))
        for relationship, side, found in targets:
            relationship.pairs -= {pair for pair in relationship.pairs if pair[_own(side)] == row_id}
            for other in found:
                if relationship.type == "oneToOne" and relationship.partners(other_side(side), other):
                    raise RefusedError("row_unique_constraint_violation")
                relationship.pairs.add(relationship.pair(side, row_id, other))
        for relationship, side, items in relations:
            if not relationship.names(side):
                self._relate(relationship, side, row_id, items)

    def _relate(self, relationship: Relationship, side: Side, row_id: str, items: list[Any]) -> None:
        named = {item if isinstance(item, str) else item.get("$id") for item in items}
        for other in relationship.partners(side, row_id) - named:
            relationship.pairs.discard(relationship.pair(side, row_id, other))
        for item in items:
            other = self._nested(relationship, side, item)
            if relationship.type == "oneToOne" and relationship.partners(other_side(side), other) - {row_id}:
                raise RefusedError("row_unique_constraint_violation")
            if not holds_many(relationship.type, other_side(side)):
                for former in relationship.partners(other_side(side), other):
                    relationship.pairs.discard(relationship.pair(side, former, other))
            relationship.pairs.add(relationship.pair(side, row_id, other))

    def _named(self, relationship: Relationship, side: Side, item: Any, table: str, row_id: str) -> str:
        """What a row is to name: itself too, even before it is there."""
        if item == row_id and relationship.table(other_side(side)) == table:
            return row_id
        return self._nested(relationship, side, item)

    def _nested(self, relationship: Relationship, side: Side, item: Any) -> str:
        table = relationship.table(other_side(side))
        row_id: str = item if isinstance(item, str) else item["$id"]
        if isinstance(item, str) and (table, row_id) not in self.names:
            raise RefusedError("relationship_value_invalid")
        if not isinstance(item, str):
            self.write(table, row_id, item)
        return row_id

    def delete(self, table: str, row_id: str) -> None:
        """Delete a row, and do what follows."""
        if (table, row_id) not in self.names:
            # What several rows lead to is gone after the first.
            return
        for relationship, side in self.sides(table):
            itself = {row_id} if relationship.parent == relationship.child else set()
            partners = relationship.partners(side, row_id) - itself
            depends = side == "parent" if relationship.type in {"oneToOne", "manyToMany"} else None
            if depends is None:
                depends = not relationship.names(side)
            if relationship.on_delete == "restrict" and depends and partners:
                raise RefusedError("row_delete_restricted")
        order = {place: number for number, place in enumerate(self.names)}
        first: list[Place] = []
        following: list[Place] = []
        for relationship, side in self.sides(table):
            other = relationship.table(other_side(side))
            partners = relationship.partners(side, row_id)
            cascade = relationship.on_delete == "cascade"
            if relationship.type == "manyToMany":
                doomed = cascade and side == "parent"
            elif relationship.type == "oneToOne":
                doomed = cascade and (side == "parent" or relationship.two_way)
            else:
                doomed = cascade and not relationship.names(side)
            places = sorted(((other, partner) for partner in partners), key=order.__getitem__)
            if doomed:
                ahead = relationship.type == "manyToMany" or relationship.names(side)
                (first if ahead else following).extend(places)
        for relationship, side in self.sides(table):
            relationship.pairs -= {pair for pair in relationship.pairs if pair[_own(side)] == row_id}
        del self.names[table, row_id]
        for place in (*first, *following):
            self.delete(*place)


def _own(side: Side) -> int:
    return 0 if side == "parent" else 1
