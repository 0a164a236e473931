"""Models of where users can be reached."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class Target(Model, frozen=True, kw_only=True):
    """An e-mail address, a phone number or a device of a user."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    name: str
    user_id: str
    provider_id: str | None
    provider_type: str
    """``email``, ``sms`` or ``push``."""
    identifier: str
    expired: bool


class TargetList(Model, frozen=True, kw_only=True):
    """Targets of a user."""

    total: int
    targets: list[Target]
