"""Statements of the hottest paths, compiled once instead of looked up in a cache at each execution."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import CursorResult, Select
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import CompilerElement

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.deadlines import check_time
from tidewire.store.engine.sizes import row_size


class TooLargeError(Exception):
    """A statement finds more than is wanted in memory."""


class Prepared:
    """A statement with named parameters (``bindparam``).

    Values and results are the driver's own: no type of SQLAlchemy converts them.
    """

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, CompilerElement)
        self._statement = statement
        self._compiled: dict[str, tuple[str, list[str] | None, dict[str, Any]]] = {}

    def execute(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Execute with a value for every ``bindparam``."""
        text, parameters = self._bound(connection, values)
        return connection.exec_driver_sql(text, parameters)

    def execute_each(self, connection: Connection, values: Sequence[dict[str, Any]]) -> None:
        """Execute once for each of some values: the quickest way to write many rows."""
        if values:
            cursor = connection.connection.cursor()
            try:
                bound = [self._bound(connection, each) for each in values]
                cursor.executemany(bound[0][0], [parameters for _, parameters in bound])
            finally:
                cursor.close()

    def fetch(self, connection: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows, as the driver gives them: the quickest way to a few."""
        text, parameters = self._bound(connection, values)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, parameters)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def fetch_within(
        self,
        connection: Connection,
        values: dict[str, Any],
        max_bytes: float,
        count: Callable[[int], None] | None = None,
    ) -> list[tuple[Any, ...]]:
        """As :meth:`fetch`, but raises :class:`TooLargeError` as soon as there are more bytes than that.

        ``count`` is told of the bytes of each row. Raises ``database_timeout`` where there are too many, or
        ``count`` refuses, and it is late already.
        """
        text, parameters = self._bound(connection, values)
        cursor = connection.connection.cursor()
        rows: list[tuple[Any, ...]] = []
        size = 0
        try:
            cursor.execute(text, parameters)
            while found := cursor.fetchone():
                width = row_size(found)
                size += width
                if size > max_bytes:
                    raise TooLargeError
                if count is not None:
                    count(width)
                rows.append(found)
            return rows
        except Exception:
            check_time(connection)  # a read that is late is told so, however large it is
            raise
        finally:
            cursor.close()

    def _bound(self, connection: Connection, values: dict[str, Any]) -> tuple[str, Any]:
        dialect = connection.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler)
            known = self._compiled[dialect.name] = (
                str(compiled), compiled.positiontup, dict(compiled.params)
            )  # fmt: skip
        text, positions, constants = known
        values = constants | values
        return text, tuple(map(values.__getitem__, positions)) if positions else values


class PreparedSelect(Prepared):
    """A statement whose rows can be had as SQLAlchemy would give them, too."""

    def __init__(self, statement: Select[Any]) -> None:
        super().__init__(statement)
        self._columns = list(statement.selected_columns)
        names = [str(column.key) for column in self._columns]
        make: Any = namedtuple  # of names that only the statement has
        self._make: Callable[[Iterable[Any]], Any] = make("Row", names)._make
        self._converters: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}

    def typed(self, connection: Connection, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Rows of :meth:`fetch` with attributes, their values of the columns' types.

        Of ``connection`` only the dialect matters.
        """
        dialect = connection.dialect
        if dialect.name not in self._converters:
            types = [column.type.dialect_impl(dialect) for column in self._columns]
            found = [each.result_processor(dialect, None) for each in types]
            self._converters[dialect.name] = [
                (place, convert) for place, convert in enumerate(found) if convert is not None
            ]
        converters = self._converters[dialect.name]
        typed = []
        for row in rows:
            values = list(row)
            for place, convert in converters:
                values[place] = convert(values[place])
            typed.append(self._make(values))
        return typed
