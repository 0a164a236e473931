"""Statements of the hottest paths, compiled once instead of looked up in a cache at each execution."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import CursorResult, Dialect, Select
from sqlalchemy.engine.interfaces import DBAPICursor
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
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Execute with a value for every ``bindparam``."""
        text, parameters = self._bound(connection, values)
        return connection.exec_driver_sql(text, parameters)

    def execute_each(self, connection: Connection, values: Sequence[dict[str, Any]]) -> None:
        """Execute once for each of some values: the quickest way to write many rows."""
        if values:
            cursor = _cursor(connection)
            try:
                bound = [self._bound(connection, each) for each in values]
                cursor.executemany(bound[0][0], [parameters for _, parameters in bound])
            finally:
                cursor.close()

    def fetch(self, connection: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows, as the driver gives them: the quickest way to a few."""
        text, parameters = self._bound(connection, values)
        cursor = _cursor(connection)
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
        """Fetch as :meth:`fetch` does, but raise :class:`TooLargeError` once there are more than
        ``max_bytes``.

        ``count`` is told of the bytes of each row. Raises ``database_timeout`` where there are too many, or
        ``count`` refuses, and it is late already.
        """
        text, parameters = self._bound(connection, values)
        cursor = _cursor(connection)
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
            known = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        if known.constants:
            values = known.constants | values
        in_order = known.in_order
        return known.text, in_order(values) if in_order else values


class _Compiled:
    """A statement in the words of one dialect."""

    __slots__ = ("constants", "in_order", "text")

    def __init__(self, statement: CompilerElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        needed = {name for parameter, name in compiled.bind_names.items() if parameter.required}
        self.constants = {name: value for name, value in compiled.params.items() if name not in needed}
        """The values that stand in the statement itself, by name."""
        self.in_order: Callable[[dict[str, Any]], tuple[Any, ...]] | None = None
        """Puts the values in the order of their places; None: the driver takes them by name."""
        positions = compiled.positiontup
        if positions is not None:
            self.in_order = itemgetter(*positions) if len(positions) > 1 else _tuple_of(positions)


def _tuple_of(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """A getter of items like ``itemgetter``, which makes no tuple of fewer than two."""
    return lambda values: tuple(values[name] for name in names)


def _cursor(connection: Connection) -> DBAPICursor:
    """A cursor of the driver itself: one of the pool's connection is found by a detour."""
    raw = connection.connection.dbapi_connection
    assert raw is not None
    return raw.cursor()


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
