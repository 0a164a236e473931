"""New and changed columns: the checks of what clients ask for, and the descriptions in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tidewire.core.checks.names import KeyName
from tidewire.core.columns import KINDS, ColumnKind, ColumnRules, InvalidValueError, shown_time
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError
from tidewire.services.databases.dialects import Dialect, DialectCall
from tidewire.services.databases.index_definitions import require_fitting_indexes
from tidewire.services.databases.schema_changes import complete
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.rows import count_rows, find_row, insert_row, rows_of, update_row
from tidewire.store.schema import user_columns, user_indexes
from tidewire.store.user_tables.changes import add_column, fits
from tidewire.store.user_tables.columns import column_of
from tidewire.store.user_tables.steps import is_small, new_version

MAX_COLUMNS: Final = 1000
"""Columns that a table may have, including those that are being deleted."""
MAX_SIZE: Final = {"string": 2**30, "varchar": 16_381}
"""The greatest size, in characters, of columns of these kinds."""
MIN_SEALED_SIZE: Final = 150
"""The least size, in characters, of a column that is encrypted."""
MAX_ELEMENTS: Final = 100
MAX_ELEMENT_LENGTH: Final = 255


@dataclass(frozen=True)
class ColumnDefinition:
    """A column as a client describes it."""

    key: str
    kind: ColumnKind
    required: bool = False
    default: Any = None
    array: bool = False
    size: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    """``min``, ``max``, ``elements``, ``encrypt``."""

    def checked(self, dialect: Dialect) -> ColumnDefinition:
        """The definition with its default as the API shows it. Raises :class:`TidewireError`."""
        if self.default is not None and (self.required or self.array):
            what = "required columns" if self.required else "columns that are arrays"
            raise dialect.error(
                "column_default_unsupported", dialect.word(f"There is no default for {what}.")
            )
        minimum, maximum = self.options.get("min"), self.options.get("max")
        if minimum is not None and maximum is not None and minimum > maximum:
            raise dialect.error("column_value_invalid", "The minimum must not be greater than the maximum.")
        if self.kind.format == "enum" and not self.options["elements"]:
            raise dialect.error("column_value_invalid", "An enum needs at least one element.")
        return self if self.default is None else self._with_default(dialect)

    def _with_default(self, dialect: Dialect) -> ColumnDefinition:
        rules = ColumnRules(
            self.kind,
            size=self.size,
            minimum=self.options.get("min"),
            maximum=self.options.get("max"),
            elements=tuple(self.options.get("elements", ())),
        )
        try:
            accepted = rules.accept(self.default)
        except InvalidValueError as error:
            raise dialect.error("column_value_invalid", f"The default does not fit: {error}") from None
        default = shown_time(accepted) if self.kind.storage == "time" else accepted
        return replace(self, default=default)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the description in the store."""
        options = {name: value for name, value in self.options.items() if value is not None}
        if self.default is not None:
            options["default"] = self.default
        return {
            "key": self.key,
            "kind": self.kind.name,
            "type": self.kind.type,
            "required": self.required,
            "array": self.array,
            "size": self.size or self.kind.size,
            "options": options,
        }


def read_column(dialect: Dialect, given: Mapping[str, Any]) -> ColumnDefinition:
    """Read a column from the request that creates its table.

    Raises ``general_argument_invalid``, or what the operation for columns of its kind raises.
    """
    kind = _kind(dialect, given.get("type"), given.get("format") or "")
    flags = {flag: given.get(flag, False) for flag in ("required", "array", "encrypt")}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise _wrong(dialect, "required, array and encrypt are true or false")
    if flags["array"] and kind.shape:
        raise _wrong(dialect, "shapes have no arrays")
    size = given.get("size", 0) if kind.resizable else 0
    if kind.resizable and (
        isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_SIZE[kind.name]
    ):
        raise _wrong(dialect, f"size is a number from 1 to {MAX_SIZE[kind.name]}")
    options: dict[str, Any] = {}
    if kind.bounded:
        options = {bound: _bound(dialect, kind, given.get(bound)) for bound in ("min", "max")}
    if kind.format == "enum":
        options["elements"] = _elements(dialect, given.get("elements"))
    if kind.encryptable:
        options["encrypt"] = flags["encrypt"]
    return ColumnDefinition(
        _key(dialect, given.get("key")),
        kind,
        flags["required"],
        given.get("default"),
        flags["array"],
        size,
        options,
    ).checked(dialect)


