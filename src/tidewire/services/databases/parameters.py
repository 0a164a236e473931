"""Parameters of the operations on databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from tidewire.core.checks.lists import Items, JsonOrText, PermissionList, QueryList
from tidewire.core.checks.names import KeyName
from tidewire.core.checks.numbers import Int32
from tidewire.core.checks.texts import AnyCaseChoice
from tidewire.core.columns import KINDS, ColumnRules, InvalidValueError, shown_time
from tidewire.core.geometry import Shape, geometry_problem
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.services.permissions import ITEM_ACTIONS
from tidewire.store.user_tables.fields import INDEXED_FIELDS


@dataclass(frozen=True)
class RowQueries(QueryList):
    """Queries on rows, each a JSON text of 1 to 4096 characters; ``long`` ones have room for a vector."""

    queryable: tuple[str, ...] = ()
    long: bool = False

    @property
    def longest(self) -> int:
        """Characters that a query may have."""
        return 2**19 if self.long else self.maximum_length

    def convert(self, value: object) -> list[str]:
        queries = super().convert(value)
        if "" in queries:
            raise InvalidParameterError("A query has at least 1 character.")
        return queries


@dataclass(frozen=True)
class Condition(RowQueries):
    """The queries that say which rows are changed or deleted."""

    condition = True


@dataclass(frozen=True)
class Number(Check):
    """A number; text with digits only where ``loose``."""

    json_type = "number"
    loose: bool = False

    def convert(self, value: object) -> int | float:
        if isinstance(value, str) and self.loose:
            try:
                value = msgspec.json.decode(value)
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**1023:
            raise InvalidParameterError("Value must be a number.")
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "number"}


@dataclass(frozen=True)
class ValueOf(Check):
    """The default of a column of a kind, a value that the kind takes; ``format`` names what it looks like."""

    json_type = "string"
    kind: str
    format: str

    def convert(self, value: object) -> Any:
        try:
            accepted = ColumnRules(KINDS[self.kind]).accept(value)
        except InvalidValueError as error:
            raise InvalidParameterError(f"Value does not fit: {error}") from None
        return shown_time(accepted) if KINDS[self.kind].storage == "time" else accepted


@dataclass(frozen=True)
class Geometry(Check):
    """A shape, for the default of a column."""

    json_type = "array"
    shape: Shape

    def convert(self, value: object) -> object:
        problem = geometry_problem(self.shape, value)
        if problem:
            raise InvalidParameterError(f"Value does not fit: {problem}")
        return value


@dataclass(frozen=True)
class Order(AnyCaseChoice):
    """The order of a column in an index, in upper or lower case."""

    values: tuple[str, ...] = ("asc", "desc")


@dataclass(frozen=True)
class IndexedKey(KeyName):
    """The key of a column, or what all rows have."""

    def convert(self, value: object) -> str:
        if isinstance(value, str) and value in INDEXED_FIELDS:
            return value
        return super().convert(value)


@dataclass(frozen=True)
class Length(Int32):
    """How much of a column is in an index, or null for all of it."""

    def convert(self, value: object) -> int:
        return 0 if value is None else super().convert(value)


ColumnKey = Annotated[str, KeyName(36)]
RowPermissions = Annotated[Sequence[str], PermissionList((*ITEM_ACTIONS, "write"))]
RowData = Annotated[dict[str, Any], JsonOrText()]
ManyRows = Annotated[Sequence[dict[str, Any]], Items(JsonOrText())]
Queries = Annotated[Sequence[str], RowQueries()]
BulkQueries = Annotated[Sequence[str], Condition()]
LongQueries = Annotated[Sequence[str], RowQueries(long=True)]
LooseNumber = Annotated[float, Number(loose=True)]
