"""Web sites and apps that are registered on the project: whose pages may call it from a browser.

The older paths know one model for platforms of all types: a request to them may name the type of an app,
and is answered in that model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from tidewire.core.checks.addresses import Hostname
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import NotBlank
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.ids import chosen_id
from tidewire.core.models import (
    AnyPlatform,
    LegacyPlatform,
    PlatformAndroid,
    PlatformApple,
    PlatformLinux,
    PlatformList,
    PlatformWeb,
    PlatformWindows,
)
from tidewire.core.operations import named_parameters
from tidewire.core.origins import CURRENT_TYPES, Platform
from tidewire.services.answers import shown
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.records import change_in_instance, managed_project
from tidewire.services.publishing import event_of
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.registered_platforms import (
    PLATFORMS,
    RegisteredPlatform,
    find_platform,
    insert_platform,
    registered_platform_of,
    update_platform,
)
from tidewire.store.records.registered_platforms import delete_platform as delete_row

PLATFORM_CREATED: Final = "platforms.[platformId].create"
PLATFORM_UPDATED: Final = "platforms.[platformId].update"
PLATFORM_DELETED: Final = "platforms.[platformId].delete"


@dataclass(frozen=True)
class _App:
    """A type of platforms that are apps, by its name."""

    name: str
    system: str
    """What the apps are for, in words."""
    identifier: str
    """Name of the parameter, and of the model's field, that tells one app from others."""
    model: type[PlatformApple | PlatformAndroid | PlatformWindows | PlatformLinux]


_APPS: Final = {
    each.name: each
    for each in (
        _App("apple", "systems of Apple", "bundle_identifier", PlatformApple),
        _App("android", "Android", "application_id", PlatformAndroid),
        _App("windows", "Windows", "package_identifier_name", PlatformWindows),
        _App("linux", "Linux", "package_name", PlatformLinux),
    )
}
Name = Annotated[str, NotBlank(1, 128)]
Identifier = Annotated[str, NotBlank(1, 256)]


async def register(context: Context, platform_id: str, name: str, platform: Platform) -> RegisteredPlatform:
    """Add a platform to the project of the request; its origin may call at once."""
    project_id, new_id = managed_project(context).id, chosen_id(platform_id)
    return await change_in_instance(
        context,
        lambda connection: insert_platform(connection, project_id, name, platform, new_id),
        lambda registered: _event(context, PLATFORM_CREATED, registered),
    )


async def change(context: Context, platform_id: str, name: str, platform: Platform) -> RegisteredPlatform:
    """Replace a platform of the same type.

    Raises ``platform_not_found``, or ``platform_method_unsupported`` if it is of another type.
    """
    project_id = managed_project(context).id

    def unit(connection: Connection) -> RegisteredPlatform:
        current = find_platform(connection, project_id, platform_id)
        if current.platform.type != platform.type:
            raise TidewireError(
                "platform_method_unsupported", f"This platform is of type {current.platform.type}."
            )
        return update_platform(connection, project_id, platform_id, name, platform)

    return await change_in_instance(context, unit, lambda changed: _event(context, PLATFORM_UPDATED, changed))


def _event(context: Context, pattern: str, registered: RegisteredPlatform) -> Event:
    return event_of(context, pattern, {"platformId": registered.id}, platform_of(registered))


def platform_of(registered: RegisteredPlatform) -> AnyPlatform:
    """The platform as the API shows it."""
    platform = registered.platform
    app = _APPS.get(platform.type)
    if app is None:
        return shown(PlatformWeb, registered, hostname=platform.hostname, key="")
    return shown(app.model, registered, **{app.identifier: platform.key})


def legacy_platform_of(registered: RegisteredPlatform) -> LegacyPlatform:
    """The platform for clients that know only one model of platforms."""
    platform = registered.platform
    return shown(LegacyPlatform, registered, type=platform.type, hostname=platform.hostname, key=platform.key)


