"""Shapes on the Earth as clients write them: arrays of ``[longitude, latitude]`` in degrees."""

from __future__ import annotations

import math
from typing import Any, Final, Literal

Shape = Literal["point", "line", "polygon"]

EARTH_RADIUS: Final = 6_371_000.0
"""The radius of the Earth in metres."""


def geometry_problem(shape: Shape, value: object) -> str:
    """What keeps ``value`` from being such a shape; empty if nothing does."""
    if shape == "point":
        return _point_problem(value)
    if shape == "line":
        if not isinstance(value, list) or len(value) < 2:
            return "a line is an array of at least two points."
        return next(filter(None, map(_point_problem, value)), "")
    if not isinstance(value, list) or not value:
        return "a polygon is an array of rings."
    return next(filter(None, map(_ring_problem, value)), "")


def shape_of(value: object) -> Shape | None:
    """The shape that the coordinates make, told by how deeply they are nested; None if they make none."""
    shapes: tuple[Shape, ...] = ("point", "line", "polygon")
    return next((shape for shape in shapes if not geometry_problem(shape, value)), None)


def bounds(value: list[Any]) -> tuple[float, float, float, float]:
    """The least and greatest longitude, then the least and greatest latitude."""
    points = list(_points(value))
    longitudes, latitudes = [point[0] for point in points], [point[1] for point in points]
    return min(longitudes), max(longitudes), min(latitudes), max(latitudes)


def metres_between(one: list[float], other: list[float]) -> float:
    """The distance between two points on a sphere, in metres."""
    longitude, latitude, longitude2, latitude2 = map(math.radians, (*one, *other))
    half = (
        math.sin((latitude2 - latitude) / 2) ** 2
        + math.cos(latitude) * math.cos(latitude2) * math.sin((longitude2 - longitude) / 2) ** 2
    )
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half)))


def _points(value: list[Any]) -> list[list[float]]:
    if not isinstance(value[0], list):
        return [value]
    return [point for part in value for point in _points(part)]


def _point_problem(value: object) -> str:
    if not isinstance(value, list) or len(value) != 2:
        return "a point is an array of a longitude and a latitude."
    for number, limit, name in zip(value, (180, 90), ("longitude", "latitude"), strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float) or not -limit <= number <= limit:
            return f"a {name} is a number from -{limit} to {limit}."
    return ""


def _ring_problem(value: object) -> str:
    if not isinstance(value, list) or len(value) < 4:
        return "a ring of a polygon is an array of at least four points."
    problem = next(filter(None, map(_point_problem, value)), "")
    if not problem and value[0] != value[-1]:
        return "a ring of a polygon ends where it begins."
    return problem
