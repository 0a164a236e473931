"""Rows imported and exported in bulk, by commands that work on the data directory itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from tidewire.core.columns import KINDS, ColumnRules
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event, LoggedEvent
from tidewire.core.ids import is_id
from tidewire.core.permissions import expand_permissions
from tidewire.services.context import Context
from tidewire.services.databases.dialects import EVERY, DialectCall
from tidewire.services.databases.records import database_not_found, find_user_table
from tidewire.services.databases.row_values import given_permissions, new_values, plain_values
from tidewire.services.databases.row_views import Fields, shown_row
from tidewire.services.databases.row_writing import change_row, prepare_row, write_row
from tidewire.services.permissions import ITEM_ACTIONS
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.state import delete_state, read_state, write_state
from tidewire.store.records.rows import find_row as find_system_row
from tidewire.store.schema import databases
from tidewire.store.schema.columns import ID_LENGTH
from tidewire.store.user_tables.access import EVERYTHING
from tidewire.store.user_tables.listing import StoredRow, list_rows
from tidewire.store.user_tables.loading import find_related_table
from tidewire.store.user_tables.queries import read_page
from tidewire.store.user_tables.reached import Reached
from tidewire.store.user_tables.related_rows import find_related
from tidewire.store.user_tables.relations import Relation
from tidewire.store.user_tables.rows import Changes, count_stored_rows, find_row, permissions_of
from tidewire.store.user_tables.tables import UserTable

Outcome = Literal["created", "changed", "unchanged"]

_HIDDEN: Final = ("$sequence", "$databaseId", "$tableId", "$collectionId")
"""Fields that are not exported, because they say where a row is."""
_STEP_RELATED: Final = 100_000
"""Related rows that are looked up at a time."""


@dataclass(frozen=True)
class TransferTable:
    """A table that rows are imported to or exported from."""

    call: DialectCall
    database_id: str
    table_id: str

    def table(self, connection: Connection) -> UserTable:
        """The table as it is now. Raises ``database_not_found`` or ``table_not_found``."""
        return find_user_table(connection, self.call, self.database_id, self.table_id)


@dataclass(frozen=True)
class NewRow:
    """A row to be imported, and its name in errors."""

    name: str
    """The name of its place, for example ``line 3``."""
    id: str
    fields: Mapping[str, Any]


class _SilentTransaction(Transaction):
    """A transaction that writes no events."""

    def append(self, event: Event) -> LoggedEvent:
        return LoggedEvent(self.connection.project_id, 0, event)


async def find_place(context: Context, database_id: str, table_id: str) -> tuple[TransferTable, UserTable]:
    """A table of a database of any type. Raises ``database_not_found`` or ``table_not_found``."""

    def unit(connection: Connection) -> tuple[TransferTable, UserTable]:
        database = find_system_row(connection, databases, id=database_id)
        if database is None:
            raise database_not_found()
        dialect = next(each for each in EVERY if each.database_type == database.type)
        place = TransferTable(DialectCall(context, dialect), database_id, table_id)
        return place, place.table(connection)

    return await context.database.read(unit)


def rules_of(table: UserTable) -> dict[str, ColumnRules]:
    """The rules of the values in the columns of a file, where related rows stand by their ids."""
    rules = {key: column.rules for key, column in table.columns.items()}
    for key, relation in table.relations.items():
        rules[key] = ColumnRules(KINDS["varchar"], array=relation.many, size=ID_LENGTH)
    return rules


def exported_keys(table: UserTable) -> list[str]:
    """The columns of a file; a relationship is exported only with one of its two tables."""
    return [*table.columns, *(key for key, relation in table.relations.items() if _is_exported(relation))]


async def count_rows(place: TransferTable) -> int:
    """How many rows the table has now."""

    return await place.call.context.database.read(
        lambda connection: count_stored_rows(connection, place.table(connection))
    )


async def read_rows(
    place: TransferTable, columns: Sequence[str], after: int, limit: int
) -> tuple[list[Fields], int]:
    """The next rows in the order of their creation, and the sequence to continue after; none at the end.

    ``columns`` are the :func:`exported_keys`. Raises :class:`TidewireError` if they have changed.
    """

    def unit(connection: Connection) -> tuple[list[Fields], int]:
        table = place.table(connection)
        if exported_keys(table) != list(columns):
            raise TidewireError("general_bad_request", "The columns changed meanwhile: begin again.")
        page = msgspec.structs.replace(
            read_page(table, ()),
            filters=[("greaterThan", "$sequence", 1)],
            values=[after],
            orders=[("$sequence", False)],
            limit=limit,
        )
        found = list_rows(connection, table, page, EVERYTHING, total=False)[1]
        found, related = _with_related(connection, place.call, table, found)
        rows = [shown_row(place.call, table, row) | related[row[0]] for row in found]
        for row in rows:
            for key in _HIDDEN:
                row.pop(key, None)
        return rows, found[-1][0] if found else after

    return await place.call.context.database.read(unit)


async def write_rows(
    place: TransferTable,
    rows: Sequence[NewRow],
    *,
    silent: bool,
    relate: bool = True,
    note: tuple[str, str] | None = None,
) -> list[Outcome]:
    """Create rows or change those with their ids, all in one transaction; equal rows are left alone.

    ``silent``: no events are written. ``relate``: the given related rows are linked. ``note``: the name and
    value of a note on the progress, which is written if and only if the rows are. Raises
    :class:`TidewireError` with the name of the wrong row.
    """

    def unit(transaction: Transaction) -> list[Outcome]:
        connection = transaction.connection
        writing = _SilentTransaction(connection) if silent else transaction
        table = place.table(connection)
        left_out = () if relate else tuple(table.relations)
        outcomes = [_bring(writing, place.call, table, row, left_out) for row in rows]
        if note is not None:
            write_state(connection, *note)
        return outcomes

    return await place.call.context.database.write(unit)


async def read_note(place: TransferTable, name: str) -> str | None:
    """The last note of :func:`write_rows`."""
    return await place.call.context.database.read(lambda connection: read_state(connection, name))


async def forget_note(place: TransferTable, name: str) -> None:
    """Delete a note."""
    await place.call.context.database.write(lambda transaction: delete_state(transaction.connection, name))


def _bring(
    transaction: Transaction, call: DialectCall, table: UserTable, row: NewRow, left_out: Sequence[str]
) -> Outcome:
    data = {key: value for key, value in row.fields.items() if key not in left_out}
    try:
        return _write(transaction, call, table, row.id, data)
    except TidewireError as error:
        raise TidewireError(error.type, f"{row.name}: {error.message}") from error


def _write(
    transaction: Transaction, call: DialectCall, table: UserTable, row_id: str, data: Mapping[str, Any]
) -> Outcome:
    if not is_id(row_id):
        raise TidewireError("general_argument_invalid", f"Invalid `$id`: {row_id[:64]!r} is no id.")
    permissions = given_permissions(data.get("$permissions"))
    changes = plain_values(call, table, data)
    row = find_row(transaction.connection, table, row_id)
    if row is None:
        created = new_values(call, table, data)
        # A given null replaces the default of a column.
        created.values |= {key: None for key, value in changes.values.items() if value is None}
        write_row(transaction, call, prepare_row(call, table, row_id, created, permissions))
        return "created"
    changes.permissions = expand_permissions(permissions, ITEM_ACTIONS)
    if _is_so(transaction.connection, call, table, row, changes, data):
        return "unchanged"
    change_row(transaction, call, table, row, changes, "update")
    return "changed"


def _is_so(
    connection: Connection,
    call: DialectCall,
    table: UserTable,
    row: StoredRow,
    changes: Changes,
    given: Mapping[str, Any],
) -> bool:
    """Whether the row holds all given values already."""
    if changes.permissions is not None and changes.permissions != permissions_of(row):
        return False
    if changes.created_at not in {None, row[2]}:
        return False
    if given.get("$updatedAt") is not None and changes.updated_at != row[3]:
        return False
    holds = shown_row(call, table, row)
    wanted = {key: table.columns[key].presented(value) for key, value in changes.values.items()}
    if table.holds_objects:
        wanted = table.opened(wanted)
    if not all(key in holds and holds[key] == value for key, value in wanted.items()):
        return False
    return all(
        all(isinstance(item, str) for item in items)
        and {owned for _, owned in _ids(connection, call, table, table.relations[key], [row])} == set(items)
        for key, items in changes.related.items()
    )


def _with_related(
    connection: Connection, call: DialectCall, table: UserTable, rows: list[StoredRow]
) -> tuple[list[StoredRow], dict[int, Fields]]:
    """Rows and the ids of the rows related to them; fewer rows if there would be too many ids."""
    related: dict[int, Fields] = {row[0]: {} for row in rows}
    for key, relation in table.relations.items():
        if not _is_exported(relation):
            continue
        for row in rows:
            related[row[0]][key] = [] if relation.many else None
        found = _ids(connection, call, table, relation, rows)
        if len(found) > _STEP_RELATED and len(rows) > 1:
            return _with_related(connection, call, table, rows[: len(rows) // 2])
        if len(found) > _STEP_RELATED:
            raise TidewireError(
                "general_bad_request", f"The row {rows[0][1]} has more than {_STEP_RELATED} related ones."
            )
        for owner, related_id in found:
            if relation.many:
                related[owner][key].append(related_id)
            else:
                related[owner][key] = related_id
    return rows, related


def _ids(
    connection: Connection, call: DialectCall, table: UserTable, relation: Relation, rows: Sequence[StoredRow]
) -> list[tuple[int, str]]:
    """Sequences of some of the rows, each with the id of a row related to it."""
    reached = Reached(
        relation, find_related_table(connection, call.context.encryption, relation.related), EVERYTHING
    )
    found = find_related(connection, table, reached, [row[0] for row in rows], (), _STEP_RELATED + 1)
    return [(owner, related[1]) for owner, related in found]


def _is_exported(relation: Relation) -> bool:
    """Whether the relationship is exported with this side: the one with the key, or else the parent."""
    if relation.own_key:
        return True
    return relation.side == "parent" if relation.pairs is not None else not relation.two_way
