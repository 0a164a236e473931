"""Operators: changes of a value that depend on the value, such as ``increment``.

A client writes one in place of a value, as JSON text ``{"method", "values"}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tidewire.core.columns import ColumnRules, InvalidValueError, text_problem

CONDITIONS: Final = frozenset({
    "equal", "notEqual", "greaterThan", "greaterThanEqual", "lessThan", "lessThanEqual", "contains",
    "isNull", "isNotNull",
})  # fmt: skip
"""The conditions that ``arrayFilter`` can keep elements by."""
MAX_VALUES: Final = 1000
"""Values of one operator."""


@dataclass(frozen=True)
class Operator:
    """An operator that fits its column."""

    method: str
    values: tuple[Any, ...]
    """Checked, and of the types of the column."""


def read_operator(value: object, rules: ColumnRules) -> Operator | None:
    """The operator that ``value`` is the text of; None if it is an ordinary value.

    Raises :class:`InvalidValueError` for an operator that does not fit the column.
    """
    decoded = _decoded(value)
    if decoded is None:
        return None
    method, values = decoded
    applies, check = _METHODS[method]
    if not applies(rules):
        raise InvalidValueError(f"the operator {method} does not apply to columns of this kind.")
    return Operator(method, tuple(check(rules, method, values)))


def _decoded(value: object) -> tuple[str, list[Any]] | None:
    if isinstance(value, str) and value.startswith("{") and '"method"' in value:
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return None
    if not isinstance(value, dict) or not value.keys() <= {"method", "attribute", "values"}:
        return None
    method, values = value.get("method"), value.get("values", [])
    if not isinstance(method, str) or method not in _METHODS or not isinstance(values, list):
        return None
    return method, values


def _is_number(rules: ColumnRules) -> bool:
    return rules.kind.storage in {"integer", "float"} and not rules.array


def _is_text(rules: ColumnRules) -> bool:
    return rules.kind.storage == "text" and not rules.array and not rules.encrypted


def _is_array(rules: ColumnRules) -> bool:
    return rules.array and not rules.encrypted


def _is_boolean(rules: ColumnRules) -> bool:
    return rules.kind.storage == "boolean" and not rules.array


def _is_time(rules: ColumnRules) -> bool:
    return rules.kind.storage == "time" and not rules.array


def _number(method: str, value: object) -> int | float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or abs(value) >= 2**63:  # type: ignore[arg-type]
        raise InvalidValueError(f"the operator {method} needs numbers.")
    return value  # type: ignore[return-value]


def whole(number: int | float) -> int | float:
    """The number, as an integer if it is one."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _amount(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    """The values of a method with a number and maybe a bound."""
    given = values or ([1] if method in {"increment", "decrement"} else [])
    if not 1 <= len(given) <= 2:
        raise InvalidValueError(f"the operator {method} needs a number and maybe a bound.")
    amount = _number(method, given[0])
    if method in {"divide", "modulo"} and amount == 0:
        raise InvalidValueError(f"the operator {method} cannot divide by zero.")
    bound = given[1] if len(given) == 2 else None
    numbers = [amount] if bound is None else [amount, _number(method, bound)]
    # Integers are computed with exactly, however a client writes them.
    return [whole(each) for each in numbers] if rules.kind.storage == "integer" else numbers


def _divisor(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    if len(values) != 1:
        raise InvalidValueError(f"the operator {method} needs one number.")
    return _amount(rules, method, values)


def _elements(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    if len(values) > MAX_VALUES:
        raise InvalidValueError(f"the operator {method} takes at most {MAX_VALUES} values.")
    return [rules.accept_element(value) for value in values]


def _position(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    if len(values) != 2 or isinstance(values[0], bool) or not isinstance(values[0], int) or values[0] < 0:
        raise InvalidValueError(f"the operator {method} needs an index, from 0, and a value.")
    return [values[0], rules.accept_element(values[1])]


def _one_element(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    if len(values) != 1:
        raise InvalidValueError(f"the operator {method} needs one value.")
    return [rules.accept_element(values[0])]


def _nothing(_: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    if values:
        raise InvalidValueError(f"the operator {method} takes no values.")
    return []


def _condition(rules: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    name = values[0] if values else None
    value = values[1] if len(values) == 2 else None
    if not isinstance(name, str) or name not in CONDITIONS or len(values) > 2:
        raise InvalidValueError(f"the operator {method} needs a condition: {', '.join(sorted(CONDITIONS))}.")
    if name in {"isNull", "isNotNull"}:
        return [name, None]
    if value is None:
        raise InvalidValueError(f"the condition {name} needs a value.")
    return [name, rules.accept_element(value)]


def _texts(count: int) -> Callable[[ColumnRules, str, list[Any]], list[Any]]:
    def check(_: ColumnRules, method: str, values: list[Any]) -> list[Any]:
        if len(values) != count or not all(isinstance(value, str) for value in values):
            raise InvalidValueError(f"the operator {method} needs {count} texts.")
        problem = next(filter(None, map(text_problem, values)), "")
        if problem or (method == "stringReplace" and not values[0]):
            raise InvalidValueError(problem or "the text to replace must not be empty.")
        return values

    return check


def _days(_: ColumnRules, method: str, values: list[Any]) -> list[Any]:
    days = values[0] if len(values) == 1 else None
    if isinstance(days, bool) or not isinstance(days, int) or abs(days) > 4_000_000:
        raise InvalidValueError(f"the operator {method} needs a number of days.")
    return [days]


_Check = Callable[[ColumnRules, str, list[Any]], list[Any]]

_METHODS: Final[Mapping[str, tuple[Callable[[ColumnRules], bool], _Check]]] = {
    **dict.fromkeys(("increment", "decrement", "multiply", "divide", "power"), (_is_number, _amount)),
    "modulo": (_is_number, _divisor),
    **dict.fromkeys(("arrayAppend", "arrayPrepend", "arrayIntersect", "arrayDiff"), (_is_array, _elements)),
    "arrayInsert": (_is_array, _position),
    "arrayRemove": (_is_array, _one_element),
    "arrayUnique": (_is_array, _nothing),
    "arrayFilter": (_is_array, _condition),
    "stringConcat": (_is_text, _texts(1)),
    "stringReplace": (_is_text, _texts(2)),
    "toggle": (_is_boolean, _nothing),
    "dateAddDays": (_is_time, _days),
    "dateSubDays": (_is_time, _days),
    "dateSetNow": (_is_time, _nothing),
}
"""The columns that each method applies to, and the check of its values."""
