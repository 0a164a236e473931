"""Platforms: registered, changed, and turned into what the API answers."""

from __future__ import annotations

from typing import Any, Final

from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.ids import unique_id
from tidewire.core.models import (
    AnyPlatform,
    LegacyPlatform,
    PlatformAndroid,
    PlatformApple,
    PlatformLinux,
    PlatformWeb,
    PlatformWindows,
)
from tidewire.core.origins import Platform
from tidewire.core.time import format_datetime
from tidewire.services.context import Context
from tidewire.services.project.records import change_platform, managed_project
from tidewire.services.publishing import event_of
from tidewire.store.engine.database import Transaction
from tidewire.store.records.registered_platforms import (
    RegisteredPlatform,
    find_platform,
    insert_platform,
    update_platform,
)

PLATFORM_CREATED: Final = "platforms.[platformId].create"
PLATFORM_UPDATED: Final = "platforms.[platformId].update"
PLATFORM_DELETED: Final = "platforms.[platformId].delete"

NATIVE_TYPES: Final = ("apple", "android", "windows", "linux")


async def register(context: Context, platform_id: str, name: str, platform: Platform) -> RegisteredPlatform:
    """Add a platform to the project of the request; its origin may call at once."""
    project = managed_project(context)
    new_id = unique_id() if platform_id == "unique()" else platform_id

    def unit(transaction: Transaction) -> tuple[RegisteredPlatform, Event]:
        registered = insert_platform(transaction.connection, project.id, name, platform, new_id)
        return registered, _event(context, PLATFORM_CREATED, registered)

    return await change_platform(context, unit)


async def change(context: Context, platform_id: str, name: str, platform: Platform) -> RegisteredPlatform:
    """Replace a platform of the same type.

    Raises ``platform_not_found``, or ``platform_method_unsupported`` if it is of another type.
    """
    project = managed_project(context)

    def unit(transaction: Transaction) -> tuple[RegisteredPlatform, Event]:
        current = find_platform(transaction.connection, project.id, platform_id)
        if current.platform.type != platform.type:
            raise TidewireError(
                "platform_method_unsupported", f"This platform is of type {current.platform.type}."
            )
        changed = update_platform(transaction.connection, project.id, platform_id, name, platform)
        return changed, _event(context, PLATFORM_UPDATED, changed)

    return await change_platform(context, unit)


def _event(context: Context, pattern: str, registered: RegisteredPlatform) -> Event:
    return event_of(context, pattern, {"platformId": registered.id}, platform_of(registered))


def platform_of(registered: RegisteredPlatform) -> AnyPlatform:
    """The platform as the API shows it."""
    platform = registered.platform
    common: dict[str, Any] = {
        "id": registered.id,
        "created_at": format_datetime(registered.created_at),
        "updated_at": format_datetime(registered.updated_at),
        "name": registered.name,
    }
    match platform.type:
        case "apple":
            return PlatformApple(**common, bundle_identifier=platform.key)
        case "android":
            return PlatformAndroid(**common, application_id=platform.key)
        case "windows":
            return PlatformWindows(**common, package_identifier_name=platform.key)
        case "linux":
            return PlatformLinux(**common, package_name=platform.key)
        case _:
            return PlatformWeb(**common, hostname=platform.hostname, key="")


def legacy_platform_of(registered: RegisteredPlatform) -> LegacyPlatform:
    """The platform for clients that know only one model of platforms."""
    return LegacyPlatform(
        id=registered.id,
        created_at=format_datetime(registered.created_at),
        updated_at=format_datetime(registered.updated_at),
        name=registered.name,
        type=registered.platform.type,
        hostname=registered.platform.hostname,
        key=registered.platform.key,
    )
