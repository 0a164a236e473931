"""Checks of the parts that keep data: databases, caches, the event log, storage, the GeoIP file."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

import tidewire
from tidewire.core.errors import TidewireError
from tidewire.core.models import AnyObject, HealthAntivirus, HealthStatus, HealthStatusList, HealthVersion
from tidewire.services.context import Context
from tidewire.services.health import operations
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database

SECONDS: Final = 10.0
"""Seconds that a check may take."""
_SAMPLE_BYTES: Final = 64
_KNOWN_ADDRESS: Final = "8.8.8.8"

_log = structlog.get_logger("tidewire.health")


@operations.declare("getDB", "GET", "/health/db", scopes=("health.read",))
async def get_db(context: Context) -> HealthStatusList:
    """Check the databases: each is read from, and its writer has a turn."""
    return await _several(
        ("platform", lambda: _check_database(context.instance.database)),
        ("project", lambda: _check_database(context.database)),
    )


@operations.declare("getCache", "GET", "/health/cache", scopes=("health.read",))
async def get_cache(context: Context) -> HealthStatusList:
    """Check what is kept in memory: a project is looked up, and again."""

    async def check() -> None:
        for _ in range(2):
            store = await context.instance.project(context.project.id)
            if store is None or store.project.id != context.project.id:
                raise RuntimeError("a project is not where it was")

    return await _several(("projects", check))


@operations.declare("getPubSub", "GET", "/health/pubsub", scopes=("health.read",))
async def get_pub_sub(context: Context) -> HealthStatusList:
    """Check the event log, from which everything that reacts to changes learns of them."""

    async def check() -> None:
        await context.database.read(event_log.epoch)
        await context.database.read(event_log.last_offset)

    return await _several(("events", check))


@operations.declare("getStorage", "GET", "/health/storage", scopes=("health.read",))
async def get_storage(context: Context) -> HealthStatus:
    """Check object storage: an object is written, read and deleted."""
    sample = secrets.token_bytes(_SAMPLE_BYTES)

    async def check() -> None:
        writer = context.objects.writer()
        await writer.write(sample)
        stored = await writer.finish()
        try:
            read = b"".join([piece async for piece in context.objects.read(stored.key, 0, stored.size)])
        finally:
            await context.objects.delete([stored.key])
        if read != sample:
            raise RuntimeError("an object is not what was written")

    return await _checked("storage", check)


@operations.declare("getStorageLocal", "GET", "/health/storage/local", scopes=("health.read",))
async def get_storage_local(context: Context) -> HealthStatus:
    """Check the data directory: a file is written to the disk, read and deleted."""
    directory = Path(context.settings.data_dir)
    return await _checked("local", lambda: asyncio.to_thread(_check_directory, directory))


@operations.declare("getGeo", "GET", "/health/geo", scopes=("health.read",))
async def get_geo(context: Context) -> HealthStatus:
    """Check the GeoIP file; without one the check fails."""
    began = time.perf_counter()
    known = context.geoip.available and bool(context.geoip.find(_KNOWN_ADDRESS).country_code)
    return HealthStatus(name="geo", ping=_milliseconds(began), status="pass" if known else "fail")


@operations.declare("getFunctions", "GET", "/health/functions", scopes=("health.read",), extension=True)
async def get_functions(context: Context) -> HealthStatus:
    """Tell by its name what keeps the code of functions apart; it fails where they are not run."""
    engine = context.engine
    if engine is None:
        return HealthStatus(name="none", ping=0, status="fail")
    return HealthStatus(name=engine.isolation, ping=0, status="pass")


@operations.declare("getAntivirus", "GET", "/health/anti-virus", scopes=("health.read",))
async def get_antivirus(context: Context) -> HealthAntivirus:  # noqa: ARG001 - every operation has one
    """Tell that uploads are not scanned."""
    return HealthAntivirus(version="", status="disabled")


async def _several(*checks: tuple[str, Callable[[], Awaitable[None]]]) -> HealthStatusList:
    statuses = [await _checked(name, check) for name, check in checks]
    return HealthStatusList(total=len(statuses), statuses=statuses)


async def _checked(name: str, check: Callable[[], Awaitable[None]]) -> HealthStatus:
    """Run a check. If it fails, the operation fails, so that the HTTP status alone tells."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(SECONDS):
            await check()
    except Exception as error:
        _log.exception("health check failed", check=name)
        raise TidewireError("general_server_error", f"The check of {name} failed.") from error
    return HealthStatus(name=name, ping=_milliseconds(began), status="pass")


async def _check_database(database: Database) -> None:
    await database.read(event_log.epoch)
    await database.write(lambda _: None)


def _check_directory(directory: Path) -> None:
    sample = secrets.token_bytes(_SAMPLE_BYTES)
    file = directory / f".health-{secrets.token_hex(8)}"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, sample)
        os.fsync(descriptor)
        if os.pread(descriptor, _SAMPLE_BYTES, 0) != sample:
            raise RuntimeError("a file is not what was written")
    finally:
        os.close(descriptor)
        file.unlink()


def _milliseconds(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


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
    """Tell how full the disk with the data is, in bytes, how many databases are open, what runs functions."""
    engine = context.engine
    usage = await asyncio.to_thread(shutil.disk_usage, context.settings.data_dir)
    return {
        "storage": {"total": usage.total, "used": usage.used, "free": usage.free},
        "databases": len(context.instance.open_databases()),
        "functions": {
            "isolation": engine.isolation if engine else "",
            "processes": engine.processes if engine else 0,
            "waiting": engine.waiting if engine else 0,
        },
    }
