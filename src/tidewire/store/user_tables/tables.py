"""The description of a user's table, as of one version of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, Row, String, Table, Text
from sqlalchemy.sql.base import Executable

from tidewire.core.documents import selected_members
from tidewire.core.permissions import roles_granted
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.schema.columns import ID_LENGTH, Milliseconds
from tidewire.store.schema.columns import Sequence as SequenceType
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.user_tables import names
from tidewire.store.user_tables.columns import UserColumn, sql_column
from tidewire.store.user_tables.relations import Relation

STATEMENTS_KEPT: Final = 500
"""The most statements that are kept of one table."""

SYSTEM_COLUMNS: Final = ("sequence", "id", "created_at", "updated_at", "permissions")
"""The columns that every row begins with."""

DOCUMENT: Final = "$document"
"""The key of the column that holds the members of a document: no attribute is called so."""
_ACTIONS: Final = ("create", "read", "update", "delete")
_SYSTEM_WIDTH: Final = 12_000
"""The most characters of what a row has besides its values: 100 permissions, for the rest is short."""


@dataclass(frozen=True)
class UserIndex:
    """An index that can be used."""

    sequence: int
    type: str
    columns: tuple[str, ...]
    """The keys of its columns."""


class UserTable:
    """A user's table as one version of its description says."""

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
        self.granted = {each: frozenset(roles_granted(row.permissions, each)) for each in _ACTIONS}
        """The roles to which the table's own permissions grant an action, by the action."""
        self.row_security: bool = row.row_security
        self.enabled: bool = row.enabled
        self.columns = {column.key: column for column in columns}
        self.document = self.columns.get(DOCUMENT)
        """The column of the members, if the table holds documents without a schema."""
        self.indexes = indexes
        self.encryption = encryption
        self.all_relations = relations
        """All relations, those included that only the other table shows."""
        self.relations = {relation.key: relation for relation in relations if relation.key}
        self.keys = tuple(relation.own_key for relation in relations if relation.own_key)
        """The columns in SQL that hold sequences of related rows."""
        self.rows = sql_table(row.sequence, columns, self.keys)
        self.readers = readers_table(row.sequence)
        self.holds_objects = any(column.rules.kind.storage == "document" for column in columns)
        """Whether there are paths into values."""
        self.holds_secrets = any(column.rules.encrypted for column in columns)
        """Whether there are values that are stored sealed."""
        self.holds_json = any(column.as_json for column in columns)
        """Whether there are values that take much more memory once they are read than as text."""
        self.width = _SYSTEM_WIDTH + sum(column.width for column in columns)
        """The most characters that a row may have in the store."""
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
        """Return the keys of the columns that hold what has been selected."""
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
