"""The users service: servers manage the users of their project."""

from __future__ import annotations

from tidewire.services.users import (
    contacts,
    creation,
    identities,
    imports,
    mfa,
    passwords,
    sessions,
    targets,
    updates,
    users,
)
from tidewire.services.users.declared import operations

__all__ = [
    "contacts",
    "creation",
    "identities",
    "imports",
    "mfa",
    "operations",
    "passwords",
    "sessions",
    "targets",
    "updates",
    "users",
]
