"""Platforms registered on projects without a request."""

from __future__ import annotations

from tidewire.core.origins import Platform
from tidewire.store.instance.instance import Instance
from tidewire.store.records.registered_platforms import RegisteredPlatform, insert_platform


async def register_platform(
    instance: Instance, project_id: str, name: str, platform: Platform, platform_id: str | None = None
) -> RegisteredPlatform:
    """Register a web site or an app on a project."""
    return await instance.database.write(
        lambda transaction: insert_platform(transaction.connection, project_id, name, platform, platform_id)
    )
