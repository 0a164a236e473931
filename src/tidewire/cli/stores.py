"""The data directory, for commands that work on it beside a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tidewire.bus.doorbell import Doorbell
from tidewire.settings import Settings
from tidewire.store.platform import Stores


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Stores]:
    """Open the data directory; what is committed is told to the server that runs on it, if one does.

    Raises OSError if it cannot be used.
    """
    stores = await Stores.open(settings)
    doorbell = Doorbell(Path(settings.data_dir))
    stores.on_commit = doorbell.ring
    try:
        yield stores
    finally:
        await stores.close()
        doorbell.close()
