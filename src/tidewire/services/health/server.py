"""What this server says of itself."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import tidewire
from tidewire.core.models import AnyObject, HealthStatus, HealthVersion
from tidewire.services.context import Context
from tidewire.services.health import operations


@operations.declare("get", "GET", "/health", scopes=("health.read",))
async def get(context: Context) -> HealthStatus:  # noqa: ARG001 - every operation has one
    """Tell that requests are answered."""
    return HealthStatus(name="http", ping=0, status="pass")


@operations.declare("getVersion", "GET", "/health/version", scopes=("public",))
async def get_version(context: Context) -> HealthVersion:  # noqa: ARG001 - every operation has one
    """Tell the version of this program."""
    return HealthVersion(version=tidewire.__version__)


@operations.declare("getStats", "GET", "/health/stats", scopes=("root",), model=AnyObject)
async def get_stats(context: Context) -> dict[str, Any]:
    """Tell how full the disk with the data is, in bytes, and how many databases are open."""
    usage = await asyncio.to_thread(shutil.disk_usage, context.settings.data_dir)
    return {
        "storage": {"total": usage.total, "used": usage.used, "free": usage.free},
        "databases": len(context.stores.open_databases()),
    }
