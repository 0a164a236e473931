"""Changes of tables that take long: done step by step beside requests, and resumed after a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tidewire.core.time import now
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.events import COLUMN_EVENTS, INDEX_EVENTS
from tidewire.services.databases.units import P, R, UnitOperation
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.dialect import Indexed
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, Project
from tidewire.store.records.descriptions import any_unfinished, find_unfinished, relationship_columns
from tidewire.store.records.rows import SystemTable, find_row, rows_of
from tidewire.store.schema import dropped_tables, relationships, user_columns, user_indexes
from tidewire.store.user_tables.changes import advance_column, advance_dropped_table, advance_index
from tidewire.store.user_tables.fields import INDEXED_FIELDS
from tidewire.store.user_tables.names import value_column
from tidewire.store.user_tables.relationship_changes import advance_relationship
from tidewire.store.user_tables.tables import DOCUMENT


class SchemaChange(UnitOperation[P, R]):
    """An operation that may leave steps to be done, which the request does not wait for."""

    async def __call__(self, call: DialectCall, *given: Any, **named: Any) -> R:
        """Do the operation, and begin the steps that are left."""
        answer = await self.do_unit(call, *given, **named)
        context = call.context
        unfinished = context.database.find_at_once(any_unfinished)
        if unfinished is None or unfinished.value:
            context.database.run_beside(finish_changes(context.project, context.database))
        return answer


def schema_change(function: Callable[P, R]) -> SchemaChange[P, R]:
    """Make the decorated function the unit of a :class:`SchemaChange`."""
    return SchemaChange(function)


async def resume_changes(instance: Instance) -> None:
    """Finish the changes that were unfinished in any project when the program ended."""
    for project_id, due_at in (await instance.due()).items():
        store = await instance.project(project_id) if due_at <= now() else None
        if store is None or project_id == CONSOLE_PROJECT_ID:
            continue
        try:
            await finish_changes(store.project, store.database)
        except StoreError:
            continue  # it was logged; the others must not wait for it


async def finish_changes(project: Project, database: Database) -> None:
    """Do all steps that are to be done in a project. Several may do this at once."""
    for table in _STEPS:
        while await database.write(partial(_do_step, project, table)):
            continue


def _do_step(project: Project, table: SystemTable, transaction: Transaction) -> bool:
    """Do a step for what one of the tables describes; False: there is nothing unfinished."""
    row = find_unfinished(transaction.connection, table)
    if row is not None:
        _STEPS[table](transaction, project, row)
    return row is not None


def column_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    """Do a step for a column; True: it was the last, and its event is written."""
    connection = transaction.connection
    if not advance_column(connection, row, connection.encryption):
        return False
    if row.key != DOCUMENT:
        changed = find_row(connection, user_columns, sequence=row.sequence)
        action = "delete" if changed is None else "update"
        COLUMN_EVENTS.publish_outcome(transaction, project, row if changed is None else changed, action)
    return True


def relationship_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    """Do a step for a relationship; True: it was the last, and the events of its columns are written."""
    connection = transaction.connection
    before = relationship_columns(connection, row)
    if not advance_relationship(connection, row):
        return False
    after = {column.sequence: column for column in relationship_columns(connection, row)}
    for column in before:
        action = "update" if column.sequence in after else "delete"
        COLUMN_EVENTS.publish_outcome(transaction, project, after.get(column.sequence, column), action)
    return True


def index_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    """Do a step for an index; True: it was the last, and its event is written."""
    connection = transaction.connection
    if not advance_index(connection, row, _indexed(connection, row)):
        return False
    changed = find_row(connection, user_indexes, sequence=row.sequence)
    assert changed is not None
    INDEX_EVENTS.publish_outcome(transaction, project, changed, "update")
    return True


def _drop_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    del project
    return advance_dropped_table(transaction.connection, row.table_sequence)


_STEPS: Final[Mapping[SystemTable, Callable[[Transaction, Project, Row[Any]], bool]]] = {
    user_columns: column_step,
    relationships: relationship_step,
    user_indexes: index_step,
    dropped_tables: _drop_step,
}
"""The functions that do a step, by the table that describes what it is done for."""


def complete(transaction: Transaction, call: DialectCall, table: SystemTable, row: Row[Any]) -> None:
    """Do all steps for a row of one of the tables of descriptions, now."""
    left: Row[Any] | None = row
    while left is not None and not _STEPS[table](transaction, call.context.project, left):
        left = find_row(transaction.connection, table, sequence=row.sequence)


def _indexed(connection: Connection, index: Row[Any]) -> list[Indexed]:
    """The expressions in SQL that an index is made of."""
    columns = {row.key: row for row in rows_of(connection, user_columns, table_sequence=index.table_sequence)}
    return [_indexed_as(columns, key) for key in index.columns]


def _indexed_as(columns: Mapping[str, Row[Any]], key: str) -> Indexed:
    if key in INDEXED_FIELDS:
        return Indexed(INDEXED_FIELDS[key])
    if key in columns:
        return Indexed(value_column(columns[key].sequence))
    first, _, rest = key.partition(".")
    column, path = (columns[first], rest) if first in columns else (columns[DOCUMENT], key)
    return Indexed(value_column(column.sequence), tuple(path.split(".")))
