"""Operators: the new value of a column out of its old one.

A unit of work is the only one that writes while it runs, so that what it read of a row still is so: operators
are plain functions of values, and the row is written as any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import filterfalse
from typing import Any, Final

import msgspec

from tidewire.core.columns import INT64, ColumnRules
from tidewire.core.row_operators import Operator
from tidewire.core.time import now
from tidewire.store.user_tables.columns import UserColumn

LARGEST_MADE: Final = 1 << 24
"""The most characters that an operator may make of a text, or of an array as JSON: what a row grows to is
held in memory."""

_DAY: Final = 24 * 3600 * 1000
"""A day in milliseconds."""
_EXACT: Final = 2**52
"""The number from which on a float has no fraction."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class NoResultError(Exception):
    """An operator has no result that the column could take; the text says why."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def operated(column: UserColumn, stored: Any, operator: Operator) -> Any:
    """Return what the operator makes of a value; both are as they are stored. Raises :class:`NoResultError`.

    Whether the column's rules take the result is checked by whoever writes it.
    """
    method, values = operator.method, operator.values
    try:
        if method in _ARRAYS:
            return _array(method, stored, values)
        if method in _NUMBERS:
            return _number(column.rules, method, stored or 0, values)
        if method in _TEXTS:
            longest = min(column.rules.kind.size or column.rules.size, LARGEST_MADE)
            return _TEXTS[method](stored, values, longest)
        return _OTHERS[method](stored, values)
    except _NoResult as error:
        raise NoResultError(column.key, str(error)) from None


class _NoResult(Exception):  # noqa: N818 - told as NoResultError
    pass


def _number(rules: ColumnRules, method: str, stored: float, values: Sequence[float]) -> float:
    """Integers are computed with exactly; where a fraction takes part, the result is rounded if need be."""
    whole = rules.kind.storage == "integer"
    exact = whole and all(isinstance(each, int) for each in values)
    try:
        changed = (_EXACTLY if exact else _NUMBERS)[method](stored, values[0])
    except (ValueError, ZeroDivisionError):
        changed = math.nan
    if isinstance(changed, float) and math.isnan(changed):
        raise _NoResult("there is no such number.")
    if len(values) == 2:
        changed = (min if method in _UPWARDS else max)(changed, values[1])
    if not whole:
        return changed
    if changed in {math.inf, -math.inf} or (rounded := _rounded(changed)) not in INT64:
        raise _NoResult("it must be an integer of 64 bits.")
    return rounded


def _rounded(number: float) -> int:
    """The nearest integer, halves away from zero."""
    if isinstance(number, int) or abs(number) >= _EXACT:
        return int(number)
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _divided(stored: int, number: int) -> int:
    quotient = abs(stored) // abs(number)
    return quotient if (stored < 0) == (number < 0) else -quotient


def _power(stored: float, exponent: float) -> float:
    try:
        return math.pow(stored, exponent)
    except OverflowError:
        return -math.inf if stored < 0 and exponent % 2 else math.inf


def _exact_power(stored: int, exponent: int) -> float:
    return stored**exponent if 0 <= exponent < 64 or abs(stored) == 1 else _power(stored, exponent)


_NUMBERS: Final[Mapping[str, Callable[[Any, Any], float]]] = {
    "increment": lambda stored, number: stored + number,
    "decrement": lambda stored, number: stored - number,
    "multiply": lambda stored, number: stored * number,
    "divide": lambda stored, number: stored / number,
    "modulo": math.fmod,
    "power": _power,
}
_EXACTLY: Final[Mapping[str, Callable[[Any, Any], float]]] = {
    **_NUMBERS,
    "divide": _divided,
    "modulo": lambda stored, number: stored - number * _divided(stored, number),
    "power": _exact_power,
}
_UPWARDS: Final = frozenset({"increment", "multiply", "power"})
"""Operators whose bound is the greatest value; of the others it is the least."""


def _require_length(length: int, longest: int) -> None:
    if length > longest:
        raise _NoResult(f"it must have at most {longest} characters.")


def _joined(stored: str | None, values: Sequence[str], longest: int) -> str:
    _require_length(len(stored or "") + len(values[0]), longest)
    return (stored or "") + values[0]


def _replaced(stored: str | None, values: Sequence[str], longest: int) -> str | None:
    if stored is None:
        return None
    old, new = values
    # The length is computed before the text is made, which may be some thousand times what was sent.
    _require_length(len(stored) + stored.count(old) * (len(new) - len(old)), longest)
    return stored.replace(old, new)


_TEXTS: Final[Mapping[str, Callable[[str | None, Sequence[Any], int], str | None]]] = {
    "stringConcat": _joined,
    "stringReplace": _replaced,
}

_OTHERS: Final[Mapping[str, Callable[[Any, Sequence[Any]], int | None]]] = {
    "toggle": lambda stored, _: 1 - (stored or 0),
    "dateAddDays": lambda stored, values: None if stored is None else stored + values[0] * _DAY,
    "dateSubDays": lambda stored, values: None if stored is None else stored - values[0] * _DAY,
    "dateSetNow": lambda _, __: now(),
}


def _array(method: str, stored: str | None, given: Sequence[Any]) -> str:
    changed = _encode(_ARRAYS[method](_decode(stored) if stored is not None else [], list(given)))
    if len(changed) > LARGEST_MADE:
        raise _NoResult(f"an array must have at most {LARGEST_MADE} characters as JSON.")
    return changed.decode()


def _inserted(array: list[Any], given: list[Any]) -> list[Any]:
    position, value = given
    return [*array[:position], value, *array[position:]]


def _filtered(array: list[Any], given: list[Any]) -> list[Any]:
    name, value = given
    return [element for element in array if _CONDITIONS[name](element, value)]


def _unique(array: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(array))
    except TypeError:
        return [element for position, element in enumerate(array) if element not in array[:position]]


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
