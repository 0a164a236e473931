"""The data directory, for commands that work on it beside a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tidewire.bus.doorbell import Doorbell
from tidewire.cli.options import keep_private
from tidewire.logs import configure_logging
from tidewire.settings import Settings
from tidewire.store.instance.instance import Instance


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Instance]:
    """Open the data directory; what is committed is told to the server that runs on it, if one does.

    Without ``create`` it must be there. What is made in it is private. Raises OSError if it cannot be used.
    """
    keep_private()
    configure_logging(settings.log_level)  # to standard error: what a command prints is for programs too
    instance = await Instance.open(settings, create=create)
    doorbell = Doorbell(Path(settings.data_dir))
    instance.on_commit = doorbell.ring
    try:
        yield instance
    finally:
        await instance.close()
        doorbell.close()
