"""The values that queries on members of documents give: of what kinds they are, and what of them is bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from tidewire.core.columns import INT64, text_problem
from tidewire.core.folding import fold
from tidewire.core.queries import MAX_VALUES, Query
from tidewire.store.engine.dialect import match_expression
from tidewire.store.engine.patterns import compiled_pattern
from tidewire.store.lists.conditions import FEW
from tidewire.store.lists.filters import InvalidFilterError, given_values
from tidewire.store.user_tables.members import Member
from tidewire.store.user_tables.prefixes import ranges_of

ScalarKind = Literal["number", "text", "texts", "true", "false", "null", "object", "array"]
"""``object`` and ``array`` are those that are empty, within an object that a query gives; ``texts`` are many,
as one JSON array."""
Leaf = tuple[tuple[str, ...], bool, ScalarKind]
"""A value within an object that a query gives: its path, whether it is an element of an array there, and its
kind."""
Kind = ScalarKind | tuple[Leaf, ...]
"""The kind of a value, as which it is compared; for an object, the kinds of its parts."""


def read_values(member: Member, query: Query) -> tuple[list[Any], tuple[Kind, ...]]:
    """Return what is bound of the values of a query, and their kinds. Raises :class:`InvalidFilterError`."""
    given = given_values(query, _COUNTS.get(query.method, 0))
    if any(isinstance(value, dict) for value in given):
        return _read_objects(member, query, given)
    kinds = tuple(_kind(query, value) for value in given)
    if query.method in {"equal", "notEqual"} or ("ontains" in query.method and set(kinds) == {"text"}):
        return _read_many(query, given, kinds)
    return _READ.get(query.method, _plain)(member, query, given, kinds), kinds


def _kind(query: Query, value: object) -> ScalarKind:
    problem = ""
    if isinstance(value, bool):
        if query.method not in _EQUALITY:
            raise _wrong(query, "true and false have no order and no parts.")
        return "true" if value else "false"
    if isinstance(value, str):
        problem = text_problem(value)
        if not problem:
            return "text"
    elif isinstance(value, float) or (isinstance(value, int) and value in INT64):
        if query.method not in _TEXTUAL:
            return "number"
        problem = "it must be text."
    raise _wrong(query, problem or "it must be text, a number of 64 bits, true or false.")


def _read_objects(member: Member, query: Query, given: Sequence[Any]) -> tuple[list[Any], tuple[Kind, ...]]:
    """The values in objects, one after the other, and what these objects are like."""
    values: list[Any] = []
    kinds: list[Kind] = []
    for value in given:
        if not isinstance(value, dict) or query.method not in _EQUALITY:
            raise _wrong(query, "objects go with equal and contains, and with other objects.")
        leaves: list[Leaf] = []
        for path, in_array, scalar in _leaves(query, value, ()):
            member.within(path)
            kind = _EMPTY.get(str(scalar)) if not isinstance(scalar, str) else None
            leaves.append((path, in_array, kind or _kind(query, scalar)))
            values += _bindable([] if kind else [scalar])
        kinds.append(tuple(leaves))
    if sum(map(len, kinds)) > MAX_VALUES:
        raise _wrong(query, f"objects have at most {MAX_VALUES} values in all.")
    return values, tuple(kinds)


def _leaves(
    query: Query, value: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], bool, Any]]:
    for name, part in value.items():
        if isinstance(part, dict) and part:
            yield from _leaves(query, part, (*path, name))
        elif isinstance(part, list) and part:
            if any(element is None or isinstance(element, dict | list) for element in part):
                raise _wrong(query, "arrays within objects hold text, numbers, true and false only.")
            yield from (((*path, name), True, element) for element in part)
        else:
            yield (*path, name), False, part


def _wrong(query: Query, problem: str) -> InvalidFilterError:
    return InvalidFilterError(
        f"The query {query.method} on {query.attribute[:64]} has a value that does not fit: {problem}"
    )


def _plain(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member
    if query.method in {"between", "notBetween"} and kinds[0] != kinds[1]:
        raise _wrong(query, "both must be numbers, or both text.")
    return _bindable(given)


def _bindable(given: Sequence[Any]) -> list[Any]:
    """The values without true, false and null, which are told apart by their kinds alone."""
    return [value for value in given if value is not None and not isinstance(value, bool)]


def _read_many(query: Query, given: Sequence[Any], kinds: Sequence[ScalarKind]) -> tuple[list[Any], Any]:
    """The values to compare with, many texts as one."""
    texts = [value for value in given if isinstance(value, str)]
    if len(texts) <= FEW:
        return _bindable(given), tuple(kinds)
    rest = [value for value in given if not isinstance(value, str)]
    packed = msgspec.json.encode(texts).decode()
    return [packed, *_bindable(rest)], ("texts", *(_kind(query, value) for value in rest))


def _read_folded(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, query, kinds
    return [fold(given[0])]


def _read_prefix(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, query, kinds
    prefix = fold(given[0])
    return [prefix, *ranges_of(prefix)]


def _read_search(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del query, kinds
    if not member.words:
        raise InvalidFilterError(f"Searching in {member.key} needs an index of type fulltext on it.")
    return [match_expression(given[0], member.words_column)]


def _read_pattern(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, kinds
    try:
        compiled_pattern(given[0])
    except ValueError as error:
        raise _wrong(query, f"it must be a regular expression ({error}).") from None
    return list(given)


_EMPTY: Final[Mapping[str, ScalarKind]] = {"None": "null", "{}": "object", "[]": "array"}
_EQUALITY: Final = frozenset({"equal", "notEqual", "contains", "containsAny", "containsAll", "notContains"})
"""Methods that take true and false."""
_TEXTUAL: Final = frozenset(
    {"startsWith", "notStartsWith", "endsWith", "notEndsWith", "search", "notSearch", "regex"}
)
_COUNTS: Final = {
    **dict.fromkeys(("lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual", *_TEXTUAL), 1),
    "between": 2,
    "notBetween": 2,
}
_READ: Final[Mapping[str, Callable[[Member, Query, Sequence[Any], Sequence[Kind]], list[Any]]]] = {
    "startsWith": _read_prefix,
    "notStartsWith": _read_prefix,
    "endsWith": _read_folded,
    "notEndsWith": _read_folded,
    "search": _read_search,
    "notSearch": _read_search,
    "regex": _read_pattern,
}
"""Readers of values that are not bound as they are."""
