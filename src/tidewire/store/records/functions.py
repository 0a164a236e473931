"""Rows of functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import Prepared, PreparedSelect
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.deletions import discard_objects
from tidewire.store.records.variables import delete_variables_of
from tidewire.store.schema import deployment_parts, deployments
from tidewire.store.schema import functions as table

LIST: Final = resource_list(
    table,
    "name",
    "enabled",
    "installationId",
    "runtime",
    "deploymentId",
    "schedule",
    "timeout",
    "entrypoint",
    "commands",
    searchable=(table.c.id, table.c.name, table.c.runtime),
)
_BY_ID: Final = PreparedSelect(select(table).where(table.c.id == bindparam("id")))
_BY_SEQUENCE: Final = PreparedSelect(select(table).where(table.c.sequence == bindparam("sequence")))
_EXISTS: Final = Prepared(select(table.c.sequence).where(table.c.sequence == bindparam("sequence")))
_ANY: Final = Prepared(select(table.c.sequence).limit(1))
_SCHEDULED_AT: Final = Prepared(
    select(func.min(table.c.schedule_next_at)).where(table.c.schedule_next_at > 0)
)
_SCHEDULED: Final = select(table).where(
    table.c.schedule_next_at > 0, table.c.schedule_next_at <= bindparam("moment")
)
_ENABLED: Final = PreparedSelect(
    select(table).where(table.c.enabled, table.c.deployment_id != "").order_by(table.c.sequence)
)
_CREATED: Final = "functions.created"
"""The day (of the epoch, UTC) and how many were created on it."""
_DAY_MS: Final = 24 * 3600 * 1000


def function_row(connection: Connection, function_id: str) -> Row[Any] | None:
    """A function; None: there is none of this id."""
    rows = _BY_ID.typed(connection, _BY_ID.fetch(connection, {"id": function_id}))
    return rows[0] if rows else None


def function_of_sequence(connection: Connection, sequence: int) -> Row[Any] | None:
    """A function, by its number."""
    rows = _BY_SEQUENCE.typed(connection, _BY_SEQUENCE.fetch(connection, {"sequence": sequence}))
    return rows[0] if rows else None


def function_exists(connection: Connection, sequence: int) -> bool:
    """Whether there is a function of this number still."""
    return bool(_EXISTS.fetch(connection, {"sequence": sequence}))


def insert_function(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    """Write a new function."""
    return connection.execute(insert(table).returning(table), dict(values)).one()


def update_function(connection: Connection, sequence: int, values: Mapping[str, Any]) -> Row[Any]:
    """Change a function; returns it as it is now."""
    return connection.execute(
        update(table).where(table.c.sequence == sequence).values(values).returning(table)
    ).one()


def delete_function(connection: Connection, sequence: int, function_id: str) -> None:
    """Delete a function with its deployments, variables and executions."""
    own = select(deployments.c.sequence).where(deployments.c.function_sequence == sequence)
    discard_objects(
        connection, select(deployment_parts.c.key).where(deployment_parts.c.deployment_sequence.in_(own))
    )
    built = (deployments.c.function_sequence == sequence) & (deployments.c.output_key != "")
    discard_objects(connection, select(deployments.c.output_key).where(built))
    delete_variables_of(connection, "function", function_id)
    connection.execute(delete(table).where(table.c.sequence == sequence))


def has_functions(connection: Connection) -> bool:
    """Whether there is any function."""
    return bool(_ANY.fetch(connection, {}))


def next_scheduled_at(connection: Connection) -> int | None:
    """Return when a function is run next by its schedule; None: never."""
    scheduled_at: int | None = _SCHEDULED_AT.fetch(connection, {})[0][0]
    return scheduled_at


def scheduled_functions(connection: Connection, moment: int) -> Sequence[Row[Any]]:
    """The functions whose time has come."""
    return connection.execute(_SCHEDULED, {"moment": moment}).all()


def triggered_functions(connection: Connection) -> list[Row[Any]]:
    """The functions that events run."""
    return [row for row in _ENABLED.typed(connection, _ENABLED.fetch(connection, {})) if row.events]


def mark_changed(connection: Connection) -> None:
    """Note of all functions that something is not in force in their active deployments."""
    connection.execute(update(table).where(table.c.live).values(live=False))


def list_functions(
    connection: Connection, queries: Sequence[str], search: str, total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the functions, and how many there are."""
    return list_rows(connection, LIST, queries, search, (), total)


def count_creation(connection: Connection, moment: int) -> int:
    """Count the creation of a function; how many there were today (UTC), this one included."""
    today = moment // _DAY_MS
    day, _, count = (read_state(connection, _CREATED) or "").partition(" ")
    created = int(count) + 1 if day == str(today) else 1
    write_state(connection, _CREATED, f"{today} {created}")
    return created
