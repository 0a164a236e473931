"""Functions that SQL needs for users' tables and that SQLite does not have.

They never raise for what can be stored: an error within a statement would undo it. Values that a function
does not apply to give NULL.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import filterfalse
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tidewire.core.columns import INT64
from tidewire.core.folding import fold
from tidewire.core.geometry import metres_between

if TYPE_CHECKING:
    import re2
    import shapely

REGEXP_MEMORY: Final = 1 << 20
"""Bytes that a compiled pattern may take."""
LARGEST_MADE: Final = 1 << 24
"""Characters that an operator may make of a text, or of an array as JSON: what a row grows to is held in
memory."""
NO_VALUE: Final = b""
"""In place of a result that there is none of, or that would be too large; no column takes it."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("tidewire_matches", 2, _matches, deterministic=True)
    connection.create_function("tidewire_folded", 1, _folded, deterministic=True)
    connection.create_function("tidewire_contains", 3, _contains, deterministic=True)
    connection.create_function("tidewire_relates", 3, _relates, deterministic=True)
    connection.create_function("tidewire_distance", 3, _distance, deterministic=True)
    connection.create_function("tidewire_array", 3, _array, deterministic=True)
    connection.create_function("tidewire_power", 2, _power, deterministic=True)
    connection.create_function("tidewire_vector", 1, _vector, deterministic=True)


@lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> re2._Regexp[str]:
    """A regular expression that is matched in a time that grows with the text only. Raises ValueError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEXP_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        problem = error.args[0] if error.args else ""
        raise ValueError(problem.decode() if isinstance(problem, bytes) else str(problem)) from None


def _matches(value: Any, pattern: str) -> int | None:
    return int(compiled_pattern(pattern).search(value) is not None) if isinstance(value, str) else None


def _folded(value: Any) -> str | None:
    return fold(value) if isinstance(value, str) else None


@lru_cache(maxsize=64)
def _parts(given: str) -> tuple[str, ...]:
    """The texts of a JSON array, folded."""
    return tuple(map(fold, _decode(given)))


def _contains(value: Any, given: str, every: int) -> int | None:
    """Whether a text contains one of the texts of a JSON array, or all of them, in upper or lower case."""
    if not isinstance(value, str):
        return None
    text = fold(value)
    return int((all if every else any)(part in text for part in _parts(given)))


@lru_cache(maxsize=1024)
def _shape(coordinates: str) -> shapely.Geometry:
    """The shape of coordinates as they are stored."""
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
        # A polygon that crosses itself: it relates to nothing.
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
    """A vector as it is compared, of its JSON text."""
    if not isinstance(value, str):
        return None
    numbers = _decode(value)
    return struct.pack(f"<{len(numbers)}f", *numbers)


def _power(stored: Any, exponent: int) -> int | float | None:
    """An integer to the power of another: exactly, or rounded if it is a fraction. A float is too great."""
    if not isinstance(stored, int):
        return None
    try:
        result = stored**exponent if exponent < 64 or abs(stored) < 2 else float(stored) ** exponent
    except ZeroDivisionError:
        return None
    except OverflowError:
        return math.copysign(math.inf, stored if exponent % 2 else 1)
    if isinstance(result, float):
        return int(math.copysign(math.floor(abs(result) + 0.5), result)) if exponent < 0 else result
    return result if result in INT64 else float(result)


def _array(method: str, stored: Any, given: str) -> str | bytes:
    """The array that an operator makes of a stored one; both are JSON texts."""
    array = _decode(stored) if isinstance(stored, str) else []
    changed = _encode(_ARRAYS[method](array, _decode(given)))
    return changed.decode() if len(changed) <= LARGEST_MADE else NO_VALUE


def _inserted(array: list[Any], given: list[Any]) -> list[Any]:
    position, value = given
    return [*array[:position], value, *array[position:]]


def _filtered(array: list[Any], given: list[Any]) -> list[Any]:
    name, value = given
    return [element for element in array if _CONDITIONS[name](element, value)]


def _distinct(array: list[Any]) -> list[Any]:
    return [element for position, element in enumerate(array) if element not in array[:position]]


def _unique(array: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(array))
    except TypeError:
        return _distinct(array)


_CONDITIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equal": lambda element, value: element == value,
    "notEqual": lambda element, value: element != value,
    "greaterThan": lambda element, value: element > value,
    "greaterThanEqual": lambda element, value: element >= value,
    "lessThan": lambda element, value: element < value,
    "lessThanEqual": lambda element, value: element <= value,
    "contains": lambda element, value: isinstance(element, str) and value in element,
    "isNull": lambda element, _: element is None,
    "isNotNull": lambda element, _: element is not None,
}

_ARRAYS: Final[Mapping[str, Callable[[list[Any], list[Any]], list[Any]]]] = {
    "arrayAppend": lambda array, given: [*array, *given],
    "arrayPrepend": lambda array, given: [*given, *array],
    "arrayInsert": _inserted,
    "arrayRemove": lambda array, given: [element for element in array if element != given[0]],
    "arrayUnique": lambda array, _: _unique(array),
    "arrayIntersect": lambda array, given: list(filter(frozenset(given).__contains__, array)),
    "arrayDiff": lambda array, given: list(filterfalse(frozenset(given).__contains__, array)),
    "arrayFilter": _filtered,
}