def define_column(
    transaction: Transaction, call: DialectCall, table: int, definition: ColumnDefinition
) -> Row[Any]:
    """Describe and make a new column; it is ready at once if there are few rows to be brought up to date.

    Raises ``column_already_exists``, ``column_limit_exceeded``, or ``general_bad_request`` if a sealed value
    would not fit.
    """
    connection = transaction.connection
    _require_room_for_seal(definition)
    require_new_key(connection, call.dialect, table, definition.key)
    require_room(connection, call.dialect, table)
    row = insert_row(connection, user_columns, table_sequence=table, status="processing", **definition.values)
    add_column(connection, table, column_of(row))
    return row


def complete_if_small(transaction: Transaction, call: DialectCall, row: Row[Any]) -> None:
    """Bring a column up to date at once if that does not take long."""
    changing = row.status == "deleting" or row.options.get("default") is not None
    if not changing or is_small(transaction.connection, row.table_sequence):
        complete(transaction, call, user_columns, row)


def require_new_key(connection: Connection, dialect: Dialect, table: int, key: str) -> None:
    """Refuse a key that is taken: ``column_already_exists``."""
    if find_row(connection, user_columns, table_sequence=table, key=key) is not None:
        raise dialect.error(
            "column_already_exists", dialect.word("This column already exists: choose another key.")
        )


def require_room(connection: Connection, dialect: Dialect, table: int) -> None:
    """Refuse a further column if there are too many: ``column_limit_exceeded``."""
    if count_rows(connection, user_columns, table_sequence=table) >= MAX_COLUMNS:
        raise dialect.error("column_limit_exceeded", f"There can be at most {MAX_COLUMNS}.")


def redefine_column(
    connection: Connection, call: DialectCall, row: Row[Any], definition: ColumnDefinition
) -> Row[Any]:
    """Change a column's description; return it.

    Raises ``column_already_exists``, ``column_invalid_resize`` if what is stored would not fit,
    ``column_index_invalid`` if indexes would not, ``general_bad_request`` if a sealed value would not.
    """
    dialect = call.dialect
    if definition.key != row.key:
        require_new_key(connection, dialect, row.table_sequence, definition.key)
        _rename_in_indexes(connection, row, definition.key)
    if definition.size and definition.size < row.size and not fits(connection, row, definition.size):
        raise dialect.error("column_invalid_resize", "There are values that may be longer than the new size.")
    if definition.size and definition.size != row.size:
        _require_room_for_seal(definition)
        require_fitting_indexes(connection, call, row, definition.size)
    new_version(connection, row.table_sequence)
    return update_row(connection, user_columns, row.sequence, **definition.values)


def _require_room_for_seal(definition: ColumnDefinition) -> None:
    if definition.options.get("encrypt") and definition.kind.resizable and definition.size < MIN_SEALED_SIZE:
        message = f"The size of an encrypted column must be at least {MIN_SEALED_SIZE}."
        raise TidewireError("general_bad_request", message)


def _rename_in_indexes(connection: Connection, row: Row[Any], key: str) -> None:
    for index in rows_of(connection, user_indexes, table_sequence=row.table_sequence):
        if row.key in index.columns:
            keys = [key if each == row.key else each for each in index.columns]
            update_row(connection, user_indexes, index.sequence, columns=keys, updated_at=index.updated_at)


def _kind(dialect: Dialect, name: object, format_: object) -> ColumnKind:
    """The kind that has this name, or this type and format."""
    for kind in KINDS.values():
        by_name = name == kind.name and (not format_ or format_ == kind.format)
        if by_name or (name, format_) == (kind.type, kind.format):
            return kind
    raise _wrong(dialect, "type is none that columns have")


def _key(dialect: Dialect, value: object) -> str:
    try:
        return KeyName(36).convert(value)
    except InvalidParameterError as error:
        raise _wrong(dialect, f"key: {error}") from None


def _bound(dialect: Dialect, kind: ColumnKind, value: object) -> int | float | None:
    if value is None:
        return None
    try:
        accepted: int | float = ColumnRules(kind).accept(value)
    except InvalidValueError as error:
        raise _wrong(dialect, f"min and max: {error}") from None
    return accepted


def _elements(dialect: Dialect, value: object) -> list[str]:
    good = isinstance(value, list) and 1 <= len(value) <= MAX_ELEMENTS
    if not good or not all(isinstance(each, str) and 1 <= len(each) <= MAX_ELEMENT_LENGTH for each in value):  # type: ignore[attr-defined]
        raise _wrong(dialect, f"elements are 1 to {MAX_ELEMENTS} texts")
    return value  # type: ignore[return-value]


def _wrong(dialect: Dialect, problem: str) -> TidewireError:
    name = dialect.word("columns")
    return TidewireError("general_argument_invalid", f"Invalid `{name}` param: {problem}.")
