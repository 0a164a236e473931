"""What is to be run: a function with its active deployment and its variables, in one statement.

Executions ask this each time. Between two of them it is mostly the same, so what was made of its rows is
kept: nothing has to be decoded again as long as they have the same values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from tidewire.store.engine.connection import Connection
from tidewire.store.engine.prepared_statements import PreparedSelect
from tidewire.store.schema import deployments, functions, variables

KEPT: Final = 1024
"""Functions of which is kept what was made of their rows."""


@dataclass(frozen=True, eq=False)
class FunctionToRun:
    """A function with its active deployment and variables; the same object as long as they do not change."""

    sequence: int
    id: str
    name: str
    enabled: bool
    logging: bool
    execute: list[str]
    scopes: list[str]
    runtime: str
    timeout: int
    runtime_specification: str
    deployment_id: str | None
    """None: none is active, as for all that follows."""
    deployment_status: str | None
    deployment_type: str | None
    entrypoint: str | None
    output_key: str | None
    build_size: int | None
    variables: tuple[tuple[str, str], ...]
    """Names and sealed values: those of the project, and then those of the function, which win."""


_OF_PROJECT: Final = (variables.c.resource_type == "project") & (variables.c.resource_id == "")
_OF_FUNCTION: Final = (variables.c.resource_type == "function") & (variables.c.resource_id == functions.c.id)
_ACTIVE: Final = functions.outerjoin(
    deployments,
    (deployments.c.id == functions.c.deployment_id)
    & (deployments.c.function_sequence == functions.c.sequence),
).outerjoin(variables, _OF_PROJECT | _OF_FUNCTION)
_SELECTED: Final = (
    select(
        functions.c.sequence,
        functions.c.id,
        functions.c.name,
        functions.c.enabled,
        functions.c.logging,
        functions.c.execute,
        functions.c.scopes,
        functions.c.runtime,
        functions.c.timeout,
        functions.c.runtime_specification,
        deployments.c.id.label("deployment_id"),
        deployments.c.status.label("deployment_status"),
        deployments.c.type.label("deployment_type"),
        deployments.c.entrypoint.label("deployment_entrypoint"),
        deployments.c.output_key,
        deployments.c.build_size,
        variables.c.key,
        variables.c.value,
    )
    .select_from(_ACTIVE)
    .order_by(variables.c.resource_type.desc(), variables.c.sequence)
)
_BY_ID: Final = PreparedSelect(_SELECTED.where(functions.c.id == bindparam("id")))
_BY_SEQUENCE: Final = PreparedSelect(_SELECTED.where(functions.c.sequence == bindparam("sequence")))
_kept: dict[tuple[tuple[Any, ...], ...], FunctionToRun] = {}


def function_to_run(connection: Connection, function_id: str) -> FunctionToRun | None:
    """A function with its active deployment, if it has one; None: there is no such function."""
    return _found(connection, _BY_ID, {"id": function_id})


def function_to_run_of(connection: Connection, sequence: int) -> FunctionToRun | None:
    """The same, by the number of the function."""
    return _found(connection, _BY_SEQUENCE, {"sequence": sequence})


def _found(connection: Connection, statement: PreparedSelect, wanted: dict[str, Any]) -> FunctionToRun | None:
    rows = tuple(statement.fetch(connection, wanted))  # one for each variable, or one without any
    if not rows:
        return None
    known = _kept.get(rows)
    if known is None:
        *values, _, _ = statement.typed(connection, rows[:1])[0]
        values.append(tuple(row[-2:] for row in rows if row[-2] is not None))
        known = FunctionToRun(*values)
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)), None)
        _kept[rows] = known
    return known
