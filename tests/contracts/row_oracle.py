"""What queries on rows mean, said in plain Python: slow, and obviously right."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]


_CONTAINS = {"contains", "containsAny", "containsAll"}


def matches(row: Json, query: Json) -> bool:
    """Whether a row fits a filter. A comparison with nothing is false, and its negation too."""
    return _truth(row, query) is True


def _truth(row: Json, query: Json) -> bool | None:
    """True, false or, as in SQL, unknown."""
    method, values = query["method"], query["values"]
    if method in {"and", "or"}:
        parts = [_truth(row, part) for part in values]
        if method == "and":
            return False if False in parts else None if None in parts else True
        return True if True in parts else None if None in parts else False
    value = row.get(query["attribute"])
    if method == "isNull":
        return value is None
    if method == "isNotNull":
        return value is not None
    return None if value is None else _compare(method, value, values)


def _compare(method: str, value: Any, values: list[Any]) -> bool:
    if method.startswith("not") and method != "notEqual":
        positive = method[3].lower() + method[4:]
        return not _compare(positive, value, values)
    first = values[0]
    if method in {"equal", "notEqual"}:
        return (value in values) == (method == "equal")
    if method == "lessThan":
        return bool(value < first)
    if method == "lessThanEqual":
        return bool(value <= first)
    if method == "greaterThan":
        return bool(value > first)
    if method == "greaterThanEqual":
        return bool(value >= first)
    if method == "between":
        return bool(first <= value <= values[1])
    if isinstance(value, str) and method in {"startsWith", "endsWith", *_CONTAINS}:
        value, values = value.casefold(), [each.casefold() for each in values]
        first = values[0]
    if method == "startsWith":
        return bool(value.startswith(first))
    if method == "endsWith":
        return bool(value.endswith(first))
    if method in {"contains", "containsAny"}:
        return any(each in value for each in values)
    if method == "containsAll":
        return all(each in value for each in values)
    if method == "regex":
        return re.search(first, value) is not None
    raise AssertionError(method)


def ordered(rows: list[Json], orders: list[tuple[str, bool]]) -> list[Json]:
    """Rows in the order asked for: nothing comes before everything; ties by creation."""
    last_descending = orders[-1][1] if orders else False
    result = sorted(rows, key=lambda row: int(row["$sequence"]), reverse=last_descending)
    for key, descending in reversed(orders):
        result.sort(key=lambda row: _rank(row.get(key)), reverse=descending)
    return result


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)
