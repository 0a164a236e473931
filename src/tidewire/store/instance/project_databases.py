"""The databases of projects: they are open while somebody needs them, and for a while after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidewire.store.caches.identity_cache import IdentityCache
from tidewire.store.engine.database import Database
from tidewire.store.machine.background import Background
from tidewire.store.machine.memory import give_back
from tidewire.store.records.projects import Project

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks for databases that nobody needs."""
_SOON_SECONDS: Final = 0.25
"""Seconds without use after which a database may be closed if too many are open."""


@dataclass(frozen=True)
class ProjectDatabase:
    """A project's database with what is kept of it in memory."""

    database: Database
    identities: IdentityCache
    created_at: int
    """When the project was created: another one may have had the same id before."""


@dataclass
class _Awake:
    database: Database
    uses: int
    used_at: float
    """When it was last seen to have been used, monotonic seconds."""


class ProjectDatabases:
    """The databases of all projects that were needed so far. Belongs to one event loop."""

    def __init__(
        self,
        make: Callable[[str], tuple[Database, IdentityCache]],
        idle_seconds: float,
        most: int,
        on_sleep: Callable[[str, int | None], None],
    ) -> None:
        """A database that was not used for ``idle_seconds`` is closed, and earlier if over ``most`` are open.

        ``on_sleep`` is called with the id of a project whose database was closed, and with when something is
        to be done there.
        """
        self._make = make
        self._idle_seconds = idle_seconds
        self._most = most
        self._on_sleep = on_sleep
        self._projects: dict[str, ProjectDatabase] = {}
        self._awake: dict[str, _Awake] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._closing = Background()
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._have_closed = False
        """Whether databases were closed whose memory was not given back to the system yet."""

    def get(self, project: Project) -> ProjectDatabase:
        """The database of a project that exists. It opens when it is used."""
        held = self._projects.get(project.id)
        if held is not None and held.created_at != project.created_at:
            self.forget(project.id)
            held = None
        if held is None:
            database, identities = self._make(project.id)
            held = self._projects[project.id] = ProjectDatabase(database, identities, project.created_at)
        return held

    def awake(self) -> list[Database]:
        """Return the databases that are open now."""
        return [each.database for each in self._awake.values() if each.database.is_awake]

    def created_at(self) -> dict[str, int]:
        """The times of creation of the projects whose databases were needed so far, by id."""
        return {project_id: held.created_at for project_id, held in self._projects.items()}

    def listen(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` called with the id of each project that is forgotten."""
        self._listeners.append(callback)

    def forget(self, project_id: str) -> None:
        """Close the database of a project that is not there any more."""
        held = self._projects.pop(project_id, None)
        if held is None:
            return
        for listener in self._listeners:
            listener(project_id)
        self._closing.begin(held.database.close())

    async def closed(self) -> None:
        """Return when everything that was forgotten is closed."""
        await self._closing.finish()

    async def close(self) -> None:
        """Close everything."""
        if self._timer is not None:
            self._timer.cancel()
        for held in self._projects.values():
            self._closing.begin(held.database.close())
        self._projects.clear()
        await self._closing.finish()

    def woke(self, database: Database) -> None:
        """Look after a database that was opened."""
        moment = time.monotonic()
        self._awake[database.project_id] = _Awake(database, database.uses, moment)
        if len(self._awake) > self._most and moment - self._looked_at > _SOON_SECONDS:
            self._close_unused(_SOON_SECONDS, len(self._awake) - self._most)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def slept(self, database: Database, due_at: int | None) -> None:
        """Forget what was kept of a database that was closed."""
        held = self._awake.get(database.project_id)
        if held is not None and held.database is database:
            del self._awake[database.project_id]
            self._have_closed = True
        project = self._projects.get(database.project_id)
        if project is not None and project.database is database:
            project.identities.clear()
            self._on_sleep(database.project_id, due_at)

    def _look(self) -> None:
        self._timer = None
        self._close_unused(self._idle_seconds, len(self._awake))
        self._close_unused(_SOON_SECONDS, len(self._awake) - self._most)
        for held in self._awake.values():
            held.database.close_spare()
        if self._have_closed:
            self._have_closed = False
            self._closing.begin(asyncio.to_thread(give_back))
        if self._awake:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _close_unused(self, seconds: float, most: int) -> None:
        """Close up to ``most`` of those that were not used for ``seconds``."""
        self._looked_at = moment = time.monotonic()
        for held in list(self._awake.values()):
            if most <= 0:
                return
            if held.database.uses != held.uses:
                held.uses, held.used_at = held.database.uses, moment
            if moment - held.used_at >= seconds and held.database.try_to_sleep():
                most -= 1
