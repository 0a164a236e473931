"""Operators as SQL expressions: the new value of a column out of its old one, within one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, func, literal, literal_column

from tidewire.core.row_operators import Operator
from tidewire.core.time import now
from tidewire.store.engine.sqlite.functions import LARGEST_MADE
from tidewire.store.user_tables.columns import UserColumn
from tidewire.store.user_tables.tables import UserTable

Expression = ColumnElement[Any]

_DAY: Final = 24 * 3600 * 1000
"""Milliseconds."""
_NO_VALUE: Final[Expression] = literal_column("x''")
"""As :data:`tidewire.store.engine.sqlite.functions.NO_VALUE`."""

_encode = msgspec.json.Encoder().encode


def operator_shape(operator: Operator) -> tuple[Any, ...]:
    """What the expression of an operator depends on besides values."""
    values = operator.values
    if operator.method.startswith("array"):
        return (operator.method,)
    return (operator.method, len(values), all(isinstance(value, int) for value in values))


def operator_values(column: UserColumn, operator: Operator) -> dict[str, Any]:
    """The values of the parameters of :func:`operator_expression`."""
    name = column.name
    if operator.method.startswith("array"):
        return {f"{name}_0": _encode(operator.values).decode()}
    if operator.method == "dateSetNow":
        return {f"{name}_0": now()}
    values = operator.values
    if operator.method in {"dateAddDays", "dateSubDays"}:
        values = (values[0] * _DAY,)
    return {f"{name}_{number}": value for number, value in enumerate(values)}


def operator_expression(table: UserTable, column: UserColumn, operator: Operator) -> Expression:
    """The new value. What it became is checked afterwards, in the same transaction."""
    stored = table.rows.c[column.name]
    bound: list[Expression] = [
        bindparam(f"{column.name}_{number}") for number in range(max(1, len(operator.values)))
    ]
    method = operator.method
    if method.startswith("array"):
        return func.tidewire_array(method, stored, bound[0])
    if method in _NUMBERS:
        numbers = _WHOLE_NUMBERS if _is_whole(column, operator) else _NUMBERS
        changed = numbers[method](func.coalesce(stored, 0), bound[0])
        if len(operator.values) == 2:
            changed = _bounded(changed, bound[1], _IS_UPPER[method])
        return func.coalesce(_fitting(column, operator, changed), _NO_VALUE)
    if method in _TEXTS:
        longest = min(column.rules.kind.size or column.rules.size, LARGEST_MADE)
        length, text = _TEXTS[method](stored, bound)
        return case((length > longest, _NO_VALUE), else_=text)
    return _OTHERS[method](stored, bound)


def _is_whole(column: UserColumn, operator: Operator) -> bool:
    """Whether there are integers only, which are computed with exactly."""
    return column.rules.kind.storage == "integer" and all(isinstance(each, int) for each in operator.values)


def _bounded(changed: Expression, bound: Expression, upper: bool) -> Expression:
    """The changed value, but not beyond the bound."""
    beyond = changed > bound if upper else changed < bound
    return case((beyond, bound), else_=changed)


def _fitting(column: UserColumn, operator: Operator, changed: Expression) -> Expression:
    """What becomes of a fraction in a column of integers: it is rounded."""
    if column.rules.kind.storage != "integer" or _is_whole(column, operator):
        return changed
    # What is too great stays a fraction, and is found out to be none of the column's values.
    return case((func.abs(changed) < 2.0**63, cast(func.round(changed), BigInteger)), else_=changed)


def _divided(stored: Expression, number: Expression) -> Expression:
    return stored.op("/")(number)


def _joined(stored: Expression, bound: list[Expression]) -> tuple[Expression, Expression]:
    before = func.coalesce(stored, "")
    return func.length(before) + func.length(bound[0]), before.op("||")(bound[0])


def _replaced(stored: Expression, bound: list[Expression]) -> tuple[Expression, Expression]:
    old, new = bound
    # Known before it is made, as it may be some thousand times what was sent.
    found = (func.length(stored) - func.length(func.replace(stored, old, ""))).op("/")(func.length(old))
    length = func.length(stored) + found * (func.length(new) - func.length(old))
    return length, func.replace(stored, old, new)


_NUMBERS: Final[Mapping[str, Callable[[Expression, Expression], Expression]]] = {
    "increment": lambda stored, number: stored + number,
    "decrement": lambda stored, number: stored - number,
    "multiply": lambda stored, number: stored * number,
    "divide": _divided,
    "modulo": lambda stored, number: func.mod(stored, number),
    "power": lambda stored, number: func.pow(stored, number),
}
_WHOLE_NUMBERS: Final[Mapping[str, Callable[[Expression, Expression], Expression]]] = {
    **_NUMBERS,
    "modulo": lambda stored, number: stored.op("%")(number),
    "power": lambda stored, number: func.tidewire_power(stored, number),
}
_IS_UPPER: Final = {
    "increment": True,
    "decrement": False,
    "multiply": True,
    "divide": False,
    "power": True,
}
"""Whether the bound of the operator is the greatest value, or the least."""

_TEXTS: Final[Mapping[str, Callable[[Expression, list[Any]], tuple[Expression, Expression]]]] = {
    "stringConcat": _joined,
    "stringReplace": _replaced,
}
"""What gives the length of the new text, and the text."""

_OTHERS: Final[Mapping[str, Callable[[Expression, list[Any]], Expression]]] = {
    "toggle": lambda stored, _: literal(1) - func.coalesce(stored, 0),
    "dateAddDays": lambda stored, bound: stored + bound[0],
    "dateSubDays": lambda stored, bound: stored - bound[0],
    "dateSetNow": lambda _, bound: bound[0],
}
