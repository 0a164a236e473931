"""JSON in SQL: the elements of arrays, and what stands at a path in a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    TableValuedAlias,
    and_,
    exists,
    func,
    literal,
    literal_column,
    not_,
    select,
)

Condition = ColumnElement[bool]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


def listed(values: ColumnElement[Any]) -> Select[Any]:
    """The values of a JSON array, for ``in_``: one parameter, however many they are."""
    return select(func.json_each(values).table_valued("value").alias("given").c.value)


def elements_of(array: ColumnElement[Any], path: ColumnElement[Any] | None = None) -> TableValuedAlias:
    """The elements of a JSON array, or of the one at a path, as rows with a ``value`` and a ``type``.

    Types are those of :func:`type_at`. No rows where there is no array.
    """
    given = (array,) if path is None else (array, path)
    return func.json_each(*given).table_valued("value", "type").alias()


def array_contains(array: ColumnElement[Any], method: str, values: ColumnElement[Any]) -> Condition:
    """``contains``, ``containsAny``, ``containsAll`` or ``notContains`` on a JSON array.

    ``values`` is a JSON array too. Unknown where there is no array.
    """
    element = elements_of(array)
    found = element.c.value.in_(listed(values))
    if method == "containsAll":
        given = listed(values).subquery().c.value
        wanted = select(func.count(given.distinct())).scalar_subquery()
        held = select(func.count(element.c.value.distinct())).select_from(element).where(found)
        return and_(array.is_not(None), held.scalar_subquery() == wanted)
    held_one = exists(select(1).select_from(element).where(found))
    return and_(array.is_not(None), not_(held_one)) if method == "notContains" else held_one


def path_to(names: Sequence[str]) -> ColumnElement[Any]:
    """The path of members' names, outermost first.

    Names of members are users' data. One that consists of letters, digits, ``_`` and ``-`` stands in the
    statement as it is, quoted, so that indexes on the same expression answer; any other is bound.
    """
    if all(map(_PLAIN.fullmatch, names)):
        return literal_column(quoted_path(names))
    return literal("$" + "".join(f'."{name}"' for name in names))


def quoted_path(names: Sequence[str]) -> str:
    """A path as a literal of SQL. Raises ValueError for a name that cannot stand in one as it is."""
    if not all(map(_PLAIN.fullmatch, names)):
        raise ValueError(names)
    return "'$" + "".join(f'."{name}"' for name in names) + "'"


def value_at(document: ColumnElement[Any], path: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value: NULL for null and nothing, 1 and 0 for true and false, JSON text for what has parts."""
    return func.json_extract(document, path)


def type_at(document: ColumnElement[Any], path: ColumnElement[Any]) -> ColumnElement[Any]:
    """``null``, ``true``, ``false``, ``integer``, ``real``, ``text``, ``array``, ``object``, or NULL."""
    return func.json_type(document, path)
