"""Targets: the addresses at which users can be reached, read from the database."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, select

from tidewire.core.models import Target
from tidewire.core.time import format_datetime
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import targets

# Built once: building a statement takes longer than executing it.
_TARGETS: Final = (
    select(targets).where(targets.c.user_id == bindparam("user_id")).order_by(targets.c.sequence)
)


def targets_of(connection: Connection, user_id: str) -> list[Target]:
    """The targets of a user, the oldest first."""
    return [target_of(row) for row in connection.execute(_TARGETS, {"user_id": user_id})]


def target_of(row: Any) -> Target:
    """The model of a row of ``targets``."""
    return Target(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        name=row.name,
        user_id=row.user_id,
        provider_id=row.provider_id,
        provider_type=row.provider_type,
        identifier=row.identifier,
        expired=row.expired,
    )
