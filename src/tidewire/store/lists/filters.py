"""Filters of REST list queries as SQL conditions.

``contains``, ``startsWith``, ``endsWith`` and ``search`` ignore the case of letters; all else compares text
exactly. A comparison with a value that is NULL is false, its negation too; a time that was never set, which
is stored as 0, counts as NULL. A list, such as the labels of a user, can be asked whether it contains an
element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnDefault,
    ColumnElement,
    String,
    Text,
    and_,
    cast,
    literal,
    or_,
    true,
)

from tidewire.core.folding import fold
from tidewire.core.queries import MAX_VALUES, Query
from tidewire.core.time import parse_datetime
from tidewire.store.engine.dialect import (
    array_contains,
    contains,
    contains_of,
    ends_with,
    listed,
    starts_with,
)
from tidewire.store.lists.conditions import FEW, all_of, any_of

MAX_SEARCH_LENGTH: Final = 256
"""Characters of a text to search for."""
_BETWEEN_WORDS: Final = re.compile(r"[@+\-*()<>~\"]")
"""What counts as a blank in a text to search for."""
_INT64: Final = range(-(2**63), 2**63)

Attributes = Mapping[str, Column[Any]]


class InvalidFilterError(ValueError):
    """A filter that cannot be applied; the text says why."""


def filter_condition(query: Query, attributes: Attributes) -> ColumnElement[bool]:
    """The condition that a filter stands for. Raises :class:`InvalidFilterError`."""
    if query.method in {"and", "or"}:
        if not query.values:
            raise InvalidFilterError(f"The query {query.method} needs at least one query in its values.")
        parts = [filter_condition(child, attributes) for child in query.values]
        return all_of(parts) if query.method == "and" else any_of(parts)
    column = column_of(query, attributes)
    if query.method == "isNull":
        return column == 0 if _zero_is_never(column) else column.is_(None)
    if query.method == "isNotNull":
        return column != 0 if _zero_is_never(column) else column.is_not(None)
    if query.method not in _COMPARISONS:
        raise InvalidFilterError(f"The query {query.method} cannot be used here.")
    if isinstance(column.type, JSON):
        return _list_condition(query, column)
    kind, count, compare = _COMPARISONS[query.method]
    if kind == "text" and not isinstance(column.type, String):
        raise InvalidFilterError(
            f"The query {query.method} needs a text attribute, {query.attribute} is none."
        )
    if kind == "order" and isinstance(column.type, Boolean):
        raise InvalidFilterError(f"The attribute {query.attribute} is true or false and has no order.")
    condition = compare(column, _values(query, column, count))
    return and_(condition, column != 0) if _zero_is_never(column) else condition


def _zero_is_never(column: Column[Any]) -> bool:
    """Whether the column holds times that need not have come: :func:`tidewire.store.schema.columns.time`."""
    default = column.default
    return column.name.endswith("_at") and isinstance(default, ColumnDefault) and default.arg == 0


def orderable_column_of(query: Query, attributes: Attributes) -> Column[Any]:
    """The column of the attribute to order by. Raises :class:`InvalidFilterError`."""
    column = column_of(query, attributes)
    if isinstance(column.type, JSON):
        raise InvalidFilterError(f"The attribute {query.attribute} is a list and has no order.")
    return column


def column_of(query: Query, attributes: Attributes) -> Column[Any]:
    """The column of the query's attribute. Raises :class:`InvalidFilterError`."""
    column = attributes.get(query.attribute)
    if column is None:
        known = ", ".join(attributes)
        name = query.attribute[:64] or "(none)"
        raise InvalidFilterError(
            f"The query {query.method} names the attribute {name}; allowed are: {known}."
        )
    return column


def given_values(query: Query, count: int) -> Sequence[Any]:
    """The values of a query: ``count`` of them, or 1 to :data:`MAX_VALUES` if it is 0.

    Raises :class:`InvalidFilterError`.
    """
    given = len(query.values)
    if count and given != count:
        needed = "one value" if count == 1 else f"{count} values"
        raise InvalidFilterError(f"The query {query.method} needs exactly {needed}, not {given}.")
    if not 1 <= given <= MAX_VALUES:
        raise InvalidFilterError(f"The query {query.method} needs 1 to {MAX_VALUES} values, not {given}.")
    return query.values


def text_search(columns: Sequence[Column[Any]], text: str) -> ColumnElement[bool]:
    """The condition that every word of ``text`` occurs in one of the columns, upper or lower case alike.

    What stands in double quotes is looked for as it stands.
    """
    return and_(
        true(),
        *(or_(*(contains(column, literal(word)) for column in columns)) for word in _words(text)),
    )


def _words(text: str) -> list[str]:
    text = fold(text.strip())
    phrase = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == '"' and '"' not in phrase:
        return [phrase]
    # Nothing but marks is looked for as it is.
    return _BETWEEN_WORDS.sub(" ", text).split() or text.split()


