"""Web sites and apps that are registered on projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, insert, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.origins import Platform
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import platforms

_PLATFORMS: Final = (
    select(platforms.c.type, platforms.c.hostname, platforms.c.key)
    .where(platforms.c.project_id == bindparam("project_id"))
    .order_by(platforms.c.sequence)
)


@dataclass(frozen=True)
class RegisteredPlatform:
    """A web site or app with its place in a project."""

    id: str
    project_id: str
    name: str
    platform: Platform
    created_at: int
    """Milliseconds since the epoch."""
    updated_at: int


def platforms_of(connection: Connection, project_id: str) -> tuple[Platform, ...]:
    """The platforms that the origin check of a project compares with, in the order of registration."""
    rows = connection.execute(_PLATFORMS, {"project_id": project_id})
    return tuple(Platform(row.type, row.hostname, row.key) for row in rows)


def insert_platform(
    connection: Connection, project_id: str, name: str, platform: Platform, platform_id: str | None = None
) -> RegisteredPlatform:
    """Register a web site or app. Raises :class:`TidewireError` ``platform_already_exists``."""
    new_id = platform_id or unique_id()
    if _row(connection, project_id, new_id) is not None:
        raise TidewireError("platform_already_exists", f"The project has a platform {new_id!r} already.")
    moment = now()
    registered = RegisteredPlatform(new_id, project_id, name, platform, moment, moment)
    connection.execute(
        insert(platforms),
        {
            "id": new_id,
            "created_at": moment,
            "updated_at": moment,
            "project_id": project_id,
            "name": name,
            "type": platform.type,
            "hostname": platform.hostname,
            "key": platform.key,
        },
    )
    return registered


def find_platform(connection: Connection, project_id: str, platform_id: str) -> RegisteredPlatform:
    """The platform with this id. Raises :class:`TidewireError` ``platform_not_found``."""
    row = _row(connection, project_id, platform_id)
    if row is None:
        raise TidewireError("platform_not_found", "The project has no such platform.")
    return registered_platform_of(row)


def update_platform(
    connection: Connection, project_id: str, platform_id: str, name: str, platform: Platform
) -> RegisteredPlatform:
    """Replace a platform. Raises :class:`TidewireError` ``platform_not_found``."""
    connection.execute(
        update(platforms)
        .where(platforms.c.project_id == project_id, platforms.c.id == platform_id)
        .values(
            name=name,
            type=platform.type,
            hostname=platform.hostname,
            key=platform.key,
            updated_at=now(),
        )
    )
    return find_platform(connection, project_id, platform_id)


def delete_platform(connection: Connection, project_id: str, platform_id: str) -> RegisteredPlatform:
    """Delete a platform; return what it was. Raises :class:`TidewireError` ``platform_not_found``."""
    registered = find_platform(connection, project_id, platform_id)
    connection.execute(
        delete(platforms).where(platforms.c.project_id == project_id, platforms.c.id == platform_id)
    )
    return registered


def registered_platform_of(row: Row[Any]) -> RegisteredPlatform:
    """The platform of a row of ``platforms``."""
    return RegisteredPlatform(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        platform=Platform(row.type, row.hostname, row.key),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _row(connection: Connection, project_id: str, platform_id: str) -> Row[Any] | None:
    found = connection.execute(
        select(platforms).where(platforms.c.project_id == project_id, platforms.c.id == platform_id)
    )
    return found.one_or_none()
