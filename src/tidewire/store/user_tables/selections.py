"""What queries select of rows and of rows related to them: ``["title", "author.name", "author.books.*"]``.

Related rows come only where they are selected. The key of a relation alone stands for all of their own
columns, as ``author.*`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tidewire.core.relationships import MAX_LEVELS
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables.reached import Reach, Reached, relation_in, require_level
from tidewire.store.user_tables.tables import UserTable

SYSTEM_KEYS: Final = (
    "$id", "$sequence", "$createdAt", "$updatedAt", "$permissions", "$databaseId", "$tableId",
    "$collectionId",
)  # fmt: skip
"""The keys that can be selected besides columns."""


@dataclass
class Selection:
    """A selection: what is selected of the rows that a relation leads to."""

    reached: Reached
    selected: frozenset[str] = frozenset()
    """The keys that are selected."""
    related: dict[str, Selection] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys of the columns to read."""
        return self.reached.table.columns_of(self.selected)


def select_all_related(
    table: UserTable,
    related: dict[str, Selection],
    reach: Reach,
    passed: frozenset[int] = frozenset(),
    level: int = 0,
) -> None:
    """Select all rows that relations lead to, as deep as one may ask; no way leads through a table twice."""
    passed |= {table.sequence}
    for key, relation in table.relations.items():
        if relation.related in passed or level >= MAX_LEVELS:
            continue
        selection = related.setdefault(key, Selection(reach(relation)))
        selection.selected |= select_keys(selection.reached.table, "*", {}, None)
        select_all_related(selection.reached.table, selection.related, reach, passed, level + 1)


def select_keys(
    table: UserTable, name: str, related: dict[str, Selection], reach: Reach | None, level: int = 0
) -> frozenset[str]:
    """The table's own keys that one name of a query selects; of related rows it is noted in ``related``.

    Raises :class:`InvalidFilterError`.
    """
    if name == "*":
        return frozenset(("*", *SYSTEM_KEYS, *table.columns))
    if name in SYSTEM_KEYS or table.has_attribute(name):
        return frozenset((name,))
    found = relation_in(table, name)
    if found is None or reach is None:
        raise InvalidFilterError(f"The query select names {name[:64]}, which this table lacks.")
    require_level(level)
    relation, rest = found
    selection = related.get(relation.key)
    if selection is None:
        selection = related[relation.key] = Selection(reach(relation))
    selection.selected |= select_keys(
        selection.reached.table, rest or "*", selection.related, reach, level + 1
    )
    return frozenset()
