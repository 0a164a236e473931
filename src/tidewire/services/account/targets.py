"""Push targets of the own account: devices that push messages reach."""

from __future__ import annotations

from typing import Annotated, Any

from tidewire.core.checks.names import CustomId, Id, ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.ids import chosen_id
from tidewire.core.models import Target
from tidewire.services.account import operations, signed_in
from tidewire.services.account.events import TARGET_CREATED, TARGET_DELETED, TARGET_UPDATED
from tidewire.services.audit import record
from tidewire.services.context import Context
from tidewire.services.publishing import publish
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.targets import (
    delete_target,
    find_target,
    insert_target,
    target_of,
    update_target,
)

Identifier = Annotated[str, Text(1, 255)]
OptionalId = Annotated[str, Id()]


@operations.audited(
    "createPushTarget",
    "POST",
    "/account/targets/push",
    scopes=("targets.write",),
    status=201,
    event=TARGET_CREATED,
)
def create_push_target(
    transaction: Transaction,
    context: Context,
    visit: Visit,
    target_id: CustomId,
    identifier: Identifier,
    provider_id: OptionalId = "",
) -> Target:
    """Register the device that the current session is on, by the token that its push service gave it."""
    identity = signed_in(context)
    row = insert_target(
        transaction.connection,
        chosen_id(target_id),
        identifier,
        user_id=identity.user_id,
        session_id=identity.session_id or None,
        name=visit.device,
        provider_id=provider_id or None,
        provider_type="push",
    )
    record(transaction, row.user_id, "target.create", visit)
    return publish_target(transaction, context, TARGET_CREATED, row)


@operations.audited(
    "updatePushTarget",
    "PUT",
    "/account/targets/{targetId}/push",
    scopes=("targets.write",),
    event=TARGET_UPDATED,
)
def update_push_target(
    transaction: Transaction, context: Context, visit: Visit, target_id: ResourceId, identifier: Identifier
) -> Target:
    """Replace the token of a device, after its push service changed it."""
    found = _find(transaction, context, target_id)
    row = update_target(transaction.connection, found, identifier, name=visit.device)
    record(transaction, row.user_id, "target.update", visit)
    return publish_target(transaction, context, TARGET_UPDATED, row)


@operations.audited(
    "deletePushTarget",
    "DELETE",
    "/account/targets/{targetId}/push",
    scopes=("targets.write",),
    event=TARGET_DELETED,
)
def delete_push_target(
    transaction: Transaction, context: Context, visit: Visit, target_id: ResourceId
) -> None:
    """Delete a device, which push messages no longer reach."""
    row = _find(transaction, context, target_id)
    delete_target(transaction.connection, row)
    record(transaction, row.user_id, "target.delete", visit)
    publish_target(transaction, context, TARGET_DELETED, row)


def publish_target(transaction: Transaction, context: Context, event: str, row: Row[Any]) -> Target:
    """Write the event of a target and return the target."""
    target = target_of(row)
    publish(transaction, context, event, {"userId": row.user_id, "targetId": row.id}, target)
    return target


def _find(transaction: Transaction, context: Context, target_id: str) -> Row[Any]:
    user_id = signed_in(context).user_id
    return find_target(transaction.connection, user_id, target_id, provider_type="push")
