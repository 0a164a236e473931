"""Statements of the hottest paths, compiled once instead of looked up in a cache at each execution."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import CompilerElement


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

    def fetch(self, connection: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows, as the driver gives them: the quickest way to a few."""
        text, parameters = self._bound(connection, values)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, parameters)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def _bound(self, connection: Connection, values: dict[str, Any]) -> tuple[str, Any]:
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler)
            self._compiled[dialect.name] = (str(compiled), compiled.positiontup, dict(compiled.params))
        text, positions, constants = self._compiled[dialect.name]
        values = constants | values
        return text, tuple(values[name] for name in positions) if positions else values
