"""Comparisons of realtime queries beyond those that every Appwrite server knows.

They mean on the payload of an event what the filters of the same name mean on a stored row: what
looks for a part of a text ignores the case of letters; a comparison with null, with a missing key, or with a
value of a type that the method does not apply to is false, and so is its negation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.folding import fold
from tidewire.core.queries import MAX_VALUES, Query
from tidewire.core.realtime_comparisons import Predicate, is_number, keys_of
from tidewire.core.realtime_payload import Attributes

MAX_SEARCH_LENGTH: Final = 256
"""Characters of a text to search for."""

Test = Callable[[Attributes], bool | None]
"""A function that says whether the value of an attribute fits; None if the method does not apply to the
value."""


@dataclass(frozen=True)
class _Method:
    """One method of the extension."""

    problem: Callable[[Sequence[Any]], str]
    """What is wrong with the query's values; empty if nothing is."""
    test: Callable[[str, Sequence[Any]], Test]
    """Makes the test from the attribute and the query's values."""
    negated: bool = False


def extension_problem(query: Query) -> str:
    """What is wrong with the values of a query of :data:`EXTENSION`; empty if nothing is."""
    if query.method in _EXISTENCE:
        problem = _problem_of_names(query.values)
    else:
        problem = _METHODS[query.method].problem(query.values)
    return f"The query {query.method} needs {problem}." if problem else ""


def texts_to_find(query: Query) -> int:
    """How many texts a query of :data:`EXTENSION` looks for anywhere within another."""
    if query.method in {"search", "notSearch"}:
        return len(_words(query.values))
    return len(_parts(query.values)) if "ontains" in query.method else 0


def _compile_exists(query: Query) -> Predicate:
    """All of the attributes that the values name are there, be it with null."""
    names = query.values
    return lambda payload: all(name in payload for name in names)


def _compile_not_exists(query: Query) -> Predicate:
    names = query.values
    return lambda payload: not any(name in payload for name in names)


def _compile(query: Query) -> Predicate:
    method = _METHODS[query.method]
    wanted = not method.negated
    test = method.test(query.attribute, query.values)
    return lambda payload: test(payload) is wanted


def _between(attribute: str, values: Sequence[Any]) -> Test:
    low, high = values
    applies = (lambda value: isinstance(value, str)) if isinstance(low, str) else is_number

    def test(payload: Attributes) -> bool | None:
        value = payload.get(attribute)
        return low <= value <= high if applies(value) else None

    return test


def _at_edge(fits: Callable[[str, str], bool]) -> Callable[[str, Sequence[Any]], Test]:
    """The maker of a test whether a text begins, or ends, with another."""

    def of(attribute: str, values: Sequence[Any]) -> Test:
        text = fold(values[0])

        def test(payload: Attributes) -> bool | None:
            if not isinstance(payload.get(attribute), str):
                return None
            return fits(payload.folded(attribute), text)

        return test

    return of


_starts_with: Final = _at_edge(str.startswith)
_ends_with: Final = _at_edge(str.endswith)


def _contains_any(attribute: str, values: Sequence[Any]) -> Test:
    """Parts of a text, or elements of an array."""
    parts, keys = _parts(values), keys_of(values)

    def test(payload: Attributes) -> bool | None:
        value = payload.get(attribute)
        if isinstance(value, str):
            text = payload.folded(attribute)
            return any(part in text for part in parts)
        return not keys.isdisjoint(payload.elements(attribute)) if isinstance(value, list) else None

    return test


def _contains_all(attribute: str, values: Sequence[Any]) -> Test:
    parts, keys = _parts(values), keys_of(values)

    def test(payload: Attributes) -> bool | None:
        value = payload.get(attribute)
        if isinstance(value, str):
            text = payload.folded(attribute)
            return len(parts) == len(values) and all(part in text for part in parts)
        return keys <= payload.elements(attribute) if isinstance(value, list) else None

    return test


def _parts(values: Sequence[Any]) -> list[str]:
    return [fold(value) for value in values if isinstance(value, str)]


def _search(attribute: str, values: Sequence[Any]) -> Test:
    words = _words(values)

    def test(payload: Attributes) -> bool | None:
        if not isinstance(payload.get(attribute), str):
            return None
        text = payload.folded(attribute)
        return all(word in text for word in words)

    return test


def _words(values: Sequence[Any]) -> list[str]:
    words: list[str] = fold(values[0]).split()
    return words


def _problem_of_bounds(values: Sequence[Any]) -> str:
    kinds = {"text" if isinstance(value, str) else is_number(value) for value in values}
    return "" if len(values) == 2 and kinds in ({"text"}, {True}) else "two numbers or two texts"


def _problem_of_text(values: Sequence[Any]) -> str:
    return "" if len(values) == 1 and isinstance(values[0], str) else "one text"


def _problem_of_search(values: Sequence[Any]) -> str:
    if _problem_of_text(values) or len(values[0]) > MAX_SEARCH_LENGTH:
        return f"one text of at most {MAX_SEARCH_LENGTH} characters"
    return ""


def _problem_of_names(values: Sequence[Any]) -> str:
    fits = 1 <= len(values) <= MAX_VALUES and all(isinstance(value, str) for value in values)
    return "" if fits else f"1 to {MAX_VALUES} names of attributes"


def _problem_of_parts(values: Sequence[Any]) -> str:
    return "" if 1 <= len(values) <= MAX_VALUES else f"1 to {MAX_VALUES} values"


_METHODS: Final[Mapping[str, _Method]] = {
    "between": _Method(_problem_of_bounds, _between),
    "notBetween": _Method(_problem_of_bounds, _between, negated=True),
    "startsWith": _Method(_problem_of_text, _starts_with),
    "notStartsWith": _Method(_problem_of_text, _starts_with, negated=True),
    "endsWith": _Method(_problem_of_text, _ends_with),
    "notEndsWith": _Method(_problem_of_text, _ends_with, negated=True),
    "contains": _Method(_problem_of_parts, _contains_any),
    "notContains": _Method(_problem_of_parts, _contains_any, negated=True),
    "containsAny": _Method(_problem_of_parts, _contains_any),
    "containsAll": _Method(_problem_of_parts, _contains_all),
    "search": _Method(_problem_of_search, _search),
    "notSearch": _Method(_problem_of_search, _search, negated=True),
}

_EXISTENCE: Final[Mapping[str, Callable[[Query], Predicate]]] = {
    "exists": _compile_exists,
    "notExists": _compile_not_exists,
}
"""Methods about attributes rather than the value of one."""

EXTENSION: Final[Mapping[str, Callable[[Query], Predicate]]] = {
    **dict.fromkeys(_METHODS, _compile),
    **_EXISTENCE,
}
"""The compiler of each method of the extension."""
