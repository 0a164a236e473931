"""Fields: what queries on a table can name, and the values that they compare it with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table

from tidewire.core.columns import INT64, Storage, text_problem
from tidewire.core.geometry import Shape
from tidewire.core.time import parse_datetime
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables import names
from tidewire.store.user_tables.tables import UserTable


@dataclass(frozen=True)
class Field:
    """A field: something that queries can name, and what it is in SQL."""

    key: str
    rows: Table
    """The table that holds it."""
    column: ColumnElement[Any]
    storage: Storage
    nullable: bool = True
    array: bool = False
    encrypted: bool = False
    shape: Shape | None = None
    words: str = ""
    """The table of the index of words; empty if there is none."""
    words_column: str = ""
    boxes: str = ""
    """The table of the boxes around shapes; empty if there is none."""


INDEXED_FIELDS: Final = {
    "$id": "id",
    "$createdAt": "created_at",
    "$updatedAt": "updated_at",
    "$sequence": "sequence",
}
"""Fields besides columns that indexes can have in them, and what they are called in SQL."""
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_STORAGE: Final[Mapping[str, Storage]] = {"$id": "text", "$sequence": "integer"}
"""The storage of those of these fields that are no times."""


def field_of(table: UserTable, key: str, method: str) -> Field:
    """Return the field that a query means by ``key``. Raises :class:`InvalidFilterError` if there is none."""
    if key in INDEXED_FIELDS:
        column_of_all = table.rows.c[INDEXED_FIELDS[key]]
        return Field(key, table.rows, column_of_all, _STORAGE.get(key, "time"), nullable=False)
    column = table.columns.get(key)
    if column is None or column.rules.kind.storage == "document":
        raise InvalidFilterError(
            f"The query {method} names {key[:64] or '(nothing)'}, which this table lacks."
        )
    rules = column.rules
    words, boxes = table.index_of(key, "fulltext"), table.index_of(key, "spatial")
    return Field(
        key,
        table.rows,
        table.rows.c[column.name],
        rules.kind.storage,
        array=rules.array,
        encrypted=rules.encrypted,
        shape=rules.kind.shape,
        words=names.index_name(table.sequence, words.sequence) if words else "",
        words_column=column.name,
        boxes=names.index_name(table.sequence, boxes.sequence) if boxes else "",
    )


def value_of(field: Field, value: object) -> Any:
    """Return the driver's value that the field is compared with; raise :class:`InvalidFilterError` for a
    wrong type."""
    if field.storage == "text":
        return text_of(field, value)
    if field.storage == "boolean":
        if not isinstance(value, bool):
            raise wrong_value(field, "it must be true or false.")
        return int(value)
    if field.storage == "time":
        return _time(field, value)
    if field.key == "$sequence" and isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_value(field, "it must be a number.")
    if isinstance(value, int) and value not in INT64:
        raise wrong_value(field, "it must be an integer of 64 bits.")
    return value


def text_of(field: Field, value: object) -> str:
    """A text that can be compared with. Raises :class:`InvalidFilterError`."""
    if not isinstance(value, str):
        raise wrong_value(field, "it must be text.")
    problem = text_problem(value)
    if problem:
        raise wrong_value(field, problem)
    return value


def wrong_value(field: Field, problem: str) -> InvalidFilterError:
    """The error for a value that the field cannot be compared with."""
    return InvalidFilterError(f"A query on {field.key} has a value that does not fit: {problem}")


def _time(field: Field, value: object) -> int:
    try:
        if isinstance(value, str):
            return parse_datetime(value)
    except (ValueError, OverflowError):
        pass
    raise wrong_value(field, "it must be a date and time in ISO 8601.")