def _list_condition(query: Query, column: Column[Any]) -> ColumnElement[bool]:
    """The condition on a column that holds a JSON array of words: labels, team roles."""
    if query.method not in _LIST_METHODS:
        raise InvalidFilterError(
            f"The attribute {query.attribute} is a list: ask for what it contains, not with {query.method}."
        )
    return array_contains(cast(column, Text), query.method, _json(_values(query, column, 0)))


def _json(values: list[Any]) -> ColumnElement[str]:
    return literal(msgspec.json.encode(values).decode())


def _values(query: Query, column: Column[Any], count: int) -> list[Any]:
    """The values, converted; how many there are to be: :func:`given_values`."""
    try:
        values: list[Any] = [
            _converted(value, query.attribute, column) for value in given_values(query, count)
        ]
    except ValueError as error:
        raise InvalidFilterError(
            f"The query {query.method} on {query.attribute} has a value that does not fit: {error}"
        ) from None
    if query.method in {"search", "notSearch"} and len(values[0]) > MAX_SEARCH_LENGTH:
        raise InvalidFilterError(f"A text to search for has at most {MAX_SEARCH_LENGTH} characters.")
    return values


def _converted(value: object, attribute: str, column: Column[Any]) -> object:
    """The value as it is stored; ValueError with a text if it has the wrong type."""
    if isinstance(column.type, Boolean):
        if not isinstance(value, bool):
            raise ValueError("it must be true or false.")
        return value
    if isinstance(column.type, String | JSON):
        return _text(value)
    if column.name.endswith("_at"):
        return _moment(value)
    if (
        attribute == "$sequence"
        and isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) < 20
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it must be a number.")
    if isinstance(value, int) and value not in _INT64:
        raise ValueError("it must be an integer of 64 bits.")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be text.")
    if "\0" in value:
        raise ValueError("text must not contain NUL characters.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("it must be valid Unicode text.") from None
    return value


def _moment(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("it must be a date and time in ISO 8601.")
    try:
        return parse_datetime(value)
    except (ValueError, OverflowError):
        raise ValueError(
            "it must be a date and time in ISO 8601, as in 2020-10-15T06:38:00.000+00:00."
        ) from None


def _part(value: str) -> ColumnElement[str]:
    return literal(fold(value))


def _starts_with(column: Column[Any], values: list[Any]) -> ColumnElement[bool]:
    return starts_with(column, _part(values[0]))


def _ends_with(column: Column[Any], values: list[Any]) -> ColumnElement[bool]:
    return ends_with(column, _part(values[0]))


def _contained(column: Column[Any], values: list[Any], *, every: bool = False) -> ColumnElement[bool]:
    if len(values) > FEW:
        return contains_of(column, _json([fold(value) for value in values]), every=every)
    parts = [contains(column, _part(value)) for value in values]
    return all_of(parts) if every else any_of(parts)


def _among(column: Column[Any], values: list[Any]) -> ColumnElement[bool]:
    return column.in_(listed(_json(values)) if len(values) > FEW else values)


Comparison = Callable[[Column[Any], list[Any]], ColumnElement[bool]]

_COMPARISONS: Final[Mapping[str, tuple[str, int, Comparison]]] = {
    "equal": ("any", 0, _among),
    "notEqual": ("any", 0, lambda column, values: ~_among(column, values)),
    "lessThan": ("order", 1, lambda column, values: column < values[0]),
    "lessThanEqual": ("order", 1, lambda column, values: column <= values[0]),
    "greaterThan": ("order", 1, lambda column, values: column > values[0]),
    "greaterThanEqual": ("order", 1, lambda column, values: column >= values[0]),
    "between": ("order", 2, lambda column, values: column.between(*values)),
    "notBetween": ("order", 2, lambda column, values: ~column.between(*values)),
    "contains": ("text", 0, _contained),
    "containsAny": ("text", 0, _contained),
    "containsAll": ("text", 0, lambda column, values: _contained(column, values, every=True)),
    "notContains": ("text", 0, lambda column, values: ~_contained(column, values)),
    "search": ("text", 1, lambda column, values: and_(text_search([column], values[0]), column.is_not(None))),
    "notSearch": ("text", 1, lambda column, values: ~text_search([column], values[0])),
    "startsWith": ("text", 1, _starts_with),
    "notStartsWith": ("text", 1, lambda column, values: ~_starts_with(column, values)),
    "endsWith": ("text", 1, _ends_with),
    "notEndsWith": ("text", 1, lambda column, values: ~_ends_with(column, values)),
}
"""Method to: kind of attribute (``text``; ``order``: all but booleans), number of values, condition."""

_LIST_METHODS: Final = frozenset({"contains", "containsAny", "containsAll", "notContains"})

FILTER_METHODS: Final = frozenset({"and", "or", "isNull", "isNotNull", *_COMPARISONS})
