"""Variables of the project, which are in the environment of all its functions."""

from __future__ import annotations

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.models import Variable, VariableList
from tidewire.services import variables
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.variables import (
    PROJECT,
    VARIABLE_CREATED,
    VARIABLE_DELETED,
    VARIABLE_UPDATED,
    ChangedKey,
    Switch,
    VariableKey,
    VariableQueries,
    VariableValue,
)
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.functions import mark_changed


@operations.declare(
    "createVariable",
    "POST",
    "/project/variables",
    scopes=("project.write",),
    status=201,
    event=VARIABLE_CREATED,
)
async def create_variable(
    context: Context, variable_id: CustomId, key: VariableKey, value: VariableValue, secret: Switch = True
) -> Variable:
    """Add a variable to the environment of all functions; a secret value is never shown again."""

    def unit(transaction: Transaction) -> Variable:
        mark_changed(transaction.connection)
        return variables.create_variable(transaction, context, PROJECT, variable_id, key, value, secret)

    return await context.database.write(unit)


@operations.declare("listVariables", "GET", "/project/variables", scopes=("project.read",))
async def list_variables(
    context: Context, queries: VariableQueries = (), total: Boolean = True
) -> VariableList:
    """List the variables of the project."""
    return await context.database.read(
        lambda connection: variables.list_variables(connection, PROJECT, queries, total)
    )


@operations.declare("getVariable", "GET", "/project/variables/{variableId}", scopes=("project.read",))
async def get_variable(context: Context, variable_id: ResourceId) -> Variable:
    """Get a variable of the project."""

    def unit(connection: Connection) -> Variable:
        return variables.variable_of(connection, variables.find_variable(connection, PROJECT, variable_id))

    return await context.database.read(unit)


@operations.declare(
    "updateVariable",
    "PUT",
    "/project/variables/{variableId}",
    scopes=("project.write",),
    event=VARIABLE_UPDATED,
)
async def update_variable(
    context: Context,
    variable_id: ResourceId,
    key: ChangedKey | None = None,
    value: VariableValue | None = None,
    secret: Switch | None = None,
) -> Variable:
    """Change what is given of a variable of the project."""

    def unit(transaction: Transaction) -> Variable:
        mark_changed(transaction.connection)
        return variables.update_variable(transaction, context, PROJECT, variable_id, key, value, secret)

    return await context.database.write(unit)


@operations.declare(
    "deleteVariable",
    "DELETE",
    "/project/variables/{variableId}",
    scopes=("project.write",),
    event=VARIABLE_DELETED,
)
async def delete_variable(context: Context, variable_id: ResourceId) -> None:
    """Delete a variable of the project."""

    def unit(transaction: Transaction) -> None:
        mark_changed(transaction.connection)
        variables.delete_variable(transaction, context, PROJECT, variable_id)

    await context.database.write(unit)
