"""Related rows as clients give them: ids of rows, and rows that are to be written with it."""

from __future__ import annotations

from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.services.databases.dialects import DialectCall
from tidewire.store.user_tables.relations import Relation

Item = str | dict[str, Any]
"""The id of a row, or a row; with an ``$id`` that exists it is changed."""


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
