"""Members of documents: what a query names within them, and what stands at a path in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table

from tidewire.core.documents import DEEPEST_PATH, followed, path_of
from tidewire.store.engine.dialect import path_to, type_at, value_at, words_column
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables import names
from tidewire.store.user_tables.tables import UserTable


@dataclass(frozen=True)
class Member:
    """A member of a document that a query names."""

    key: str
    source: ColumnElement[Any]
    """The JSON text that holds it."""
    names: tuple[str, ...]
    """The names on the path to it, the outermost first."""
    rows: Table | None = None
    """The table of the documents; None within an element of an array."""
    words: str = ""
    """The table of the index of words; empty if there is none."""
    words_column: str = ""

    def within(self, names: tuple[str, ...]) -> Member:
        """Return the member further down, after these names. Raises :class:`InvalidFilterError`."""
        if len(names) > DEEPEST_PATH or not all(map(followed, names)):
            raise InvalidFilterError(f"A value on {self.key[:64]} has names that a query cannot follow.")
        return Member(self.key, self.source, (*self.names, *names))

    @property
    def path(self) -> ColumnElement[Any]:
        """The path in SQL."""
        return path_to(self.names)

    @property
    def value(self) -> ColumnElement[Any]:
        """Its value: NULL if it is missing or null, 1 and 0 for true and false, JSON text for what has
        parts."""
        return value_at(self.source, self.path)

    @property
    def type(self) -> ColumnElement[Any]:
        """Its type: ``null``, ``true``, ``false``, ``integer``, ``real``, ``text``, ``array`` or ``object``;
        NULL if it is missing."""
        return type_at(self.source, self.path)


def member_of(table: UserTable, attribute: str) -> Member | None:
    """Return the member that a query on a table means by an attribute; None if it is no member of a document.

    Raises :class:`InvalidFilterError` for a path that cannot be followed.
    """
    split = column_and_path(table, attribute)
    if split is None:
        return None
    column, path = split
    words = table.index_of(attribute, "fulltext")
    return Member(
        attribute,
        table.rows.c[column],
        path,
        table.rows,
        names.index_name(table.sequence, words.sequence) if words else "",
        words_column(words.columns.index(attribute)) if words else "",
    )


def column_and_path(table: UserTable, attribute: str) -> tuple[str, tuple[str, ...]] | None:
    """The column, by its name in SQL, that holds a member, and its path there; None if it is no member."""
    if attribute.startswith("$"):
        return None
    first, _, rest = attribute.partition(".")
    column = table.columns.get(first)
    if column is None:
        if table.document is None:
            return None
        return table.document.name, _path(attribute)
    if column.rules.kind.storage != "document":
        return None
    return column.name, _path(rest) if rest else ()


def element_member(source: ColumnElement[Any], attribute: str) -> Member:
    """Return the member that a query on the elements of an array means by an attribute."""
    return Member(attribute, source, _path(attribute))


def _path(attribute: str) -> tuple[str, ...]:
    path = path_of(attribute)
    if path is None:
        raise InvalidFilterError(
            f"{attribute[:64] or '(nothing)'} is no path that a query can follow: names between periods, "
            "without quotation marks, backslashes and control characters."
        )
    return path
