"""New and changed columns: whether they make sense, and their description in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, exists, func, insert, select, update

from tidewire.core.checks.names import KeyName
from tidewire.core.columns import KINDS, ColumnKind, ColumnRules, InvalidValueError, shown_time
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.time import now
from tidewire.services.databases.dialects import Dialect, DialectCall
from tidewire.services.databases.events import COLUMN, publish_definition, table_parameters
from tidewire.services.databases.index_lengths import require_fitting_indexes
from tidewire.services.databases.records import column_model
from tidewire.services.databases.schema_changes import column_step
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.dialect import elements_of
from tidewire.store.schema import user_columns, user_indexes
from tidewire.store.user_tables.changes import add_column
from tidewire.store.user_tables.columns import column_of
from tidewire.store.user_tables.steps import is_small, new_version
from tidewire.store.user_tables.tables import sql_table

MAX_COLUMNS: Final = 1000
"""Columns that a table may have, those that are being deleted included."""
MAX_SIZE: Final = {"string": 2**30, "varchar": 16_381}
"""Characters that columns of these kinds can be made for."""
MIN_SEALED_SIZE: Final = 150
"""Characters that a column which is encrypted must be made for."""
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
        """The definition, its default as it is shown. Raises :class:`TidewireError` if it makes no sense."""
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
        return ColumnDefinition(
            self.key, self.kind, self.required, default, self.array, self.size, self.options
        )

    @property
    def values(self) -> dict[str, Any]:
        """What the description in the store says."""
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
    """A column as it is described in the request that creates its table.

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
    moment = now()
    row = connection.execute(
        insert(user_columns)
        .values(
            table_sequence=table,
            created_at=moment,
            updated_at=moment,
            status="processing",
            **definition.values,
        )
        .returning(user_columns)
    ).one()
    add_column(connection, table, column_of(row))
    return row


def complete_if_small(transaction: Transaction, call: DialectCall, row: Row[Any]) -> bool:
    """Bring a column up to date at once if that does not take long."""
    context, connection = call.context, transaction.connection
    changing = row.status == "deleting" or row.options.get("default") is not None
    if changing and not is_small(connection, row.table_sequence):
        return False
    following: Row[Any] | None = row
    while following is not None and not column_step(
        transaction, context.project, context.encryption, following
    ):
        following = connection.execute(
            select(user_columns).where(user_columns.c.sequence == row.sequence)
        ).one_or_none()
    return True


def find_column(connection: Connection, dialect: Dialect, table: int, key: str) -> Row[Any]:
    """The description of a column. Raises ``column_not_found``."""
    row = connection.execute(
        select(user_columns).where(user_columns.c.table_sequence == table, user_columns.c.key == key)
    ).one_or_none()
    if row is None:
        raise dialect.error("column_not_found", dialect.word("There is no such column."))
    return row


def require_new_key(connection: Connection, dialect: Dialect, table: int, key: str) -> None:
    """Refuse a key that is taken: ``column_already_exists``."""
    of_key = (user_columns.c.table_sequence == table, user_columns.c.key == key)
    if connection.execute(select(user_columns.c.sequence).where(*of_key)).first():
        raise dialect.error("column_already_exists", dialect.word("There is a column with this key."))


def require_room(connection: Connection, dialect: Dialect, table: int) -> None:
    """Refuse a further column if there are too many: ``column_limit_exceeded``."""
    of_table = user_columns.c.table_sequence == table
    if (connection.scalar(select(func.count()).where(of_table)) or 0) >= MAX_COLUMNS:
        raise dialect.error("column_limit_exceeded", f"There can be at most {MAX_COLUMNS}.")


def redefine_column(
    connection: Connection, call: DialectCall, row: Row[Any], definition: ColumnDefinition
) -> None:
    """Change a column's description.

    Raises ``column_already_exists``, ``column_invalid_resize`` if what is stored would not fit,
    ``column_index_invalid`` if indexes would not, ``general_bad_request`` if a sealed value would not.
    """
    dialect = call.dialect
    if definition.key != row.key:
        require_new_key(connection, dialect, row.table_sequence, definition.key)
        _rename_in_indexes(connection, row, definition.key)
    if definition.size and definition.size < row.size and not _fits(connection, row, definition.size):
        raise dialect.error("column_invalid_resize", "There are values that may be longer than the new size.")
    if definition.size and definition.size != row.size:
        _require_room_for_seal(definition)
        require_fitting_indexes(connection, call, row, definition.size)
    of_column = user_columns.c.sequence == row.sequence
    connection.execute(update(user_columns).where(of_column).values(updated_at=now(), **definition.values))
    new_version(connection, row.table_sequence)


def publish_column(
    transaction: Transaction,
    call: DialectCall,
    action: str,
    database_id: str,
    table: Row[Any],
    row: Row[Any],
) -> None:
    """Write the event of a column."""
    parameters = table_parameters(database_id, table.id) | {"columnId": row.key, "attributeId": row.key}
    publish_definition(
        transaction,
        call,
        f"{COLUMN}.{action}",
        parameters,
        column_model(call.dialect, row),
        table.database_type,
    )


def _require_room_for_seal(definition: ColumnDefinition) -> None:
    if definition.options.get("encrypt") and definition.kind.resizable and definition.size < MIN_SEALED_SIZE:
        message = f"The size of an encrypted column must be at least {MIN_SEALED_SIZE}."
        raise TidewireError("general_bad_request", message)


def _fits(connection: Connection, row: Row[Any], size: int) -> bool:
    """Whether all values have at most ``size`` characters; sealed values count as longer."""
    column = column_of(row)
    rows = sql_table(row.table_sequence, [column])
    stored = rows.c[column.name]
    too_long: ColumnElement[bool] = func.length(stored) > size
    if column.rules.encrypted:
        too_long = stored.is_not(None)
    elif column.as_json:
        element = elements_of(stored)
        too_long = exists(select(1).select_from(element).where(func.length(element.c.value) > size))
    return connection.execute(select(rows.c.sequence).where(too_long).limit(1)).first() is None


def _rename_in_indexes(connection: Connection, row: Row[Any], key: str) -> None:
    indexes = connection.execute(
        select(user_indexes).where(user_indexes.c.table_sequence == row.table_sequence)
    )
    for index in indexes.all():
        if row.key in index.columns:
            keys = [key if each == row.key else each for each in index.columns]
            of_index = user_indexes.c.sequence == index.sequence
            connection.execute(update(user_indexes).where(of_index).values(columns=keys))


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
