"""Comparisons of realtime queries that every Appwrite server knows.

Each query is compiled once into a closure. These never raise, whatever the payload, and their cost follows
the number of conditions, not the number of values. Numbers compare by value, text by code points, and
ordering exists within numbers and within text only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from tidewire.core.queries import Query

Predicate = Callable[[Mapping[str, Any]], bool]
"""Says whether a payload, a decoded JSON object, is accepted."""

ABSENT: Final = object()
"""Stands for the value of a key that a payload does not have."""


def value_key(value: object) -> Hashable | None:
    """A hashable stand-in: equal for identical values, different for others. None for arrays and objects.

    Numbers become bytes, whose hashes are salted: anybody can think of numbers whose own hashes collide,
    and a few thousand of them in queries would make every look-up slow.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return (value,)
    if isinstance(value, float) and not value.is_integer():
        return repr(value).encode()
    if isinstance(value, (int, float)):
        return b"%x" % int(value)
    return None


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; truth values are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def membership(values: Sequence[Any]) -> Callable[[Any], bool]:
    """Whether a value is identical to one of ``values``: same JSON type and equal."""
    keys = frozenset(key for value in values if (key := value_key(value)) is not None)
    containers = [value for value in values if isinstance(value, (list, dict))]

    def is_among(value: Any) -> bool:
        key = value_key(value)
        if key is not None:
            return key in keys
        return any(_identical(value, container) for container in containers)

    return is_among


def _identical(value: Any, wanted: Any) -> bool:
    """Same JSON type and equal. The depth is bounded by that of ``wanted``, which comes from a query."""
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_identical(*pair) for pair in zip(value, wanted, strict=True))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() == wanted.keys()
            and all(_identical(value[key], element) for key, element in wanted.items())
        )
    return value_key(value) == value_key(wanted)


def _compile_nested_select(query: Query) -> Predicate:  # noqa: ARG001 - has the shape of all compilers
    """Below the top level ``select *`` accepts nothing."""
    return lambda payload: False  # noqa: ARG005


def _compile_null(query: Query) -> Predicate:
    attribute = query.attribute
    return lambda payload: payload.get(attribute, ABSENT) is None


def _compile_not_null(query: Query) -> Predicate:
    attribute = query.attribute
    return lambda payload: payload.get(attribute) is not None


def _compile_equal(query: Query) -> Predicate:
    attribute = query.attribute
    is_among = membership(query.values)

    def equal(payload: Mapping[str, Any]) -> bool:
        value = payload.get(attribute, ABSENT)
        return value is not ABSENT and is_among(value)

    return equal


def _compile_not_equal(query: Query) -> Predicate:
    attribute = query.attribute
    is_among = membership(query.values)

    def not_equal(payload: Mapping[str, Any]) -> bool:
        value = payload.get(attribute, ABSENT)
        return value is not ABSENT and not is_among(value)

    return not_equal


def _compile_less(query: Query) -> Predicate:
    """Less than any value is less than the greatest; and so on for the other three."""
    number, text = _bounds(query.values, max)
    return _ordering(query.attribute, number, text, lambda value, bound: value < bound)


def _compile_less_or_equal(query: Query) -> Predicate:
    number, text = _bounds(query.values, max)
    return _ordering(query.attribute, number, text, lambda value, bound: value <= bound)


def _compile_greater(query: Query) -> Predicate:
    number, text = _bounds(query.values, min)
    return _ordering(query.attribute, number, text, lambda value, bound: value > bound)


def _compile_greater_or_equal(query: Query) -> Predicate:
    number, text = _bounds(query.values, min)
    return _ordering(query.attribute, number, text, lambda value, bound: value >= bound)


def _bounds(values: Sequence[Any], furthest: Callable[..., Any]) -> tuple[int | float | None, str | None]:
    numbers = [value for value in values if is_number(value)]
    texts = [value for value in values if isinstance(value, str)]
    return furthest(numbers, default=None), furthest(texts, default=None)


def _ordering(
    attribute: str,
    number: int | float | None,
    text: str | None,
    relation: Callable[[Any, Any], bool],
) -> Predicate:
    """Compare with the bound of the value's own type; there is no order across types."""

    def ordered(payload: Mapping[str, Any]) -> bool:
        value = payload.get(attribute)
        if isinstance(value, str):
            return text is not None and relation(value, text)
        if is_number(value):
            return number is not None and relation(value, number)
        return False

    return ordered


COMPARISONS: Final[Mapping[str, Callable[[Query], Predicate]]] = {
    "equal": _compile_equal,
    "notEqual": _compile_not_equal,
    "lessThan": _compile_less,
    "lessThanEqual": _compile_less_or_equal,
    "greaterThan": _compile_greater,
    "greaterThanEqual": _compile_greater_or_equal,
    "isNull": _compile_null,
    "isNotNull": _compile_not_null,
    "select": _compile_nested_select,
}
"""Method to what it becomes."""
