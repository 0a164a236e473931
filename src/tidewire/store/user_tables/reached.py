"""Tables reached through relations, and what of them the caller of a request may read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidewire.core.relationships import MAX_LEVELS
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables.access import Access
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.tables import UserTable


@dataclass(frozen=True)
class Reached:
    """The other table of a relation."""

    relation: Relation
    table: UserTable
    access: Access | None
    """The access of the caller to its rows; None if the caller may read none of them."""


Reach = Callable[[Relation], Reached]
"""Finds the other table of a relation."""


def relation_in(table: UserTable, path: str) -> tuple[Relation, str] | None:
    """The relation that a path such as ``author.name`` begins with, and the rest of it; None if none.

    Keys may contain points themselves; the longest that fits counts.
    """
    fitting = [key for key in table.relations if path == key or path.startswith(f"{key}.")]
    if not fitting:
        return None
    key = max(fitting, key=len)
    return table.relations[key], path[len(key) + 1 :]


def require_level(level: int) -> None:
    """Refuse to go through more relations than allowed: :class:`InvalidFilterError`."""
    if level >= MAX_LEVELS:
        raise InvalidFilterError(f"A query reaches through at most {MAX_LEVELS} relationships.")
