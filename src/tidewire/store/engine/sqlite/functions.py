"""Functions that SQL needs for users' tables and that SQLite does not have.

They never raise for what can be stored: an error within a statement would undo it. Values that a function
does not apply to give NULL.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from tidewire.core.folding import fold
from tidewire.core.geometry import metres_between
from tidewire.store.engine.patterns import compiled_pattern

_decode = msgspec.json.Decoder().decode


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("tidewire_matches", 2, _matches, deterministic=True)
    connection.create_function("tidewire_folded", 1, _folded, deterministic=True)
    connection.create_function("tidewire_contains", 3, _contains, deterministic=True)
    connection.create_function("tidewire_relates", 3, _relates, deterministic=True)
    connection.create_function("tidewire_distance", 3, _distance, deterministic=True)
    connection.create_function("tidewire_vector", 1, _vector, deterministic=True)


def _matches(value: Any, pattern: str) -> int | None:
    return int(compiled_pattern(pattern).search(value) is not None) if isinstance(value, str) else None


def _folded(value: Any) -> str | None:
    return fold(value) if isinstance(value, str) else None


@lru_cache(maxsize=64)
def _parts(given: str) -> tuple[str, ...]:
    """Return the texts of a JSON array, folded."""
    return tuple(map(fold, _decode(given)))


def _contains(value: Any, given: str, every: int) -> int | None:
    """Whether a text contains one of the texts of a JSON array, or all of them, in upper or lower case."""
    if not isinstance(value, str):
        return None
    text = fold(value)
    return int((all if every else any)(part in text for part in _parts(given)))


@lru_cache(maxsize=1024)
def _shape(coordinates: str) -> Any:
    """Return the shape that stored coordinates describe."""
    import shapely

    decoded = _decode(coordinates)
    if not isinstance(decoded[0], list):
        return shapely.Point(decoded)
    if not isinstance(decoded[0][0], list):
        return shapely.LineString(decoded)
    return shapely.Polygon(decoded[0], decoded[1:])


def _relates(relation: str, value: Any, other: str) -> int | None:
    import shapely

    if not isinstance(value, str):
        return None
    try:
        return int(_RELATIONS[relation](shapely, _shape(value), _shape(other)))
    except shapely.errors.GEOSException:
        # The polygon crosses itself, and relates to nothing.
        return 0


_RELATIONS: Final[Mapping[str, Callable[[Any, Any, Any], bool]]] = {
    "intersects": lambda library, one, other: library.intersects(one, other),
    "crosses": lambda library, one, other: library.crosses(one, other),
    "overlaps": lambda library, one, other: library.overlaps(one, other),
    "touches": lambda library, one, other: library.touches(one, other),
    "contains": lambda library, one, other: library.covers(one, other),
    "equal": lambda library, one, other: library.equals(one, other),
}


def _distance(value: Any, other: str, metres: int) -> float | None:
    if not isinstance(value, str):
        return None
    if metres:
        one, another = _decode(value), _decode(other)
        if isinstance(one[0], list) or isinstance(another[0], list):
            return None
        return metres_between(one, another)
    import shapely

    return float(shapely.distance(_shape(value), _shape(other)))


def _vector(value: Any) -> bytes | None:
    """Return a vector in the form in which it is compared, from its JSON text."""
    if not isinstance(value, str):
        return None
    numbers = _decode(value)
    return struct.pack(f"<{len(numbers)}f", *numbers)
