"""Rules of presences, the same however they are written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.permissions import expand_permissions, permission, roles_granted

PRESENCE_ACTIONS: Final = ("read", "update", "delete")
"""What can be permitted for a presence."""
PERMISSION_TYPES: Final = (*PRESENCE_ACTIONS, "write")
"""Types of permissions in requests."""
MAX_PERMISSIONS: Final = 100
MAX_STATUS: Final = 255
"""Characters of a status."""
MAX_METADATA_BYTES: Final = 65_535
"""Bytes of the metadata as JSON text."""
DEFAULT_LIFETIME_MS: Final = 15 * 60 * 1000
"""The lifetime of a presence whose request does not say another."""
MAX_LIFETIME_MS: Final = 30 * 24 * 3600 * 1000
"""The longest lifetime. A presence written over a realtime connection has it too, since it ends with the
connection."""


def default_permissions(user_id: str) -> list[str]:
    """The default permissions of a presence: only its own user may read and change it.

    ``write`` stands there as a word of its own and has no effect.
    """
    return sorted(permission(action, f"user:{user_id}") for action in PERMISSION_TYPES)


def presence_permissions(
    given: Sequence[str] | None, user_id: str, held: Collection[str] | None
) -> list[str]:
    """The permissions that a presence of ``user_id`` gets, sorted as they are stored.

    ``held`` are the roles of who grants them; None: they may grant to everybody. Raises
    ``user_unauthorized`` for a role that is not among them.
    """
    expanded = expand_permissions(given, PRESENCE_ACTIONS)
    if expanded is None:
        return default_permissions(user_id)
    if held is not None:
        granted = {role for action in PRESENCE_ACTIONS for role in roles_granted(expanded, action)}
        foreign = sorted(granted - {"any", *held})
        if foreign:
            raise TidewireError(
                "user_unauthorized",
                "Permissions can only be granted to roles that you hold "
                f"({', '.join(sorted({'any', *held}))}), not to {', '.join(foreign)}.",
            )
    return sorted(expanded)
