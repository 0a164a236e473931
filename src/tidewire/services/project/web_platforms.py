"""Web sites that are registered on the project.

The older paths know one model for platforms of all types: a request to them may name the type of an app,
and is answered in that model.
"""

from __future__ import annotations

from typing import Annotated, Final

from tidewire.core.checks.addresses import Hostname
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.texts import NotBlank
from tidewire.core.errors import TidewireError
from tidewire.core.models import AnyPlatform, LegacyPlatform, PlatformWeb
from tidewire.core.origins import CURRENT_TYPES, Platform
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.platform_records import (
    NATIVE_TYPES,
    PLATFORM_CREATED,
    PLATFORM_UPDATED,
    change,
    legacy_platform_of,
    platform_of,
    register,
)
from tidewire.services.project.records import managed_project
from tidewire.store.records.registered_platforms import find_platform

Name = Annotated[str, NotBlank(1, 128)]
OlderText = Annotated[str, NotBlank(1, 256)]

_TYPES: Final = {**{kind: kind for kind in ("web", *NATIVE_TYPES)}, **CURRENT_TYPES}


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
    key: OlderText = "",
    type: OlderText = "",  # noqa: A002 - the word on the wire
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
    key: OlderText = "",
) -> AnyPlatform | LegacyPlatform:
    """Change a web site."""
    if not key:
        return platform_of(await change(context, platform_id, name, _web(hostname)))
    project = managed_project(context)
    current = await context.stores.platform.read(
        lambda connection: find_platform(connection, project.id, platform_id)
    )
    kind = current.platform.type
    platform = _native(kind, key) if kind in NATIVE_TYPES else _web(hostname)
    return legacy_platform_of(await change(context, platform_id, name, platform))


def _web(hostname: str) -> Platform:
    if not hostname:
        raise TidewireError("general_bad_request", "A web platform needs the parameter `hostname`.")
    return Platform("web", hostname=hostname)


def _native(kind: str, key: str) -> Platform:
    if not key:
        raise TidewireError("general_bad_request", f"A platform of type {kind} needs the parameter `key`.")
    return Platform(kind, key=key)