@operations.declare(
    "listPlatforms",
    "GET",
    "/project/platforms",
    aliases=("/projects/{projectId}/platforms",),
    scopes=("platforms.read",),
)
async def list_platforms(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(PLATFORMS.attributes))] = (),
    total: Boolean = True,
) -> PlatformList:
    """List the platforms of the project."""
    project_id = managed_project(context).id
    count, rows = await context.instance.database.read(
        lambda connection: list_rows(connection, PLATFORMS, queries, "", (), total, project_id=project_id)
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
        await context.instance.database.read(
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
    """Delete a platform: its pages may no longer call."""
    project_id = managed_project(context).id
    await change_in_instance(
        context,
        lambda connection: delete_row(connection, project_id, platform_id),
        lambda deleted: _event(context, PLATFORM_DELETED, deleted),
    )


_TYPES: Final = {**{kind: kind for kind in ("web", *_APPS)}, **CURRENT_TYPES}


@operations.declare(
    "createWebPlatform",
    "POST",
    "/project/platforms/web",
    aliases=("/projects/{projectId}/platforms",),
    scopes=("platforms.write",),
    status=201,
    model=PlatformWeb,
    event=PLATFORM_CREATED,
)
async def create_web_platform(
    context: Context,
    platform_id: CustomId,
    name: Name,
    hostname: Annotated[str, Hostname()] = "",
    key: Identifier = "",
    type: Identifier = "",  # noqa: A002 - the word on the wire
) -> AnyPlatform | LegacyPlatform:
    """Register a web site."""
    if not type:
        return platform_of(await register(context, platform_id, name, _web(hostname)))
    if type not in _TYPES:
        raise TidewireError("general_argument_invalid", f"Invalid `type` param: {type!r} is unknown.")
    current = _TYPES[type]
    platform = _web(hostname) if current == "web" else _native(current, key)
    return legacy_platform_of(await register(context, platform_id, name, platform))


@operations.declare(
    "updateWebPlatform",
    "PUT",
    "/project/platforms/web/{platformId}",
    aliases=("/projects/{projectId}/platforms/{platformId}",),
    scopes=("platforms.write",),
    model=PlatformWeb,
    event=PLATFORM_UPDATED,
)
async def update_web_platform(
    context: Context,
    platform_id: ResourceId,
    name: Name,
    hostname: Annotated[str, Hostname()] = "",
    key: Identifier = "",
) -> AnyPlatform | LegacyPlatform:
    """Change a web site."""
    if not key:
        return platform_of(await change(context, platform_id, name, _web(hostname)))
    project = managed_project(context)
    current = await context.instance.database.read(
        lambda connection: find_platform(connection, project.id, platform_id)
    )
    kind = current.platform.type
    platform = _native(kind, key) if kind in _APPS else _web(hostname)
    return legacy_platform_of(await change(context, platform_id, name, platform))


def _web(hostname: str) -> Platform:
    if not hostname:
        raise TidewireError("general_bad_request", "A web platform needs the parameter `hostname`.")
    return Platform("web", hostname=hostname)


def _native(kind: str, key: str) -> Platform:
    if not key:
        raise TidewireError("general_bad_request", f"A platform of type {kind} needs the parameter `key`.")
    return Platform(kind, key=key)


def _declare_app(app: _App) -> None:
    """Declare the two operations that register and change apps of a type."""

    async def create(context: Context, platform_id: str, name: str, **identifier: str) -> AnyPlatform:
        platform = Platform(app.name, key=identifier[app.identifier])
        return platform_of(await register(context, platform_id, name, platform))

    async def update(context: Context, platform_id: str, name: str, **identifier: str) -> AnyPlatform:
        platform = Platform(app.name, key=identifier[app.identifier])
        return platform_of(await change(context, platform_id, name, platform))

    create.__doc__ = f"Register an app for {app.system}."
    update.__doc__ = f"Change an app for {app.system}."
    annotations = {"name": Name, app.identifier: Identifier}
    path = f"/project/platforms/{app.name}"
    operations.declare(
        f"create{app.name.capitalize()}Platform",
        "POST",
        path,
        scopes=("platforms.write",),
        status=201,
        model=app.model,
        event=PLATFORM_CREATED,
        parameters=named_parameters("POST", path, {"platform_id": CustomId, **annotations}),
    )(create)
    path = f"{path}/{{platformId}}"
    operations.declare(
        f"update{app.name.capitalize()}Platform",
        "PUT",
        path,
        scopes=("platforms.write",),
        model=app.model,
        event=PLATFORM_UPDATED,
        parameters=named_parameters("PUT", path, {"platform_id": ResourceId, **annotations}),
    )(update)


for _app in _APPS.values():
    _declare_app(_app)
