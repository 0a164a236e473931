"""Changes of tables that take long: done step by step beside requests, and taken up again after a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Row, select

from tidewire.core.relationships import KIND as RELATIONSHIP
from tidewire.core.time import now
from tidewire.services.databases.dialects import EVERY, Dialect, DialectCall
from tidewire.services.databases.events import COLUMN, INDEX, table_parameters
from tidewire.services.databases.records import column_model, index_model
from tidewire.services.publishing import project_event
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.dialect import Indexed
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, Project
from tidewire.store.schema import (
    databases,
    dropped_tables,
    relationships,
    user_columns,
    user_indexes,
    user_tables,
)
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.user_tables.changes import advance_column, advance_dropped_table, advance_index
from tidewire.store.user_tables.indexed_fields import INDEXED_FIELDS
from tidewire.store.user_tables.names import value_column
from tidewire.store.user_tables.relationship_changes import advance_relationship, shown_columns
from tidewire.store.user_tables.tables import DOCUMENT

_PENDING: Final = ("processing", "deleting")


def begin_changes(call: DialectCall) -> None:
    """See to what the request has left to be done, without the request waiting for it."""
    context = call.context
    context.database.run_beside(finish_changes(context.project, context.database, context.encryption))


async def resume_changes(instance: Instance) -> None:
    """Finish what was going on in any project when the program ended."""
    for project_id, due_at in (await instance.due()).items():
        store = await instance.project(project_id) if due_at <= now() else None
        if store is None or project_id == CONSOLE_PROJECT_ID:
            continue
        try:
            await finish_changes(store.project, store.database, instance.encryption)
        except StoreError:
            continue  # it was logged; the others must not wait for it


async def finish_changes(project: Project, database: Database, encryption: Encryption) -> None:
    """Do all steps that are to be done in a project. Several may do this at once."""
    for step in (_step_of_columns, _step_of_relationships, _step_of_indexes, _step_of_dropped):
        while await database.write(_bound(step, project, encryption)):
            continue


def _bound(
    step: Callable[[Transaction, Project, Encryption], bool], project: Project, encryption: Encryption
) -> Callable[[Transaction], bool]:
    return lambda transaction: step(transaction, project, encryption)


def _step_of_columns(transaction: Transaction, project: Project, encryption: Encryption) -> bool:
    connection = transaction.connection
    row = connection.execute(
        select(user_columns)
        .where(user_columns.c.status.in_(_PENDING), user_columns.c.kind != RELATIONSHIP)
        .limit(1)
    ).one_or_none()
    if row is None:
        return False
    column_step(transaction, project, encryption, row)
    return True


def column_step(transaction: Transaction, project: Project, encryption: Encryption, row: Row[Any]) -> bool:
    """Do a step for a column, and tell if it was the last, which is what it returns."""
    if not advance_column(transaction.connection, row, encryption):
        return False
    if row.key == DOCUMENT:
        return True
    changed = transaction.connection.execute(
        select(user_columns).where(user_columns.c.sequence == row.sequence)
    ).one_or_none()
    action, shown = ("update", changed) if changed is not None else ("delete", row)
    tell_column(transaction, project, shown, action)
    return True


def tell_column(
    transaction: Transaction, project: Project, row: Row[Any], action: str, actor_id: str = ""
) -> None:
    """Publish what became of a column, in the words of the database that it is in."""
    _tell(
        transaction,
        project,
        row,
        COLUMN,
        "columnId",
        action,
        lambda dialect: column_model(dialect, row),
        actor_id,
    )


def _step_of_relationships(transaction: Transaction, project: Project, encryption: Encryption) -> bool:
    del encryption
    row = transaction.connection.execute(
        select(relationships).where(relationships.c.status.in_(_PENDING)).limit(1)
    ).one_or_none()
    if row is None:
        return False
    relationship_step(transaction, project, row)
    return True


def relationship_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    """Do a step for a relationship, and tell if it was the last, which is what it returns."""
    connection = transaction.connection
    before = connection.execute(shown_columns(row)).all()
    if not advance_relationship(connection, row):
        return False
    after = {column.sequence: column for column in connection.execute(shown_columns(row))}
    for column in before:
        action = "update" if column.sequence in after else "delete"
        tell_column(transaction, project, after.get(column.sequence, column), action)
    return True


def _step_of_indexes(transaction: Transaction, project: Project, encryption: Encryption) -> bool:
    del encryption
    connection = transaction.connection
    row = connection.execute(
        select(user_indexes).where(user_indexes.c.status.in_(_PENDING)).limit(1)
    ).one_or_none()
    if row is None:
        return False
    index_step(transaction, project, row)
    return True


def index_step(transaction: Transaction, project: Project, row: Row[Any]) -> bool:
    """Do a step for an index, and tell if it was the last, which is what it returns."""
    connection = transaction.connection
    if not advance_index(connection, row, _indexed(connection, row)):
        return False
    shown = connection.execute(select(user_indexes).where(user_indexes.c.sequence == row.sequence)).one()
    _tell(transaction, project, row, INDEX, "indexId", "update", lambda dialect: index_model(dialect, shown))
    return True


def _indexed(connection: Connection, index: Row[Any]) -> list[Indexed]:
    """What is in an index, in SQL."""
    described = select(user_columns).where(user_columns.c.table_sequence == index.table_sequence)
    columns = {row.key: row for row in connection.execute(described)}
    return [_indexed_as(columns, key) for key in index.columns]


def _indexed_as(columns: Mapping[str, Row[Any]], key: str) -> Indexed:
    if key in INDEXED_FIELDS:
        return Indexed(INDEXED_FIELDS[key])
    if key in columns:
        return Indexed(value_column(columns[key].sequence))
    first, _, rest = key.partition(".")
    column, path = (columns[first], rest) if first in columns else (columns[DOCUMENT], key)
    return Indexed(value_column(column.sequence), tuple(path.split(".")))


def _step_of_dropped(transaction: Transaction, project: Project, encryption: Encryption) -> bool:
    del project, encryption
    table = transaction.connection.scalar(select(dropped_tables.c.table_sequence).limit(1))
    if table is None:
        return False
    advance_dropped_table(transaction.connection, table)
    return True


def _tell(
    transaction: Transaction,
    project: Project,
    row: Row[Any],
    pattern: str,
    parameter: str,
    action: str,
    shown: Callable[[Dialect], Any],
    actor_id: str = "",
) -> None:
    """Publish what became of a column or an index, in the words of the database that it is in."""
    table = transaction.connection.execute(
        select(user_tables.c.id, databases.c.id.label("database_id"), databases.c.type)
        .join(databases, databases.c.sequence == user_tables.c.database_sequence)
        .where(user_tables.c.sequence == row.table_sequence)
    ).one()
    dialect = next(each for each in EVERY if each.database_type == table.type)
    parameters = table_parameters(table.database_id, table.id) | {parameter: row.key}
    if parameter == "columnId":
        parameters["attributeId"] = row.key
    event = dialect.word(f"{pattern}.{action}")
    transaction.append(
        project_event(project, actor_id, event, parameters, shown(dialect), database_type=table.type)
    )
