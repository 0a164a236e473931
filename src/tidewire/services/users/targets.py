"""Targets: where messages reach a user, by mail, text message or push."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Target, TargetList
from tidewire.core.parameters import InvalidParameterError
from tidewire.services.account.events import TARGET_CREATED, TARGET_DELETED, TARGET_UPDATED
from tidewire.services.account.targets import Identifier, publish_target
from tidewire.services.context import Context
from tidewire.services.users import operations
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records import targets as records
from tidewire.store.records.providers import find_provider
from tidewire.store.records.targets import TARGETS, insert_target, rename_target, target_of
from tidewire.store.records.users import find_user

Name = Annotated[str, Text(1, 128)]

_TARGETS: Final = "/users/{userId}/targets"
_TARGET: Final = "/users/{userId}/targets/{targetId}"
_FORMS: Final = {"email": (Email(), "general_invalid_email"), "sms": (Phone(), "general_invalid_phone")}
"""Type of target to what its identifier must be, and the error if it is not. Push: anything."""


@operations.write("createTarget", "POST", _TARGETS, scopes=("users.write",), status=201, event=TARGET_CREATED)
def create_target(
    transaction: Transaction,
    context: Context,
    target_id: CustomId,
    user_id: ResourceId,
    provider_type: Annotated[str, AnyCaseChoice(("email", "sms", "push"))],
    identifier: Identifier,
    provider_id: ResourceId = "",
    name: Name = "",
) -> Target:
    """Add an address, phone number or device token under which a user is reached."""
    _require_form(provider_type, identifier)
    find_user(transaction.connection, user_id)
    row = insert_target(
        transaction.connection,
        chosen_id(target_id),
        identifier,
        user_id=user_id,
        name=name,
        provider_id=provider_id or None,
        provider_type=provider_type,
    )
    return publish_target(transaction, context, TARGET_CREATED, row)


@operations.read("getTarget", "GET", _TARGET, scopes=("users.read",))
def get_target(connection: Connection, _: Context, user_id: ResourceId, target_id: ResourceId) -> Target:
    """Get a target of a user."""
    return target_of(_find_target(connection, user_id, target_id))


@operations.read("listTargets", "GET", _TARGETS, scopes=("users.read",))
def list_targets(
    connection: Connection,
    _: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(TARGETS.attributes))] = (),
    total: Boolean = True,
) -> TargetList:
    """List the targets of a user."""
    find_user(connection, user_id)
    count, rows = list_rows(connection, TARGETS, queries, "", (), total, user_id=user_id)
    return TargetList(total=count, targets=[target_of(row) for row in rows])


@operations.write("updateTarget", "PATCH", _TARGET, scopes=("users.write",), event=TARGET_UPDATED)
def update_target(
    transaction: Transaction,
    context: Context,
    user_id: ResourceId,
    target_id: ResourceId,
    identifier: Identifier = "",
    provider_id: ResourceId = "",
    name: Name = "",
) -> Target:
    """Change a target of a user; what is not given stays."""
    connection = transaction.connection
    row = _find_target(connection, user_id, target_id)
    if provider_id:
        provider = find_provider(connection, provider_id)
        if provider.type != row.provider_type:
            raise TidewireError(
                "provider_incorrect_type", f"The provider carries {provider.type}, not {row.provider_type}."
            )
        row = records.choose_provider(connection, row, provider_id)
    if identifier:
        _require_form(row.provider_type, identifier)
        row = records.update_target(connection, row, identifier)
    row = rename_target(connection, row, name or row.name)
    return publish_target(transaction, context, TARGET_UPDATED, row)


@operations.write("deleteTarget", "DELETE", _TARGET, scopes=("users.write",), event=TARGET_DELETED)
def delete_target(
    transaction: Transaction, context: Context, user_id: ResourceId, target_id: ResourceId
) -> None:
    """Delete a target of a user."""
    row = _find_target(transaction.connection, user_id, target_id)
    records.delete_target(transaction.connection, row)
    publish_target(transaction, context, TARGET_DELETED, row)


def _find_target(connection: Connection, user_id: str, target_id: str) -> Row[Any]:
    find_user(connection, user_id)
    return records.find_target(connection, user_id, target_id)


def _require_form(provider_type: str, identifier: str) -> None:
    check, error_type = _FORMS.get(provider_type, (None, ""))
    if check is None:
        return
    try:
        check.convert(identifier)
    except InvalidParameterError as error:
        raise TidewireError(error_type, f"Invalid `identifier` param: {error}") from None
