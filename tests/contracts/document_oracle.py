"""What queries on documents mean, said in plain Python: slow, and obviously right."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

Json = dict[str, Any]

MISSING = object()


def matches(document: Any, query: Json) -> bool:
    """Whether a document, or an element of an array, fits a filter."""
    method, values = query["method"], query["values"]
    if method in {"and", "or"}:
        parts = [matches(document, part) for part in values]
        return all(parts) if method == "and" else any(parts)
    if method in {"exists", "notExists"}:
        there = [found(document, attribute) is not MISSING for attribute in values]
        return all(there) if method == "exists" else not any(there)
    value = found(document, query["attribute"])
    nothing = value is MISSING or value is None
    if method == "isNull":
        return nothing
    if method == "isNotNull":
        return not nothing
    if nothing:
        return False
    if method == "elemMatch":
        elements = value if isinstance(value, list) else []
        return any(
            isinstance(element, dict) and all(matches(element, part) for part in values)
            for element in elements
        )
    if method.startswith("not"):
        return not _compare(method[3].lower() + method[4:], value, values)
    return _compare(method, value, values)


def found(document: Any, path: str) -> Any:
    """The value at a path; :data:`MISSING` if there is none."""
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return MISSING
        document = document[name]
    return document


def ordered(documents: list[Json], orders: list[tuple[str, bool]]) -> list[Json]:
    """Documents in the order asked for, ties by creation."""
    result = sorted(documents, key=lambda each: int(each["$sequence"]), reverse=orders[-1][1])
    for path, descending in reversed(orders):
        result.sort(key=lambda each: rank(found(each, path)), reverse=descending)
    return result


def rank(value: Any) -> tuple[int, Any]:
    """Nothing first, then numbers, among which false and true are, then texts, among which all else is."""
    if value is MISSING or value is None:
        return (0, 0)
    if isinstance(value, int | float):
        return (1, value)
    return (2, value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _has(value: Any, part: Any) -> bool:
    """Whether an object has all of the parts of another."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(
            name in value and _has(value[name], part[name]) for name in part
        )
    if isinstance(part, list):
        return isinstance(value, list) and all(_holds(value, each) for each in part)
    return value is None if part is None else _same(value, part)


def _same(value: Any, other: Any) -> bool:
    return _kind(value) == _kind(other) and bool(value == other)


def _holds(value: Any, part: Any) -> bool:
    if isinstance(value, list):
        return any(_same(element, part) for element in value)
    return isinstance(value, str) and isinstance(part, str) and part.casefold() in value.casefold()


def _holds_part(value: Any, part: Any) -> bool:
    if isinstance(value, list) and isinstance(part, str):
        return any(isinstance(element, str) and _holds(element, part) for element in value)
    return _holds(value, part)


def _compare(method: str, value: Any, values: list[Any]) -> bool:
    if isinstance(values[0], dict):
        return (all if method == "containsAll" else any)(_has(value, each) for each in values)
    if method == "equal":
        return any(_same(value, each) for each in values)
    if method in {"contains", "containsAny"}:
        return any(_holds_part(value, each) for each in values)
    if method == "containsAll":
        return all(_holds(value, each) for each in values)
    first = values[0]
    if _kind(value) != _kind(first):
        return False
    if method == "between":
        return bool(first <= value <= values[1])
    if method in {"startsWith", "endsWith"}:
        return bool(getattr(value.casefold(), method.lower())(first.casefold()))
    if method == "regex":
        return re.search(first, value) is not None
    comparisons = {
        "lessThan": value < first,
        "lessThanEqual": value <= first,
        "greaterThan": value > first,
        "greaterThanEqual": value >= first,
    }
    return bool(comparisons[method])


def distance(method: str, one: list[float], other: list[float]) -> float:
    """How far two vectors are apart; the less, the nearer."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    if method == "vectorDot":
        return -dot
    if method == "vectorEuclidean":
        return math.dist(one, other)
    lengths = math.hypot(*one) * math.hypot(*other)
    return 1 - dot / lengths if lengths else 1.0
