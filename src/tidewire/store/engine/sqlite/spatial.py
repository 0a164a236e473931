"""Shapes in SQL: how they lie to each other, how far apart, and indexes of the boxes around them.

Shapes are stored as JSON text, as clients write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, column, func, select, table

BOX: Final = ("west", "east", "south", "north")
"""The columns of an index of boxes (R*Tree)."""


def relates(relation: str, shape: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """1 or 0: whether a relation holds between two shapes; NULL where there is no shape.

    Relations are ``intersects``, ``crosses``, ``overlaps``, ``touches``, ``contains`` and ``equal``.
    """
    return func.tidewire_relates(relation, shape, other)


def distance(
    shape: ColumnElement[Any], other: ColumnElement[Any], metres: ColumnElement[Any]
) -> ColumnElement[Any]:
    """How far two shapes are apart; where ``metres`` is 1, two points in metres, else in the plane."""
    return func.tidewire_distance(shape, other, metres)


def box_meets(
    boxes: str, sequence: ColumnElement[Any], box: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    """Whether the box of the row with this sequence, in the index ``boxes``, meets the given one."""
    index = table(boxes, *(column(name) for name in ("id", *BOX)))
    west, east, south, north = box
    met = select(index.c.id).where(
        index.c.west <= east, index.c.east >= west, index.c.south <= north, index.c.north >= south
    )
    return sequence.in_(met)
