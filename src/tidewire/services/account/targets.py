"""Devices of the own account that push messages reach."""

from __future__ import annotations

from typing import Annotated, Any, Final

from sqlalchemy import Row, delete, insert, or_, select, update

from tidewire.core.checks.names import CustomId, Id, ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models import Target
from tidewire.core.time import now
from tidewire.services.account import operations
from tidewire.services.account.records import chosen_id, signed_in
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit, visit_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records.targets import target_of
from tidewire.store.schema import targets

TARGET_CREATED: Final = "users.[userId].targets.[targetId].create"
TARGET_UPDATED: Final = "users.[userId].targets.[targetId].update"
TARGET_DELETED: Final = "users.[userId].targets.[targetId].delete"

Identifier = Annotated[str, Text(1, 255)]
OptionalId = Annotated[str, Id()]


@operations.declare(
    "createPushTarget",
    "POST",
    "/account/targets/push",
    scopes=("targets.write",),
    status=201,
    event=TARGET_CREATED,
)
async def create_push_target(
    context: Context, target_id: CustomId, identifier: Identifier, provider_id: OptionalId = ""
) -> Target:
    """Register the device that the current session is on, by the token that its push service gave it."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Target:
        new_id = chosen_id(target_id)
        _require_free(transaction.connection, new_id, identifier)
        moment = now()
        row = transaction.connection.execute(
            insert(targets).returning(targets),
            {
                "id": new_id,
                "created_at": moment,
                "updated_at": moment,
                "user_id": identity.user_id,
                "session_id": identity.session_id or None,
                "name": visit.device,
                "provider_id": provider_id or None,
                "provider_type": "push",
                "identifier": identifier,
            },
        ).one()
        return _tell(transaction, context, TARGET_CREATED, row, "target.create", visit)

    return await context.database.write(unit)


@operations.declare(
    "updatePushTarget",
    "PUT",
    "/account/targets/{targetId}/push",
    scopes=("targets.write",),
    event=TARGET_UPDATED,
)
async def update_push_target(context: Context, target_id: ResourceId, identifier: Identifier) -> Target:
    """Replace the token of a device, after its push service changed it."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> Target:
        found = _find(transaction.connection, identity.user_id, target_id)
        if found.identifier != identifier:
            _require_free(transaction.connection, "", identifier)
        row = transaction.connection.execute(
            update(targets)
            .where(targets.c.sequence == found.sequence)
            .values(identifier=identifier, name=visit.device, expired=False, updated_at=now())
            .returning(targets)
        ).one()
        return _tell(transaction, context, TARGET_UPDATED, row, "target.update", visit)

    return await context.database.write(unit)


@operations.declare(
    "deletePushTarget",
    "DELETE",
    "/account/targets/{targetId}/push",
    scopes=("targets.write",),
    event=TARGET_DELETED,
)
async def delete_push_target(context: Context, target_id: ResourceId) -> None:
    """Send nothing to a device any more."""
    identity = signed_in(context)
    visit = await visit_of(context)

    def unit(transaction: Transaction) -> None:
        row = _find(transaction.connection, identity.user_id, target_id)
        transaction.connection.execute(delete(targets).where(targets.c.sequence == row.sequence))
        _tell(transaction, context, TARGET_DELETED, row, "target.delete", visit)

    await context.database.write(unit)


def _find(connection: Connection, user_id: str, target_id: str) -> Row[Any]:
    row = connection.execute(
        select(targets).where(
            targets.c.id == target_id, targets.c.user_id == user_id, targets.c.provider_type == "push"
        )
    ).one_or_none()
    if row is None:
        raise TidewireError("user_target_not_found", "This push target does not exist.")
    return row


def _require_free(connection: Connection, target_id: str, identifier: str) -> None:
    taken = select(targets.c.id).where(or_(targets.c.id == target_id, targets.c.identifier == identifier))
    if connection.execute(taken).first():
        raise TidewireError(
            "user_target_already_exists", "A target with the same id or identifier already exists."
        )


def _tell(
    transaction: Transaction, context: Context, event: str, row: Row[Any], audited: str, visit: Visit
) -> Target:
    target = target_of(row)
    publish(transaction, context, event, {"userId": row.user_id, "targetId": row.id}, target)
    record(transaction, row.user_id, audited, visit)
    return target
