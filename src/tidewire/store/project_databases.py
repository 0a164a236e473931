"""The databases of projects, opened when they are needed and kept open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from tidewire.store.background import Background
from tidewire.store.database import Database
from tidewire.store.identity_cache import IdentityCache
from tidewire.store.projects import Project


class OpenProject(NamedTuple):
    """What is open of a project."""

    database: Database
    identities: IdentityCache


@dataclass(frozen=True)
class _Opening:
    created_at: int
    """Of the project: another one may have had the same id before."""
    task: asyncio.Task[OpenProject]

    @property
    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


class ProjectDatabases:
    """All projects that are open. Belongs to one event loop."""

    def __init__(self, open_database: Callable[[str], Awaitable[Database]], jwt_secret: bytes) -> None:
        self._open_database = open_database
        self._jwt_secret = jwt_secret
        self._projects: dict[str, _Opening] = {}
        self._listeners: list[Callable[[str], None]] = []
        self._closing = Background()

    async def get(self, project: Project) -> OpenProject:
        """Open a project that exists, or return it if it is open already."""
        opening = self._projects.get(project.id)
        if opening is not None and (opening.failed or opening.created_at != project.created_at):
            self.forget(project.id)
            opening = None
        if opening is None:
            opening = _Opening(project.created_at, asyncio.create_task(self._open(project.id)))
            self._projects[project.id] = opening
        # Others may wait for the same project: one of them going away must not cancel the opening.
        task = opening.task
        return task.result() if task.done() else await asyncio.shield(task)

    def databases(self) -> list[Database]:
        """Those that are open now."""
        tasks = [opening.task for opening in self._projects.values() if not opening.failed]
        return [task.result().database for task in tasks if task.done()]

    def project_ids(self) -> list[str]:
        """Of the projects that are open or being opened."""
        return list(self._projects)

    def listen(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` called with the id of each open project that is forgotten."""
        self._listeners.append(callback)

    def forget(self, project_id: str) -> None:
        """Close a project that is not there any more, if it is open."""
        opening = self._projects.pop(project_id, None)
        if opening is None or opening.failed:
            return
        for listener in self._listeners:
            listener(project_id)
        self._closing.begin(_close(opening.task))

    async def closed(self) -> None:
        """Return when everything that was forgotten is closed."""
        await self._closing.finish()

    async def close(self) -> None:
        """Close everything."""
        for opening in self._projects.values():
            if not opening.failed:
                self._closing.begin(_close(opening.task))
        self._projects.clear()
        await self._closing.finish()

    async def _open(self, project_id: str) -> OpenProject:
        database = await self._open_database(project_id)
        return OpenProject(database, IdentityCache(database, self._jwt_secret))


async def _close(opening: asyncio.Task[OpenProject]) -> None:
    try:
        database, _ = await opening
    except Exception:
        return  # it could not be opened: who asked for it was told
    await database.close()
