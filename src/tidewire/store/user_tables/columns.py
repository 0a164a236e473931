"""A column of a user's table: how its values are stored and shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, Double, Row, SmallInteger, Text
from sqlalchemy.types import TypeEngine

from tidewire.core.columns import ALL_KINDS, ColumnRules, Storage, shown_float, shown_time
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.user_tables import names

_SQL_TYPES: Final[Mapping[Storage, type[TypeEngine[Any]]]] = {
    "text": Text,
    "integer": BigInteger,
    "float": Double,
    "boolean": SmallInteger,
    "time": BigInteger,
    "geometry": Text,
    "document": Text,
    "vector": Text,
}
_JSON_STORAGE: Final = frozenset({"geometry", "document", "vector"})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SHOWN: Final[Mapping[Storage, Callable[[Any], Any]]] = {
    "float": lambda value: shown_float(float(value)),
    "boolean": bool,
    "time": shown_time,
}
"""How values are shown; those of other storages are shown as they were accepted."""


@dataclass(frozen=True)
class UserColumn:
    """A column that can be used, as the table's version describes it."""

    sequence: int
    key: str
    rules: ColumnRules

    @property
    def name(self) -> str:
        """The name of the column in SQL."""
        return names.value_column(self.sequence)

    @property
    def as_json(self) -> bool:
        """Whether values are stored as JSON text."""
        return self.rules.array or self.rules.kind.storage in _JSON_STORAGE

    def stored(self, accepted: Any, encryption: Encryption) -> Any:
        """The driver's value of one that the rules accepted."""
        if accepted is None:
            return None
        value = _encode(accepted).decode() if self.as_json else accepted
        return encryption.seal(value) if self.rules.encrypted else value

    def shown(self, stored: Any, encryption: Encryption) -> Any:
        """The value on the wire of a driver's value."""
        if stored is None:
            return None
        value = encryption.open(stored) if self.rules.encrypted else stored
        return self.presented(_decode(value) if self.as_json else value)

    def presented(self, accepted: Any) -> Any:
        """The value on the wire of one that the rules accepted."""
        if accepted is None or self.rules.kind.storage not in _SHOWN:
            return accepted
        return [self._shown(element) for element in accepted] if self.rules.array else self._shown(accepted)

    @property
    def width(self) -> float:
        """The most characters that a value may have in the store; 0 for numbers and the like."""
        if self.as_json:
            return math.inf
        if self.rules.kind.storage != "text":
            return 0
        # Sealed values are longer than what they hold.
        return (self.rules.kind.size or self.rules.size) * (8 if self.rules.encrypted else 1)

    def conversion(self, encryption: Encryption) -> Callable[[Any], Any] | None:
        """:meth:`shown`, for many values that are not None; None if they are shown as they are stored."""
        if self.rules.array or self.rules.encrypted:
            return lambda stored: self.shown(stored, encryption)
        return _decode if self.as_json else _SHOWN.get(self.rules.kind.storage)

    def _shown(self, value: Any) -> Any:
        return _SHOWN[self.rules.kind.storage](value)


def sql_column(column: UserColumn) -> Column[Any]:
    """The column that holds the values; what is required is checked when rows are written."""
    return Column(
        column.name, Text if column.as_json else _SQL_TYPES[column.rules.kind.storage], nullable=True
    )


def column_of(row: Row[Any]) -> UserColumn:
    """Return the column that a row of the description describes."""
    options: dict[str, Any] = row.options
    rules = ColumnRules(
        kind=ALL_KINDS[row.kind],
        required=row.required,
        array=row.array,
        size=row.size,
        minimum=options.get("min"),
        maximum=options.get("max"),
        elements=tuple(options.get("elements", ())),
        default=options.get("default"),
        encrypted=options.get("encrypt", False),
    )
    return UserColumn(row.sequence, row.key, rules)
