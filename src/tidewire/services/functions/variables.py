"""Variables of single functions."""

from __future__ import annotations

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.models import Variable, VariableList
from tidewire.services import variables
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.records import find_function, owner_of
from tidewire.services.variables import (
    VARIABLE_CREATED,
    VARIABLE_DELETED,
    VARIABLE_UPDATED,
    ChangedKey,
    Switch,
    VariableKey,
    VariableOwner,
    VariableQueries,
    VariableValue,
)
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.functions import update_function

PATH = "/functions/{functionId}/variables"
ONE = "/functions/{functionId}/variables/{variableId}"


@operations.declare(
    "createVariable", "POST", PATH, scopes=("functions.write",), status=201, event=VARIABLE_CREATED
)
async def create_variable(
    context: Context,
    function_id: ResourceId,
    variable_id: CustomId,
    key: VariableKey,
    value: VariableValue,
    secret: Switch = True,
) -> Variable:
    """Add a variable to the environment of a function; a secret value is never shown again."""

    def unit(transaction: Transaction) -> Variable:
        owner = _changing(transaction, function_id)
        return variables.create_variable(transaction, context, owner, variable_id, key, value, secret)

    return await context.database.write(unit)


@operations.declare("listVariables", "GET", PATH, scopes=("functions.read",))
async def list_variables(
    context: Context, function_id: ResourceId, queries: VariableQueries = (), total: Boolean = True
) -> VariableList:
    """List the variables of a function."""

    def unit(connection: Connection) -> VariableList:
        find_function(connection, function_id)
        return variables.list_variables(connection, owner_of(function_id), queries, total)

    return await context.database.read(unit)


@operations.declare("getVariable", "GET", ONE, scopes=("functions.read",))
async def get_variable(context: Context, function_id: ResourceId, variable_id: ResourceId) -> Variable:
    """Get a variable of a function."""

    def unit(connection: Connection) -> Variable:
        find_function(connection, function_id)
        row = variables.find_variable(connection, owner_of(function_id), variable_id)
        return variables.variable_of(connection, row)

    return await context.database.read(unit)


@operations.declare("updateVariable", "PUT", ONE, scopes=("functions.write",), event=VARIABLE_UPDATED)
async def update_variable(
    context: Context,
    function_id: ResourceId,
    variable_id: ResourceId,
    key: ChangedKey | None = None,
    value: VariableValue | None = None,
    secret: Switch | None = None,
) -> Variable:
    """Change what is given of a variable of a function."""

    def unit(transaction: Transaction) -> Variable:
        owner = _changing(transaction, function_id)
        return variables.update_variable(transaction, context, owner, variable_id, key, value, secret)

    return await context.database.write(unit)


@operations.declare("deleteVariable", "DELETE", ONE, scopes=("functions.write",), event=VARIABLE_DELETED)
async def delete_variable(context: Context, function_id: ResourceId, variable_id: ResourceId) -> None:
    """Delete a variable of a function."""

    def unit(transaction: Transaction) -> None:
        owner = _changing(transaction, function_id)
        variables.delete_variable(transaction, context, owner, variable_id)

    await context.database.write(unit)


def _changing(transaction: Transaction, function_id: str) -> VariableOwner:
    """The owner of variables that are about to change, which its active deployment does not know yet."""
    row = find_function(transaction.connection, function_id)
    update_function(transaction.connection, row.sequence, {"live": False})
    return owner_of(function_id)
