"""Filters on shapes: how they lie to each other, and how far apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_

from tidewire.core.geometry import EARTH_RADIUS, bounds, shape_of
from tidewire.core.queries import Query
from tidewire.store.engine.dialect import box_meets, relates
from tidewire.store.engine.dialect import distance as distance_between
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables.fields import Field, wrong_value
from tidewire.store.user_tables.tables import UserTable

_RELATIONS: Final = ("equal", "intersects", "crosses", "overlaps", "touches", "contains")
_NEGATIONS: Final = {f"not{relation.capitalize()}": relation for relation in _RELATIONS}
_FAR: Final = frozenset({"distanceNotEqual", "distanceGreaterThan"})
_DISTANCES: Final = frozenset({"distanceEqual", "distanceLessThan", *_FAR})

METHODS: Final = frozenset(
    {*_RELATIONS, *_NEGATIONS, *_DISTANCES} - {"equal", "notEqual", "contains", "notContains"}
)
"""Methods that only shapes know."""

_encode = msgspec.json.Encoder().encode

Box = tuple[float, float, float, float]


def read_values(field: Field, query: Query) -> list[Any]:
    """The values to bind: a shape, for distances a distance and its unit, and a box if an index has boxes."""
    if query.method in _DISTANCES:
        return _read_distance(field, query)
    if query.method not in _RELATIONS and query.method not in _NEGATIONS:
        message = f"The attribute {field.key} is a shape: {query.method} does not apply to it."
        raise InvalidFilterError(message)
    shape = _shape(field, query.values[0] if len(query.values) == 1 else None)
    return [_encode(shape).decode(), *(bounds(shape) if _by_box(field, query.method) else ())]


def condition(
    user_table: UserTable, field: Field, method: str, bound: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    """The condition; an index of boxes is looked at first where one can tell that a row does not fit."""
    if method in _DISTANCES:
        apart = distance_between(field.column, bound[0], bound[2])
        fits, box = _COMPARISONS[method](apart, bound[1]), bound[3:]
    else:
        related = relates(_NEGATIONS.get(method, method), field.column, bound[0])
        fits, box = related == int(method in _RELATIONS), bound[1:]
    return and_(fits, box_meets(field.boxes, user_table.rows.c.sequence, box)) if box else fits


_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "distanceEqual": lambda distance, bound: distance == bound,
    "distanceNotEqual": lambda distance, bound: distance != bound,
    "distanceLessThan": lambda distance, bound: distance < bound,
    "distanceGreaterThan": lambda distance, bound: distance > bound,
}


def _by_box(field: Field, method: str) -> bool:
    """Whether rows whose boxes do not meet that of the query can be left out."""
    return bool(field.boxes) and method not in _NEGATIONS and method not in _FAR


def _read_distance(field: Field, query: Query) -> list[Any]:
    given = query.values[0] if len(query.values) == 1 else None
    if not isinstance(given, list) or not 2 <= len(given) <= 3:
        raise wrong_value(field, "it must be an array of a shape, a distance and whether it is in metres.")
    shape = _shape(field, given[0])
    distance, metres = given[1], given[2] if len(given) == 3 else True
    if isinstance(distance, bool) or not isinstance(distance, int | float) or not 0 <= distance < 2**63:
        raise wrong_value(field, "a distance is a number and not negative.")
    if not isinstance(metres, bool):
        raise wrong_value(field, "whether the distance is in metres is true or false.")
    if metres and (field.shape != "point" or isinstance(shape[0], list)):
        raise wrong_value(field, "distances in metres are between points.")
    box = _widened(bounds(shape), distance, metres) if _by_box(field, query.method) else ()
    return [_encode(shape).decode(), float(distance), int(metres), *box]


def _shape(field: Field, value: object) -> list[Any]:
    if not isinstance(value, list) or shape_of(value) is None:
        raise wrong_value(field, "it must be a point, a line or a polygon.")
    return value


def _widened(box: Box, distance: float, metres: bool) -> Box:
    """A box that holds everything within the distance of what is in ``box``."""
    west, east, south, north = box
    if not metres:
        return west - distance, east + distance, south - distance, north + distance
    degrees = math.degrees(distance / EARTH_RADIUS) * 1.000001 + 1e-9
    south, north = south - degrees, north + degrees
    if south <= -89 or north >= 89:
        return -180.0, 180.0, max(south, -90.0), min(north, 90.0)
    wider = degrees / math.cos(math.radians(max(abs(south), abs(north)))) + 1e-9
    if west - wider < -180 or east + wider > 180:
        return -180.0, 180.0, south, north
    return west - wider, east + wider, south, north
