"""Permissions of resources as indexed rows: who may do what is decided in SQL.

Each resource also keeps its list in its own row, in the order it was given (``$permissions``); both are
written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
)

from tidewire.core.permissions import roles_granted
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import permissions

ResourceType = Literal["bucket", "file", "presence"]
Action = Literal["create", "read", "update", "delete"]

FEW: Final = 5000
"""Up to so many readable resources are found by their grants; if there are more, each row is checked."""

_ACTIONS: Final[tuple[Action, ...]] = ("create", "read", "update", "delete")

# Built once: building a statement takes longer than executing it.
_INSERT: Final = insert(permissions)
_DELETE_OF_ONE: Final = delete(permissions).where(
    permissions.c.resource_type == bindparam("of_type"), permissions.c.resource == bindparam("of_resource")
)


def write_grants(
    connection: Connection, resource_type: ResourceType, resource: int, granted: Sequence[str]
) -> None:
    """Replace what is granted on the resource with this ``sequence``.

    ``write`` entries have no effect.
    """
    delete_grants(connection, resource_type, resource)
    rows = [
        {"resource_type": resource_type, "resource": resource, "action": action, "role": role}
        for action in _ACTIONS
        for role in dict.fromkeys(roles_granted(granted, action))
    ]
    if rows:
        connection.execute(_INSERT, rows)


def delete_grants(
    connection: Connection, resource_type: ResourceType, resources: int | Select[Any] | ScalarSelect[Any]
) -> None:
    """Delete the grants on one resource, or on all whose sequences a query gives."""
    if isinstance(resources, int):
        connection.execute(_DELETE_OF_ONE, {"of_type": resource_type, "of_resource": resources})
        return
    of_type = permissions.c.resource_type == resource_type
    connection.execute(delete(permissions).where(of_type, permissions.c.resource.in_(resources)))


def granted_to(
    roles: Sequence[str], resource_type: ResourceType, resource: Column[int] | int, action: Action
) -> ColumnElement[bool]:
    """The condition that one of ``roles`` was granted ``action`` on the resource with this ``sequence``.

    ``any`` is held by everybody and need not be among ``roles``.
    """
    return exists(
        select(1).where(
            permissions.c.resource_type == resource_type,
            permissions.c.resource == resource,
            permissions.c.action == action,
            permissions.c.role.in_(list(dict.fromkeys((*roles, "any")))),
        )
    )


def readable_among(
    connection: Connection, resource_type: ResourceType, resource: Column[int], roles: Sequence[str]
) -> ColumnElement[bool]:
    """As :func:`readable`, for a list: if the roles may read few resources, these are looked at, not all."""
    held = select(permissions.c.resource).where(
        permissions.c.role.in_(list(dict.fromkeys((*roles, "any")))),
        permissions.c.resource_type == resource_type,
        permissions.c.action == "read",
    )
    some = held.limit(FEW + 1).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW:
        return resource.in_(held)
    return readable(resource_type, resource, roles)


def readable(
    resource_type: ResourceType, resource: Column[int] | int, roles: Sequence[str]
) -> ColumnElement[bool]:
    """The condition that one of ``roles`` may read the resource."""
    return granted_to(roles, resource_type, resource, "read")
