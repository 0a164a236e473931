"""Apps that are registered on the project, one pair of operations for each kind of system."""

from __future__ import annotations

from typing import Annotated

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.texts import NotBlank
from tidewire.core.models import (
    AnyPlatform,
    PlatformAndroid,
    PlatformApple,
    PlatformLinux,
    PlatformWindows,
)
from tidewire.core.origins import Platform
from tidewire.services.context import Context
from tidewire.services.project import operations
from tidewire.services.project.platform_records import (
    PLATFORM_CREATED,
    PLATFORM_UPDATED,
    change,
    platform_of,
    register,
)

Name = Annotated[str, NotBlank(1, 128)]
AppId = Annotated[str, NotBlank(1, 256)]


@operations.declare(
    "createApplePlatform",
    "POST",
    "/project/platforms/apple",
    scopes=("platforms.write",),
    status=201,
    model=PlatformApple,
    event=PLATFORM_CREATED,
)
async def create_apple_platform(
    context: Context, platform_id: CustomId, name: Name, bundle_identifier: AppId
) -> AnyPlatform:
    """Register an app for systems of Apple."""
    return await _register(context, platform_id, name, "apple", bundle_identifier)


@operations.declare(
    "updateApplePlatform",
    "PUT",
    "/project/platforms/apple/{platformId}",
    scopes=("platforms.write",),
    model=PlatformApple,
    event=PLATFORM_UPDATED,
)
async def update_apple_platform(
    context: Context, platform_id: ResourceId, name: Name, bundle_identifier: AppId
) -> AnyPlatform:
    """Change an app for systems of Apple."""
    return await _change(context, platform_id, name, "apple", bundle_identifier)


@operations.declare(
    "createAndroidPlatform",
    "POST",
    "/project/platforms/android",
    scopes=("platforms.write",),
    status=201,
    model=PlatformAndroid,
    event=PLATFORM_CREATED,
)
async def create_android_platform(
    context: Context, platform_id: CustomId, name: Name, application_id: AppId
) -> AnyPlatform:
    """Register an app for Android."""
    return await _register(context, platform_id, name, "android", application_id)


@operations.declare(
    "updateAndroidPlatform",
    "PUT",
    "/project/platforms/android/{platformId}",
    scopes=("platforms.write",),
    model=PlatformAndroid,
    event=PLATFORM_UPDATED,
)
async def update_android_platform(
    context: Context, platform_id: ResourceId, name: Name, application_id: AppId
) -> AnyPlatform:
    """Change an app for Android."""
    return await _change(context, platform_id, name, "android", application_id)


@operations.declare(
    "createWindowsPlatform",
    "POST",
    "/project/platforms/windows",
    scopes=("platforms.write",),
    status=201,
    model=PlatformWindows,
    event=PLATFORM_CREATED,
)
async def create_windows_platform(
    context: Context, platform_id: CustomId, name: Name, package_identifier_name: AppId
) -> AnyPlatform:
    """Register an app for Windows."""
    return await _register(context, platform_id, name, "windows", package_identifier_name)


@operations.declare(
    "updateWindowsPlatform",
    "PUT",
    "/project/platforms/windows/{platformId}",
    scopes=("platforms.write",),
    model=PlatformWindows,
    event=PLATFORM_UPDATED,
)
async def update_windows_platform(
    context: Context, platform_id: ResourceId, name: Name, package_identifier_name: AppId
) -> AnyPlatform:
    """Change an app for Windows."""
    return await _change(context, platform_id, name, "windows", package_identifier_name)


@operations.declare(
    "createLinuxPlatform",
    "POST",
    "/project/platforms/linux",
    scopes=("platforms.write",),
    status=201,
    model=PlatformLinux,
    event=PLATFORM_CREATED,
)
async def create_linux_platform(
    context: Context, platform_id: CustomId, name: Name, package_name: AppId
) -> AnyPlatform:
    """Register an app for Linux."""
    return await _register(context, platform_id, name, "linux", package_name)


@operations.declare(
    "updateLinuxPlatform",
    "PUT",
    "/project/platforms/linux/{platformId}",
    scopes=("platforms.write",),
    model=PlatformLinux,
    event=PLATFORM_UPDATED,
)
async def update_linux_platform(
    context: Context, platform_id: ResourceId, name: Name, package_name: AppId
) -> AnyPlatform:
    """Change an app for Linux."""
    return await _change(context, platform_id, name, "linux", package_name)


async def _register(
    context: Context, platform_id: str, name: str, platform_type: str, key: str
) -> AnyPlatform:
    return platform_of(await register(context, platform_id, name, Platform(platform_type, key=key)))


async def _change(context: Context, platform_id: str, name: str, platform_type: str, key: str) -> AnyPlatform:
    return platform_of(await change(context, platform_id, name, Platform(platform_type, key=key)))
