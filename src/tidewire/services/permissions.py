"""Permission checks on resources, and the permissions that a caller may grant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.permissions import expand_permissions, permission, roles_granted

ITEM_ACTIONS: Final = ("read", "update", "delete")
"""What can be permitted for a single item: a file, a row, a document."""
PARENT_ACTIONS: Final = ("create", "read", "update", "delete")
"""What can be permitted for a container of items: a bucket, a table, a collection."""
_GRANTING_ACTIONS: Final = (*PARENT_ACTIONS, "write")


def may(caller: Caller, action: str, *grants: Sequence[str]) -> bool:
    """Tell whether one of the lists of permissions lets the caller do ``action``."""
    if caller.bypasses_permissions:
        return True
    return any(role in caller.roles for granted in grants for role in roles_granted(granted, action))


def permissions_of_new_item(caller: Caller, given: Sequence[str] | None) -> list[str]:
    """The permissions an item is created with: those given, or all for the user who creates it.

    Raises ``user_unauthorized`` if the caller may not grant what was given.
    """
    expanded = expand_permissions(given, ITEM_ACTIONS)
    if expanded is not None:
        require_grantable(caller, expanded)
        return expanded
    if caller.kind != "user":
        return []
    return [permission(action, f"user:{caller.user_id}") for action in ITEM_ACTIONS]


def require_grantable(caller: Caller, permissions: Iterable[str]) -> None:
    """Let callers grant only to roles that they hold themselves; raises ``user_unauthorized``."""
    if caller.bypasses_permissions:
        return
    held = {"any", *caller.roles}
    listed = list(permissions)
    foreign = {role for action in _GRANTING_ACTIONS for role in roles_granted(listed, action)} - held
    if foreign:
        raise TidewireError(
            "user_unauthorized",
            f"Permissions can only be granted to roles that you hold ({', '.join(sorted(held))}), "
            f"not to {', '.join(sorted(foreign))}.",
        )


def unauthorized(action: str, what: str) -> TidewireError:
    """The error for a caller who lacks a permission on something whose existence is no secret."""
    return TidewireError("user_unauthorized", f"You are not authorized to {action} {what}.")
