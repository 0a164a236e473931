"""Targets: where messages reach a user, by mail, text message or push."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import Row, delete, insert, or_, select, update

from tidewire.core.checks.addresses import Email, Phone
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import AnyCaseChoice, Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Target, TargetList
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.time import now
from tidewire.services.account.records import chosen_id, find_user
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.users import operations
from tidewire.services.users.events import TARGET_CREATED, TARGET_DELETED, TARGET_UPDATED
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.targets import target_of
from tidewire.store.schema import targets

Identifier = Annotated[str, Text(1, 255)]
Name = Annotated[str, Text(1, 128)]

_FORMS: Final = {"email": (Email(), "general_invalid_email"), "sms": (Phone(), "general_invalid_phone")}
"""Type of target to what its identifier must be, and the error if it is not. Push: anything."""
_LIST: Final = resource_list(targets, "userId", "providerType", "providerId", "identifier")


@operations.declare(
    "createTarget",
    "POST",
    "/users/{userId}/targets",
    scopes=("users.write",),
    status=201,
    event=TARGET_CREATED,
)
async def create_target(
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
    new_id = chosen_id(target_id)

    def unit(transaction: Transaction) -> Target:
        connection = transaction.connection
        find_user(connection, user_id)
        taken = or_(targets.c.id == new_id, targets.c.identifier == identifier)
        if connection.execute(select(targets.c.sequence).where(taken)).first():
            raise _already_exists()
        moment = now()
        row = connection.execute(
            insert(targets).returning(targets),
            {
                "id": new_id,
                "created_at": moment,
                "updated_at": moment,
                "user_id": user_id,
                "name": name,
                "provider_id": provider_id or None,
                "provider_type": provider_type,
                "identifier": identifier,
            },
        ).one()
        return _publish(transaction, context, TARGET_CREATED, row)

    return await context.database.write(unit)


@operations.declare("getTarget", "GET", "/users/{userId}/targets/{targetId}", scopes=("users.read",))
async def get_target(context: Context, user_id: ResourceId, target_id: ResourceId) -> Target:
    """Get a target of a user."""
    return await context.database.read(
        lambda connection: target_of(_find_target(connection, user_id, target_id))
    )


@operations.declare("listTargets", "GET", "/users/{userId}/targets", scopes=("users.read",))
async def list_targets(
    context: Context,
    user_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> TargetList:
    """List the targets of a user."""

    def unit(connection: Connection) -> TargetList:
        find_user(connection, user_id)
        count, rows = list_rows(connection, _LIST, queries, "", (targets.c.user_id == user_id,), total)
        return TargetList(total=count, targets=[target_of(row) for row in rows])

    return await context.database.read(unit)


@operations.declare(
    "updateTarget",
    "PATCH",
    "/users/{userId}/targets/{targetId}",
    scopes=("users.write",),
    event=TARGET_UPDATED,
)
async def update_target(
    context: Context,
    user_id: ResourceId,
    target_id: ResourceId,
    identifier: Identifier = "",
    provider_id: ResourceId = "",
    name: Name = "",
) -> Target:
    """Change a target of a user; what is not given stays."""
    if provider_id:
        raise TidewireError("provider_not_found", "There is no messaging provider with this id.")

    def unit(transaction: Transaction) -> Target:
        connection = transaction.connection
        row = _find_target(connection, user_id, target_id)
        values: dict[str, Any] = {"updated_at": now()}
        if identifier:
            _require_form(row.provider_type, identifier)
            held = select(targets.c.sequence).where(targets.c.identifier == identifier)
            if connection.scalar(held) not in {None, row.sequence}:
                raise _already_exists()
            values |= {"identifier": identifier, "expired": False}
        if name:
            values["name"] = name
        own = targets.c.sequence == row.sequence
        changed = connection.execute(update(targets).where(own).values(**values).returning(targets)).one()
        return _publish(transaction, context, TARGET_UPDATED, changed)

    return await context.database.write(unit)


@operations.declare(
    "deleteTarget",
    "DELETE",
    "/users/{userId}/targets/{targetId}",
    scopes=("users.write",),
    event=TARGET_DELETED,
)
async def delete_target(context: Context, user_id: ResourceId, target_id: ResourceId) -> None:
    """Delete a target of a user."""

    def unit(transaction: Transaction) -> None:
        row = _find_target(transaction.connection, user_id, target_id)
        transaction.connection.execute(delete(targets).where(targets.c.sequence == row.sequence))
        _publish(transaction, context, TARGET_DELETED, row)

    await context.database.write(unit)


def _find_target(connection: Connection, user_id: str, target_id: str) -> Row[Any]:
    find_user(connection, user_id)
    row = connection.execute(
        select(targets).where(targets.c.id == target_id, targets.c.user_id == user_id)
    ).one_or_none()
    if row is None:
        raise TidewireError("user_target_not_found", "The user has no target with this id.")
    return row


def _require_form(provider_type: str, identifier: str) -> None:
    check, error_type = _FORMS.get(provider_type, (None, ""))
    if check is None:
        return
    try:
        check.convert(identifier)
    except InvalidParameterError as error:
        raise TidewireError(error_type, f"Invalid `identifier` param: {error}") from None


def _already_exists() -> TidewireError:
    return TidewireError(
        "user_target_already_exists", "There is a target with this id or identifier already."
    )


def _publish(transaction: Transaction, context: Context, event: str, row: Row[Any]) -> Target:
    target = target_of(row)
    publish(transaction, context, event, {"userId": row.user_id, "targetId": row.id}, target)
    return target
