"""Web sites and apps that are registered on the project: whose pages may call it from a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.events import Event
from tidewire.core.models import AnyPlatform, PlatformList
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.platform_records import PLATFORM_DELETED, platform_of
from tidewire.services.project.records import change_platform, managed_project
from tidewire.services.publishing import event_of
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import ListDefinition, list_rows
from tidewire.store.records.registered_platforms import delete_platform as delete_row
from tidewire.store.records.registered_platforms import find_platform, registered_platform_of
from tidewire.store.schema import platforms

_LIST: Final = ListDefinition(
    platforms,
    platforms.c.id,
    {
        "type": platforms.c.type,
        "name": platforms.c.name,
        "hostname": platforms.c.hostname,
        "$id": platforms.c.id,
        "$createdAt": platforms.c.created_at,
        "$updatedAt": platforms.c.updated_at,
        "$sequence": platforms.c.sequence,
    },
)


@operations.declare(
    "listPlatforms",
    "GET",
    "/project/platforms",
    aliases=("/projects/{projectId}/platforms",),
    scopes=("platforms.read",),
)
async def list_platforms(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> PlatformList:
    """List the platforms of the project."""
    of_project = platforms.c.project_id == managed_project(context).id
    count, rows = await context.stores.platform.read(
        lambda connection: list_rows(connection, _LIST, queries, "", [of_project], total)
    )
    return PlatformList(total=count, platforms=[platform_of(registered_platform_of(row)) for row in rows])


@operations.declare(
    "getPlatform",
    "GET",
    "/project/platforms/{platformId}",
    aliases=("/projects/{projectId}/platforms/{platformId}",),
    scopes=("platforms.read",),
)
async def get_platform(context: Context, platform_id: ResourceId) -> AnyPlatform:
    """Get a platform."""
    project = managed_project(context)
    return platform_of(
        await context.stores.platform.read(
            lambda connection: find_platform(connection, project.id, platform_id)
        )
    )


@operations.declare(
    "deletePlatform",
    "DELETE",
    "/project/platforms/{platformId}",
    aliases=("/projects/{projectId}/platforms/{platformId}",),
    scopes=("platforms.write",),
    event=PLATFORM_DELETED,
)
async def delete_platform(context: Context, platform_id: ResourceId) -> None:
    """Forget a platform: its pages may not call any more."""
    project = managed_project(context)

    def unit(transaction: Transaction) -> tuple[None, Event]:
        deleted = delete_row(transaction.connection, project.id, platform_id)
        return None, event_of(context, PLATFORM_DELETED, {"platformId": platform_id}, platform_of(deleted))

    await change_platform(context, unit)
