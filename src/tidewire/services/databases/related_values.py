"""What a client wants a row to be related to: ids of rows, and rows that are to be written with it."""

from __future__ import annotations

from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.relationships import MAX_LEVELS
from tidewire.services.databases.dialects import DialectCall
from tidewire.store.user_tables.relations import Relation

Item = str | dict[str, Any]
"""The id of a row, or a row, with its ``$id`` if it is there already."""


class Nesting:
    """How far a write has gone from the row that was asked for to those nested in it."""

    def __init__(self, call: DialectCall) -> None:
        self._call = call
        self._level = 0
        self._items = [0]
        """How many related rows there were so far, on all levels."""

    def deeper(self, relation: Relation, item: Item) -> Nesting:
        """One level further, for one related row. Raises ``relationship_value_invalid``."""
        limit = self._call.context.settings.related_rows_max
        self._items[0] += 1
        if self._items[0] > limit:
            problem = f"a request can be given at most {limit} related rows."
            raise invalid_relation(self._call, relation, problem)
        if self._level == MAX_LEVELS and isinstance(item, dict):
            problem = f"rows can be nested {MAX_LEVELS} levels deep."
            raise invalid_relation(self._call, relation, problem)
        further = Nesting(self._call)
        further._level, further._items = self._level + 1, self._items
        return further


def read_related(call: DialectCall, relation: Relation, value: object) -> list[Item]:
    """The related rows of one column; a list even where there can only be one.

    Raises ``relationship_value_invalid``.
    """
    if value is None:
        return []
    if relation.many != isinstance(value, list):
        wanted = "an array of ids or of rows" if relation.many else "one id or one row"
        raise invalid_relation(call, relation, f"it must be null or {wanted}.")
    items: list[Any] = value if isinstance(value, list) else [value]
    for item in items:
        row_id = item.get("$id", "unique()") if isinstance(item, dict) else item
        if not isinstance(row_id, str) or not (is_id(row_id) or (row_id == "unique()" != item)):
            raise invalid_relation(call, relation, "the id of a row is expected, or an object.")
    return items


def invalid_relation(call: DialectCall, relation: Relation, problem: str) -> TidewireError:
    """The error for a value that a relation cannot have."""
    word = call.dialect.word("column")
    message = call.dialect.word(problem)
    return TidewireError(
        "relationship_value_invalid", f'The {word} "{relation.key}" has an invalid value: {message}'
    )
