"""Relationships between tables: which kinds there are, and which side of one holds what."""

from __future__ import annotations

from typing import Final, Literal

RelationType = Literal["oneToOne", "oneToMany", "manyToOne", "manyToMany"]
"""Read from the parent to the child: in a ``manyToOne`` many rows of the parent share one of the child."""
OnDelete = Literal["restrict", "cascade", "setNull"]
Side = Literal["parent", "child"]
"""The parent is the table in which the relationship was made."""

TYPES: Final[tuple[RelationType, ...]] = ("oneToOne", "manyToOne", "manyToMany", "oneToMany")
ON_DELETE: Final[tuple[OnDelete, ...]] = ("cascade", "restrict", "setNull")
KIND: Final = "relationship"
"""The type that columns have which show a relationship."""
MAX_LEVELS: Final = 3
"""The most tables that a query or a request may go through from a row, in what it selects, filters and
writes."""


def key_holder(relation_type: RelationType) -> Side | None:
    """The side whose rows name the row they are related to; None: pairs of rows are kept apart."""
    if relation_type == "manyToMany":
        return None
    return "child" if relation_type == "oneToMany" else "parent"


def holds_many(relation_type: RelationType, side: Side) -> bool:
    """Whether a row of the side can have several related rows."""
    if relation_type == "oneToMany":
        return side == "parent"
    if relation_type == "manyToOne":
        return side == "child"
    return relation_type == "manyToMany"


def other_side(side: Side) -> Side:
    """The opposite side."""
    return "child" if side == "parent" else "parent"
