"""What belongs to projects and has lists of its own today: platforms, webhooks and keys, of many at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from tidewire.core.models import AnyPlatform, Key, Webhook
from tidewire.core.project_settings import ProjectSettings
from tidewire.services.context import Context
from tidewire.services.project.keys import key_of
from tidewire.services.project.platform_records import platform_of
from tidewire.services.projects.access import scopes_on
from tidewire.services.webhooks.webhooks import webhook_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.errors import StoreError
from tidewire.store.instance.platform import ProjectStore
from tidewire.store.records.api_keys import KeyOwner, api_key_of
from tidewire.store.records.registered_platforms import registered_platform_of
from tidewire.store.schema import keys, platforms, webhooks

MOST_LISTED: Final = 5000
"""Entries of each list of one project."""


@dataclass(frozen=True)
class ProjectDetails:
    """Settings and lists of a project."""

    settings: ProjectSettings = field(default_factory=ProjectSettings)
    platforms: tuple[AnyPlatform, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    keys: tuple[Key, ...] = ()


async def details_of(context: Context, project_id: str, wanted: Collection[str]) -> ProjectDetails:
    """The settings of a project, and those of the lists ``wanted`` that the caller may read there.

    Lists that may not be read, or not now, are empty. Raises nothing.
    """
    store = await context.stores.project(project_id)
    if store is None:
        return ProjectDetails()
    allowed = _readable(context, store)
    platform = context.stores.platform
    try:
        return ProjectDetails(
            settings=store.project.settings,
            platforms=await platform.read(lambda connection: _platforms(connection, project_id))
            if "platforms" in wanted and "platforms.read" in allowed
            else (),
            webhooks=await store.database.read(_webhooks)
            if "webhooks" in wanted and "webhooks.read" in allowed
            else (),
            keys=await platform.read(lambda connection: _keys(connection, project_id))
            if "keys" in wanted and "keys.read" in allowed
            else (),
        )
    except (StoreError, DatabaseClosedError):  # the store has logged why; the others are still listed
        return ProjectDetails(settings=store.project.settings)


def _readable(context: Context, store: ProjectStore) -> frozenset[str]:
    """The caller's scopes on a project, which is that of the request or one that a console user lists."""
    if context.project.id == store.project.id:
        return context.caller.scopes
    return scopes_on(context, store.project) or frozenset()


def _platforms(connection: Connection, project_id: str) -> tuple[AnyPlatform, ...]:
    found = select(platforms).where(platforms.c.project_id == project_id).order_by(platforms.c.sequence)
    rows = connection.execute(found.limit(MOST_LISTED))
    return tuple(platform_of(registered_platform_of(row)) for row in rows)


def _webhooks(connection: Connection) -> tuple[Webhook, ...]:
    rows = connection.execute(select(webhooks).order_by(webhooks.c.sequence).limit(MOST_LISTED))
    return tuple(webhook_of(row) for row in rows)


def _keys(connection: Connection, project_id: str) -> tuple[Key, ...]:
    owned = KeyOwner(project_id=project_id).condition()
    rows = connection.execute(select(keys).where(owned).order_by(keys.c.sequence).limit(MOST_LISTED))
    return tuple(key_of(api_key_of(row)) for row in rows)
