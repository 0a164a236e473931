"""Presences: set, changed, ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import JsonOrText, PermissionList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.models.presences import Presence
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.core.presences import (
    DEFAULT_LIFETIME_MS,
    MAX_LIFETIME_MS,
    MAX_METADATA_BYTES,
    MAX_STATUS,
    PERMISSION_TYPES,
    default_permissions,
    presence_permissions,
)
from tidewire.core.time import now, parse_datetime
from tidewire.services.context import Context
from tidewire.services.permissions import may, unauthorized
from tidewire.services.presences import operations
from tidewire.services.presences.reading import find_present, find_readable
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.presences import (
    DELETED,
    UPDATED,
    UPSERTED,
    PresenceState,
    already_exists,
    change_presence,
    end_expired_of,
    end_presence,
    has_presence,
    presence_of,
    publish_presence,
    purge_lists,
    set_presence,
    user_internal_id,
)


@dataclass(frozen=True)
class NearFuture(Check):
    """A date and time in ISO 8601, later than now but not by more than a presence may last."""

    json_type = "string"

    def convert(self, value: object) -> int:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            raise InvalidParameterError("Value must be a date and time in ISO 8601.")
        if not 0 < moment - now() <= MAX_LIFETIME_MS:
            raise InvalidParameterError("Value must be in the future, at most 30 days from now.")
        return moment

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "date-time"}


Status = Annotated[str, Text(1, MAX_STATUS)]
Permissions = Annotated[Sequence[str], PermissionList(PERMISSION_TYPES)]
ExpiresAt = Annotated[int, NearFuture()]
MetadataObject = Annotated[dict[str, Any], JsonOrText(MAX_METADATA_BYTES)]

_PRESENCE: Final = "/presences/{presenceId}"
_NO_METADATA: Final[dict[str, Any]] = {}


@operations.write("upsert", "PUT", _PRESENCE, scopes=("presences.write",), event=UPSERTED)
def upsert_presence(
    transaction: Transaction,
    context: Context,
    presence_id: ResourceId,
    status: Status,
    user_id: ResourceId | None = None,
    permissions: Permissions | None = None,
    expires_at: ExpiresAt | None = None,
    metadata: MetadataObject = _NO_METADATA,
) -> Presence:
    """Say that a user is around; replaces what was said before, under the id that it had."""
    owner = _owner(context, user_id)
    state = PresenceState(
        user_id=owner,
        status=status,
        permissions=presence_permissions(permissions, owner, _held(context)),
        expires_at=expires_at or now() + DEFAULT_LIFETIME_MS,
        metadata=metadata,
        source=context.protocol,
    )
    return set_presence(transaction, presence_id, state)


@operations.write("update", "PATCH", _PRESENCE, scopes=("presences.write",), event=UPDATED)
def update_presence(
    transaction: Transaction,
    context: Context,
    presence_id: ResourceId,
    user_id: ResourceId | None = None,
    status: Status | None = None,
    expires_at: ExpiresAt | None = None,
    metadata: MetadataObject | None = None,
    permissions: Permissions | None = None,
    purge: Boolean = False,
) -> Presence:
    """Change a presence; what is not given stays."""
    if user_id is not None:
        _require_privileged(context)
    connection = transaction.connection
    row = find_present(connection, context.caller, presence_id)
    if not may(context.caller, "update", row.permissions):
        raise unauthorized("update", "this presence")
    given: dict[str, Any] = {"status": status, "expires_at": expires_at, "metadata": metadata}
    changes = {name: value for name, value in given.items() if value is not None}
    changes |= _new_user(transaction, row, user_id)
    if permissions is not None:
        owner = user_id or row.user_id
        changes["permissions"] = presence_permissions(permissions, owner, _held(context))
    if purge:
        purge_lists(connection)
    if not changes:
        return presence_of(row)
    change_presence(connection, row.sequence, changes)
    return publish_presence(transaction, UPDATED, row.sequence)


@operations.write("delete", "DELETE", _PRESENCE, scopes=("presences.write",), event=DELETED)
def delete_presence(transaction: Transaction, context: Context, presence_id: ResourceId) -> None:
    """End a presence."""
    row = find_readable(transaction.connection, context.caller, presence_id)
    if not may(context.caller, "delete", row.permissions):
        raise unauthorized("delete", "this presence")
    end_presence(transaction, row.sequence)


def _owner(context: Context, user_id: str | None) -> str:
    """Return the user whose presence is set: users set their own, servers name the user."""
    if context.caller.bypasses_permissions:
        if user_id is None:
            raise TidewireError("general_bad_request", 'Param "userId" says whose presence it is.')
        return user_id
    if user_id is not None:
        _require_privileged(context)
    return context.caller.user_id


def _require_privileged(context: Context) -> None:
    if not context.caller.bypasses_permissions:
        raise TidewireError(
            "general_unauthorized_scope", "Only servers may say whose presence it is; leave userId out."
        )


def _held(context: Context) -> tuple[str, ...] | None:
    """The roles that the caller may grant to; None: all."""
    return None if context.caller.bypasses_permissions else context.caller.roles


def _new_user(transaction: Transaction, row: Row[Any], user_id: str | None) -> dict[str, Any]:
    """What changes when the presence becomes that of another user."""
    if user_id is None or user_id == row.user_id:
        return {}
    connection = transaction.connection
    internal_id = user_internal_id(connection, user_id)
    end_expired_of(transaction, user_id)
    if has_presence(connection, user_id):
        raise already_exists()
    return {
        "user_id": user_id,
        "user_internal_id": internal_id,
        "permissions": default_permissions(user_id),
    }
