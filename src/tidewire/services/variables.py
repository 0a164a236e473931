"""Variables in the environment of functions: those of a project, and those of single functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.numbers import TrueOrFalse
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Variable, VariableList
from tidewire.core.time import now
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records import variables

VARIABLE_CREATED: Final = "variables.[variableId].create"
VARIABLE_UPDATED: Final = "variables.[variableId].update"
VARIABLE_DELETED: Final = "variables.[variableId].delete"

VariableKey = Annotated[str, Text(1, 255)]
VariableValue = Annotated[str, Text(0, 8192)]
ChangedKey = Annotated[str, Text(0, 255)]
Switch = Annotated[bool, TrueOrFalse()]
VariableQueries = Annotated[Sequence[str], QueryList(tuple(variables.LIST.attributes))]


@dataclass(frozen=True)
class VariableOwner:
    """An owner of environment variables."""

    type: str
    """``function`` or ``project``."""
    id: str = ""
    """The id of the function; empty for the project."""


PROJECT: Final = VariableOwner("project")


def create_variable(
    transaction: Transaction,
    context: Context,
    owner: VariableOwner,
    variable_id: str,
    key: str,
    value: str,
    secret: bool,
) -> Variable:
    """Write a new variable and tell of it; raises ``variable_already_exists``."""
    connection = transaction.connection
    new_id = unique_id() if variable_id == "unique()" else variable_id
    if variables.variable_exists(connection, new_id) or variables.key_is_taken(
        connection, owner.type, owner.id, key
    ):
        raise _already_exists()
    moment = now()
    variables.insert_variable(
        connection,
        {
            "id": new_id,
            "created_at": moment,
            "updated_at": moment,
            "resource_type": owner.type,
            "resource_id": owner.id,
            "key": key,
            "value": connection.encryption.seal(value),
            "secret": secret,
        },
    )
    return _published(transaction, context, VARIABLE_CREATED, owner, new_id)


def update_variable(
    transaction: Transaction,
    context: Context,
    owner: VariableOwner,
    variable_id: str,
    key: str | None,
    value: str | None,
    secret: bool | None,
) -> Variable:
    """Change what is given of a variable, and tell of it.

    Raises ``variable_not_found``, ``variable_cannot_unset_secret``, ``variable_already_exists``.
    """
    connection = transaction.connection
    row = find_variable(connection, owner, variable_id)
    if key is None and value is None and secret is None:
        raise TidewireError("general_argument_invalid", "Give at least one of key, value and secret.")
    if row.secret and secret is False:
        raise TidewireError(
            "variable_cannot_unset_secret", "A variable that is secret stays so: delete it and make another."
        )
    values: dict[str, Any] = {"updated_at": now()}
    if key:
        if variables.key_is_taken(connection, owner.type, owner.id, key, but=row.sequence):
            raise _already_exists()
        values["key"] = key
    if value is not None:
        values["value"] = connection.encryption.seal(value)
    if secret is not None:
        values["secret"] = secret
    variables.update_variable(connection, row.sequence, values)
    return _published(transaction, context, VARIABLE_UPDATED, owner, variable_id)


def delete_variable(
    transaction: Transaction, context: Context, owner: VariableOwner, variable_id: str
) -> None:
    """Delete a variable and tell of it; raises ``variable_not_found``."""
    connection = transaction.connection
    row = find_variable(connection, owner, variable_id)
    variables.delete_variable(connection, row.sequence)
    publish(transaction, context, VARIABLE_DELETED, {"variableId": row.id}, variable_of(connection, row))


def find_variable(connection: Connection, owner: VariableOwner, variable_id: str) -> Row[Any]:
    """Return a variable; raises ``variable_not_found``."""
    row = variables.variable_row(connection, owner.type, owner.id, variable_id)
    if row is None:
        raise TidewireError("variable_not_found", "There is no variable with this id.")
    return row


def list_variables(
    connection: Connection, owner: VariableOwner, queries: Sequence[str], total: bool
) -> VariableList:
    """A page of the variables of an owner."""
    count, rows = variables.list_variables(connection, owner.type, owner.id, queries, total)
    return VariableList(total=count, variables=[variable_of(connection, row) for row in rows])


def variables_of(connection: Connection, owner: VariableOwner) -> list[Variable]:
    """All variables of an owner, as the API shows them."""
    rows = variables.variable_rows(connection, owner.type, owner.id)
    return [variable_of(connection, row) for row in rows]


def variable_of(connection: Connection, row: Row[Any]) -> Variable:
    """The variable as the API shows it: the value of a secret one is never shown."""
    return shown(Variable, row, value="" if row.secret else connection.encryption.open(row.value))


def _published(
    transaction: Transaction, context: Context, pattern: str, owner: VariableOwner, variable_id: str
) -> Variable:
    connection = transaction.connection
    variable = variable_of(connection, find_variable(connection, owner, variable_id))
    publish(transaction, context, pattern, {"variableId": variable_id}, variable)
    return variable


def _already_exists() -> TidewireError:
    return TidewireError("variable_already_exists", "A variable with this id or this key already exists.")
