"""What is known of a user's table: read once per version of it, and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    bindparam,
    select,
)
from sqlalchemy.sql.base import Executable
from sqlalchemy.types import TypeEngine

from tidewire.core.columns import ALL_KINDS, ColumnRules, Storage, shown_float, shown_time
from tidewire.core.documents import selected_members
from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.store.encryption import Encryption
from tidewire.store.prepared import Prepared
from tidewire.store.schema import databases, user_columns, user_indexes, user_tables
from tidewire.store.schema.columns import ID_LENGTH, Milliseconds
from tidewire.store.schema.columns import Sequence as SequenceType
from tidewire.store.user_tables import names
from tidewire.store.user_tables.relations import Relation, relations_of

TABLES_KEPT: Final = 1000
STATEMENTS_KEPT: Final = 500
"""Of one table."""

SYSTEM_COLUMNS: Final = ("sequence", "id", "created_at", "updated_at", "permissions")
"""What every row begins with."""

DOCUMENT: Final = "$document"
"""Key of the column that holds the members of a document: no attribute is called so."""
_SYSTEM_WIDTH: Final = 12_000
"""Characters that 100 permissions may have, and the rest is short."""
_JSON_STORAGE: Final = frozenset({"geometry", "document", "vector"})

SQL_TYPES: Final[Mapping[Storage, type[TypeEngine[Any]]]] = {
    "text": Text,
    "integer": BigInteger,
    "float": Double,
    "boolean": SmallInteger,
    "time": BigInteger,
    "geometry": Text,
    "document": Text,
    "vector": Text,
}

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
    """A column that can be used."""

    sequence: int
    key: str
    rules: ColumnRules

    @property
    def name(self) -> str:
        """In SQL."""
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
        """Characters that a value may have in the store; 0 for numbers and the like."""
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


@dataclass(frozen=True)
class UserIndex:
    """An index that can be used."""

    sequence: int
    type: str
    columns: tuple[str, ...]
    """Keys."""


class UserTable:
    """A table as of one version."""

    def __init__(
        self,
        row: Row[Any],
        columns: Sequence[UserColumn],
        indexes: Sequence[UserIndex],
        encryption: Encryption,
        relations: Sequence[Relation] = (),
    ) -> None:
        self.sequence: int = row.sequence
        self.id: str = row.id
        self.database_id: str = row.database_id
        self.database_type: str = row.database_type
        self.permissions: list[str] = row.permissions
        self.row_security: bool = row.row_security
        self.enabled: bool = row.enabled
        self.columns = {column.key: column for column in columns}
        self.document = self.columns.get(DOCUMENT)
        """The column of the members, if the table holds documents without a schema."""
        self.indexes = indexes
        self.encryption = encryption
        self.all_relations = relations
        """Those too that only the other table shows."""
        self.relations = {relation.key: relation for relation in relations if relation.key}
        self.keys = tuple(relation.own_key for relation in relations if relation.own_key)
        """Columns in SQL that hold sequences of related rows."""
        self.rows = sql_table(row.sequence, columns, self.keys)
        self.readers = readers_table(row.sequence)
        self.holds_objects = any(column.rules.kind.storage == "document" for column in columns)
        """Whether there are paths into values."""
        self.holds_secrets = any(column.rules.encrypted for column in columns)
        """Whether there are values that are stored sealed."""
        self.width = _SYSTEM_WIDTH + sum(column.width for column in columns)
        """Characters that a row may have in the store."""
        self._statements: dict[Hashable, Prepared] = {}
        self._elsewhere: dict[str, UserTable] = {}
        self._converted = [
            (column.key, convert) for column in columns if (convert := column.conversion(encryption))
        ]

    def shown_values(
        self,
        values: Sequence[Any],
        keys: Sequence[str] | None = None,
        selected: frozenset[str] | None = None,
    ) -> dict[str, Any]:
        """Stored values as on the wire; ``keys`` names their columns, None means all columns.

        ``selected`` says what is shown of documents, None that all is.
        """
        fields = dict(zip(self.columns if keys is None else keys, values, strict=True))
        for key, convert in self._converted:
            if fields.get(key) is not None:
                fields[key] = convert(fields[key])
        if self.holds_objects:
            return self.opened(fields, selected)
        if keys is None and selected is not None:
            return {key: value for key, value in fields.items() if key in selected}
        return fields

    def presented(self, accepted: Mapping[str, Any]) -> dict[str, Any]:
        """The values on the wire of a row of which these values were accepted, by key."""
        values = {key: column.presented(accepted.get(key)) for key, column in self.columns.items()}
        return self.opened(values) if self.holds_objects else values

    def opened(self, fields: dict[str, Any], selected: frozenset[str] | None = None) -> dict[str, Any]:
        """Shown values by key, the members of a document instead of the column that holds them."""
        members = fields.pop(DOCUMENT, None) or {}
        opened = {**members, **fields}
        return opened if selected is None else selected_members(opened, selected)

    def has_attribute(self, path: str) -> bool:
        """Whether rows can have a value at a path."""
        if path in self.columns:
            return True
        column = self.columns.get(path.partition(".")[0])
        if column is None:
            return self.document is not None and not path.startswith("$")
        return column.rules.kind.storage == "document"

    def columns_of(self, selected: frozenset[str]) -> tuple[str, ...]:
        """Keys of the columns that hold what has been selected."""
        if "*" in selected:
            return tuple(self.columns)
        named = {path.partition(".")[0] for path in selected} if self.holds_objects else selected
        return tuple(key for key in self.columns if key in named or key == DOCUMENT)

    def prepared(self, shape: Hashable, build: Callable[[], Executable]) -> Prepared:
        """The statement of a shape, built the first time."""
        statement = self._statements.get(shape)
        if statement is None:
            if len(self._statements) >= STATEMENTS_KEPT:
                self._statements.clear()
            statement = self._statements[shape] = Prepared(build())
        return statement

    def within(self, schema: str) -> UserTable:
        """The table of the same name in a schema of SQL, whatever the name alone leads to."""
        table = self._elsewhere.get(schema)
        if table is None:
            table = copy(self)
            table.rows = sql_table(self.sequence, list(self.columns.values()), self.keys, schema)
            table.readers = readers_table(self.sequence, schema)
            table._statements = {}  # noqa: SLF001 - its own
            self._elsewhere[schema] = table
        return table

    def back_key(self, relation: Relation) -> str:
        """The column that shows a relation that leads here from another table; empty if none does."""
        backward = (each for each in self.all_relations if each.relationship == relation.relationship)
        return next((each.key for each in backward if each.side != relation.side), "")

    def index_of(self, key: str, index_type: str) -> UserIndex | None:
        """An index of a type that has the column in it."""
        return next((each for each in self.indexes if each.type == index_type and key in each.columns), None)


def sql_table(
    sequence: int, columns: Sequence[UserColumn], keys: Sequence[str] = (), schema: str | None = None
) -> Table:
    """The table that holds the rows, with these columns; ``keys`` are names of those for related rows."""
    return Table(
        names.rows_table(sequence),
        MetaData(),
        Column("sequence", SequenceType, primary_key=True, autoincrement=True),
        Column("id", String(ID_LENGTH), nullable=False, unique=True),
        Column("created_at", Milliseconds, nullable=False),
        Column("updated_at", Milliseconds, nullable=False),
        Column("permissions", Text, nullable=False),  # JSON array
        *(sql_column(column) for column in columns),
        *(Column(name, BigInteger) for name in keys),
        schema=schema,
        sqlite_autoincrement=True,
    )


def sql_column(column: UserColumn) -> Column[Any]:
    """The column that holds the values; what is required is checked when rows are written."""
    return Column(
        column.name, Text if column.as_json else SQL_TYPES[column.rules.kind.storage], nullable=True
    )


def readers_table(sequence: int, schema: str | None = None) -> Table:
    """The table of the roles that may read rows by the rows' own permissions.

    Only these are joined with: whether a row may be changed is asked of one row at a time.
    """
    return Table(
        names.readers_table(sequence),
        MetaData(),
        Column("role", String(255), primary_key=True),
        Column("row", Integer, primary_key=True, autoincrement=False, index=True),
        schema=schema,
        sqlite_with_rowid=False,
    )


def column_of(row: Row[Any]) -> UserColumn:
    """A row of the description as a column."""
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


_FIND: Final = Prepared(
    select(databases.c.enabled, user_tables.c.version, user_tables.c.enabled)
    .join(user_tables, user_tables.c.database_sequence == databases.c.sequence)
    .where(databases.c.id == bindparam("database"), user_tables.c.id == bindparam("table"))
)
_LOAD: Final = (
    select(user_tables, databases.c.id.label("database_id"), databases.c.type.label("database_type"))
    .join(databases, user_tables.c.database_sequence == databases.c.sequence)
    .where(user_tables.c.version == bindparam("version"))
)
_FIND_RELATED: Final = Prepared(
    select(user_tables.c.version).where(user_tables.c.sequence == bindparam("table"))
)
_kept: dict[str, UserTable] = {}
"""By version, which no two tables share, in whatever database they are."""


def find_table(
    connection: Connection, encryption: Encryption, database_id: str, table_id: str, *, disabled: bool
) -> UserTable | None:
    """The table as it is now; None if there is none, or, unless ``disabled`` ones count, none enabled."""
    found = _FIND.fetch(connection, {"database": database_id, "table": table_id})
    if not found or not (disabled or (found[0][0] and found[0][2])):
        return None
    return _table(connection, encryption, found[0][1])


def find_related_table(connection: Connection, encryption: Encryption, sequence: int) -> UserTable:
    """A table that a relation leads to, enabled or not."""
    return _table(connection, encryption, _FIND_RELATED.fetch(connection, {"table": sequence})[0][0])


def _table(connection: Connection, encryption: Encryption, version: str) -> UserTable:
    table = _kept.get(version)
    if table is None:
        table = load_table(connection, encryption, version)
        if len(_kept) >= TABLES_KEPT:
            _kept.clear()
        _kept[version] = table
    return table


def load_table(connection: Connection, encryption: Encryption, version: str) -> UserTable:
    """Read the description of a table."""
    row = connection.execute(_LOAD, {"version": version}).one()
    columns = connection.execute(
        select(user_columns)
        .where(user_columns.c.table_sequence == row.sequence, user_columns.c.status == "available")
        .where(user_columns.c.kind != RELATIONSHIP)
        .order_by(user_columns.c.sequence)
    )
    indexes = connection.execute(
        select(user_indexes)
        .where(user_indexes.c.table_sequence == row.sequence, user_indexes.c.status == "available")
        .order_by(user_indexes.c.sequence)
    )
    return UserTable(
        row,
        [column_of(column) for column in columns],
        [UserIndex(index.sequence, index.type, tuple(index.columns)) for index in indexes],
        encryption,
        relations_of(connection, row.sequence),
    )
