"""Indexes that are tables themselves: of words (FTS5), of boxes around shapes (R*Tree); kept by triggers.

While such an index is being filled, the triggers leave alone the rows that it has not reached: they will be
filled in as they are then. All names come from sequences.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.full_text import words_column
from tidewire.store.engine.sqlite.indexed import Indexed
from tidewire.store.engine.sqlite.spatial import BOX


class SideIndex:
    """An index of type ``fulltext`` or ``spatial``."""

    def __init__(
        self, rows: str, name: str, index: int, index_type: str, columns: Sequence[Indexed] = ()
    ) -> None:
        """``rows`` and ``name`` are the tables of the rows and of the index, ``index`` its sequence."""
        self._rows = rows
        self._name = name
        self._index = index
        self._is_words = index_type == "fulltext"
        self._indexed = list(columns)
        self._columns = list(dict.fromkeys(each.column for each in columns))
        self._of_members = any(each.path is not None for each in columns)

    def create(self, connection: Connection) -> None:
        """Make the index, empty, with triggers for the rows that it will have reached."""
        if self._is_words:
            # The words of members stand in no column that FTS5 could read again.
            content = "''" if self._of_members else f"'{self._rows}', content_rowid='sequence'"
            definition = (
                f"fts5({self._listed()}, content={content}, tokenize='unicode61 remove_diacritics 2')"
            )
        else:
            definition = f"rtree(id, {', '.join(BOX)})"
        connection.execute(text(f"CREATE VIRTUAL TABLE {self._name} USING {definition}"))
        reached = f"(SELECT progress FROM user_indexes WHERE sequence = {self._index})"  # noqa: S608
        self._create_triggers(connection, f"WHEN %s.sequence <= {reached}")

    def fill(self, connection: Connection, after: int, through: int) -> None:
        """Take the rows with these sequences into the index."""
        statement = self._inserted("r", f" FROM {self._rows} AS r WHERE r.sequence > :after")
        connection.execute(
            text(f"{statement} AND r.sequence <= :through{self._only('r', ' AND')}"),
            {"after": after, "through": through},
        )

    def complete(self, connection: Connection) -> None:
        """Note that all rows are in the index: from now on the triggers keep it up."""
        self._drop_triggers(connection)
        self._create_triggers(connection, "")

    def drop(self, connection: Connection) -> None:
        """Take the index away, if it was made."""
        self._drop_triggers(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {self._name}"))

    def _create_triggers(self, connection: Connection, condition: str) -> None:
        fired = {
            "insert": ("INSERT", "new", self._add("new")),
            "delete": ("DELETE", "old", self._remove()),
            "update": (
                f"UPDATE OF {', '.join(self._columns)}",
                "old",
                f"{self._remove()} {self._add('new')}",
            ),
        }
        for suffix, (event, row, statements) in fired.items():
            when = condition % row if condition else ""
            connection.exec_driver_sql(
                f"CREATE TRIGGER {self._name}_{suffix} AFTER {event} ON {self._rows} {when} "
                f"BEGIN {statements} END"
            )

    def _drop_triggers(self, connection: Connection) -> None:
        for suffix in ("insert", "delete", "update"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {self._name}_{suffix}"))

    def _add(self, row: str) -> str:
        return f"{self._inserted(row, '')}{self._only(row, ' WHERE')};"

    def _inserted(self, row: str, source: str) -> str:
        if self._is_words:
            return (
                f"INSERT INTO {self._name}(rowid, {self._listed()}) "
                f"SELECT {row}.sequence, {self._words(row)}{source}"
            )
        (column,) = self._columns
        numbers = ", ".join(
            f"(SELECT {least}(value) FROM json_tree({row}.{column})"  # noqa: S608
            f" WHERE atom IS NOT NULL AND key = {axis})"
            for axis in (0, 1)
            for least in ("min", "max")
        )
        return f"INSERT INTO {self._name}(id, {', '.join(BOX)}) SELECT {row}.sequence, {numbers}{source}"

    def _only(self, row: str, keyword: str) -> str:
        """Return the condition that a row has something to take in: a missing shape has no box."""
        return "" if self._is_words else f"{keyword} {row}.{self._columns[0]} IS NOT NULL"

    def _remove(self) -> str:
        if not self._is_words:
            return f"DELETE FROM {self._name} WHERE id = old.sequence;"  # noqa: S608
        # FTS5 does not keep the words of a row, so it has to be told which ones to forget.
        return (
            f"INSERT INTO {self._name}({self._name}, rowid, {self._listed()}) "
            f"VALUES('delete', old.sequence, {self._words('old')});"
        )

    def _listed(self) -> str:
        """Return the columns of the index of words."""
        if self._of_members:
            return ", ".join(words_column(position) for position in range(len(self._indexed)))
        return ", ".join(self._columns)

    def _words(self, row: str) -> str:
        return ", ".join(each.words(f"{row}.") for each in self._indexed)
