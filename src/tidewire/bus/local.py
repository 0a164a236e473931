"""News between the processes of one machine: they see each other's commits in the databases themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tidewire.store.platform import Stores

INTERVAL_SECONDS: Final = 0.004
"""Between two looks at the open databases."""
_SHARE_OF_TIME: Final = 0.05
"""Looking takes no more of the event loop's time than this, however many databases are open."""


async def watch_commits(stores: Stores, wake: Callable[[str], None]) -> None:
    """Call ``wake`` with a project's id when its database changed, until cancelled.

    It is also called once for each database when that is first seen, and for commits of this process: to
    wake a reader of the log that has nothing to read does no harm.
    """
    versions: dict[str, int] = {}
    while True:
        began = time.monotonic()
        for database in stores.open_databases():
            version = database.data_version()
            if versions.get(database.project_id) != version:
                versions[database.project_id] = version
                if database is stores.platform:
                    await stores.notice_deletions()
                wake(database.project_id)
        await asyncio.sleep(max(INTERVAL_SECONDS, (time.monotonic() - began) / _SHARE_OF_TIME))
