"""Members of documents in SQL: what stands at a path in JSON text.

Names of members are users' data. A name that consists of letters, digits, ``_`` and ``-`` stands in
statements as it is, quoted, so that indexes on the same expression answer; any other is bound as a parameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func, literal, literal_column

from tidewire.core.documents import DEEPEST_PATH, followed, path_of
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables import names
from tidewire.store.user_tables.tables import UserTable

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Member:
    """What a query names within a document."""

    key: str
    source: ColumnElement[Any]
    """The JSON text that it is in."""
    names: tuple[str, ...]
    """The path there."""
    rows: Table | None = None
    """The table of the documents; None within an element of an array."""
    words: str = ""
    """Table of the index of words; empty if there is none."""
    words_column: str = ""

    def within(self, names: tuple[str, ...]) -> Member:
        """What stands further down, after these names. Raises :class:`InvalidFilterError`."""
        if len(names) > DEEPEST_PATH or not all(map(followed, names)):
            raise InvalidFilterError(f"A value on {self.key[:64]} has names that a query cannot follow.")
        return Member(self.key, self.source, (*self.names, *names))

    @property
    def path(self) -> ColumnElement[Any]:
        """The path in SQL."""
        return _sql_path(self.names)

    @property
    def value(self) -> ColumnElement[Any]:
        """Nothing for a missing member and null, 1 and 0 for true and false, JSON text for what has parts."""
        return func.json_extract(self.source, self.path)

    @property
    def type(self) -> ColumnElement[Any]:
        """``null``, ``true``, ``false``, ``integer``, ``real``, ``text``, ``array``, ``object``; if any."""
        return func.json_type(self.source, self.path)


def member_of(table: UserTable, attribute: str) -> Member | None:
    """What a query on a table means by an attribute; None if it is no member of a document.

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
        names.words_column(words.columns.index(attribute)) if words else "",
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
    """What a query on the elements of an array means by an attribute."""
    return Member(attribute, source, _path(attribute))


def quoted_path(path: tuple[str, ...]) -> str:
    """A path as a literal of SQL. Raises ValueError for a name that cannot stand in one as it is."""
    if not all(map(_PLAIN.fullmatch, path)):
        raise ValueError(path)
    return "'$" + "".join(f'."{name}"' for name in path) + "'"


def _path(attribute: str) -> tuple[str, ...]:
    path = path_of(attribute)
    if path is None:
        raise InvalidFilterError(
            f"{attribute[:64] or '(nothing)'} is no path that a query can follow: names between periods, "
            "without quotation marks, backslashes and control characters."
        )
    return path


def _sql_path(path: tuple[str, ...]) -> ColumnElement[Any]:
    if all(map(_PLAIN.fullmatch, path)):
        return literal_column(quoted_path(path))
    return literal("$" + "".join(f'."{name}"' for name in path))
