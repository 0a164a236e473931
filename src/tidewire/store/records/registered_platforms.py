"""Web sites and apps that are registered on projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.origins import Platform
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import platforms

PLATFORMS: Final = resource_list(platforms, "type", "name", "hostname")

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


def first_platforms(connection: Connection, project_id: str, most: int) -> list[RegisteredPlatform]:
    """The oldest platforms of a project, at most ``most``."""
    own = select(platforms).where(platforms.c.project_id == project_id).order_by(platforms.c.sequence)
    return [registered_platform_of(row) for row in connection.execute(own.limit(most))]


def insert_platform(
    connection: Connection, project_id: str, name: str, platform: Platform, platform_id: str | None = None
) -> RegisteredPlatform:
    """Register a web site or app. Raises :class:`TidewireError` ``platform_already_exists``."""
    key = {"project_id": project_id, "id": platform_id or unique_id()}
    if find_row(connection, platforms, **key) is not None:
        raise TidewireError("platform_already_exists", f"The project has a platform {key['id']!r} already.")
    return registered_platform_of(insert_row(connection, platforms, **key, **_columns(name, platform)))


def find_platform(connection: Connection, project_id: str, platform_id: str) -> RegisteredPlatform:
    """The platform with this id. Raises :class:`TidewireError` ``platform_not_found``."""
    return registered_platform_of(_row(connection, project_id, platform_id))


def update_platform(
    connection: Connection, project_id: str, platform_id: str, name: str, platform: Platform
) -> RegisteredPlatform:
    """Replace a platform. Raises :class:`TidewireError` ``platform_not_found``."""
    row = _row(connection, project_id, platform_id)
    return registered_platform_of(update_row(connection, platforms, row.sequence, **_columns(name, platform)))


def delete_platform(connection: Connection, project_id: str, platform_id: str) -> RegisteredPlatform:
    """Delete a platform; return what it was. Raises :class:`TidewireError` ``platform_not_found``."""
    row = _row(connection, project_id, platform_id)
    delete_row(connection, platforms, row.sequence)
    return registered_platform_of(row)


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


def _columns(name: str, platform: Platform) -> dict[str, str]:
    return {"name": name, "type": platform.type, "hostname": platform.hostname, "key": platform.key}


def _row(connection: Connection, project_id: str, platform_id: str) -> Row[Any]:
    row = find_row(connection, platforms, project_id=project_id, id=platform_id)
    if row is None:
        raise TidewireError("platform_not_found", "The project has no such platform.")
    return row
