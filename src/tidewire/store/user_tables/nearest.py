"""Rows whose vectors are nearest to one that a query gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BLOB, ColumnElement, Double, bindparam, column, func, select
from sqlalchemy import table as sql_table

from tidewire.core.queries import Query
from tidewire.core.vectors import vector_problem
from tidewire.store.engine.dialect import cosine_distance, euclidean_distance, packed
from tidewire.store.lists.filters import InvalidFilterError
from tidewire.store.user_tables import names
from tidewire.store.user_tables.fields import Field, field_of
from tidewire.store.user_tables.tables import UserTable

NEAREST: Final = "$nearest:"
"""The beginning of the key of such an order, which no attribute has."""

METHODS: Final = frozenset({"vectorDot", "vectorCosine", "vectorEuclidean"})


@dataclass(frozen=True)
class Nearest:
    """The vector that rows are to be near to, and how that is measured."""

    method: str
    key: str
    vector: bytes
    length: float

    @property
    def order(self) -> str:
        """The key of the order."""
        return f"{NEAREST}{self.method}:{self.key}"


def read_nearest(table: UserTable, query: Query) -> Nearest:
    """Read a query that puts rows in order by a vector. Raises :class:`InvalidFilterError`."""
    field = field_of(table, query.attribute, query.method)
    if field.storage != "vector":
        raise InvalidFilterError(f"The query {query.method} needs a vector, {field.key} is none.")
    if len(query.values) != 1 or not isinstance(query.values[0], list):
        raise InvalidFilterError(f"The query {query.method} needs exactly one vector.")
    vector: list[Any] = query.values[0]
    problem = vector_problem(vector, table.columns[field.key].rules.size)
    if problem:
        raise InvalidFilterError(f"The query {query.method} has a vector that does not fit: {problem}")
    return Nearest(query.method, field.key, packed(vector), math.hypot(*vector))


def nearest_field(table: UserTable, order: str) -> Field:
    """The distance of each row, by the key of an order."""
    method, key = order.removeprefix(NEAREST).split(":")
    vectors = sql_table(names.vectors_table(table.sequence), column("row"), column("vector"))
    of_row = select(_distance(method, vectors.c.vector)).where(vectors.c.row == table.rows.c.sequence)
    return Field(key, table.rows, of_row.scalar_subquery(), "float", nullable=False)


def nearest_values(nearest: Nearest | None) -> dict[str, Any]:
    """The values of the parameters of :func:`nearest_field`."""
    if nearest is None:
        return {}
    origin = bytes(len(nearest.vector))
    return {"vector": nearest.vector, "origin": origin, "length": nearest.length}


def _distance(method: str, vector: ColumnElement[Any]) -> ColumnElement[Any]:
    """The distance of a vector; the smaller it is, the nearer."""
    given: ColumnElement[Any] = bindparam("vector", type_=BLOB)
    if method == "vectorEuclidean":
        return euclidean_distance(vector, given)
    # Zeros have no direction: they are neither like anything nor its opposite.
    cosine = func.coalesce(cosine_distance(vector, given), 1.0)
    if method == "vectorCosine":
        return cosine
    length = euclidean_distance(vector, bindparam("origin", type_=BLOB))
    return (cosine - 1.0) * length * bindparam("length", type_=Double)
