"""The life of projects: how one is made and how one is deleted, also if the process is killed in between.

A project's row is written, or deleted, together with a note. Its database and files follow, and the note goes
when that is done. So whoever finds a note finishes what somebody began, in any process.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select

from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.state import delete_state, read_state, write_state
from tidewire.store.instance.data_directory import database_path
from tidewire.store.instance.deletion_lock import deleting
from tidewire.store.instance.project_databases import ProjectDatabases
from tidewire.store.machine.locks import locked
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.records.due import DueProjects
from tidewire.store.records.projects import (
    Project,
    delete_project,
    find_project,
    insert_project,
    project_not_found,
)
from tidewire.store.schema import state

DEFAULT_PROJECT_ID: Final = "default"
"""The project that a new data directory has."""
CREATION: Final = "platform.creation."
"""The prefix of a note, before the id of a project whose database may not have been made yet."""
_DELETION: Final = "platform.deletion."
"""The prefix of a note, before the id of a project whose rows are deleted and whose data is not yet."""
_FIRST_PROJECT: Final = "platform.first_project"

_log = structlog.get_logger("tidewire.store")


class ProjectLifecycle:
    """Makes and deletes the projects of a data directory."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        open_projects: ProjectDatabases,
        due: DueProjects,
        objects_of: Callable[[str], ObjectStorage],
    ) -> None:
        """``database`` is that of the instance; ``objects_of`` gives the objects of a project."""
        self._directory = directory
        self._database = database
        self._open_projects = open_projects
        self._due = due
        self._objects_of = objects_of

    async def create(self, project: Project) -> None:
        """Make a project with its database.

        Raises :class:`TidewireError` ``project_already_exists`` or ``project_reserved_project``.
        """
        await self._finish_deletion(project.id)
        path = database_path(self._directory, project.id)

        def unit(transaction: Transaction) -> None:
            if read_state(transaction.connection, _DELETION + project.id) is not None:
                raise TidewireError("project_already_exists", f"The project {project.id!r} is being deleted.")
            insert_project(transaction.connection, project)
            if path.exists():
                # The platform was put back as it was earlier, maybe: this is not the new owner's.
                message = f"The data directory still holds the database of an earlier project {project.id!r}."
                raise TidewireError("project_already_exists", message)
            write_state(transaction.connection, CREATION + project.id, str(project.created_at))

        await self._database.write(unit)
        await self._open_projects.get(project).database.wake()

    async def is_new(self, project_id: str) -> bool:
        """Whether the database of a project was never made."""
        note = CREATION + project_id
        found = await self._database.read(lambda connection: read_state(connection, note), lane="identities")
        return found is not None

    async def created(self, project_id: str) -> None:
        """Note that the project's database was made: from now on it is never made anew."""
        note = CREATION + project_id
        await self._database.write(lambda transaction: delete_state(transaction.connection, note))

    async def delete(self, project_id: str) -> None:
        """Delete a project with everything that belongs to it.

        It is gone when its rows are; its database and files follow at once, or if that fails at the next
        maintenance. Raises :class:`TidewireError` ``project_not_found``.
        """

        def unit(transaction: Transaction) -> None:
            if find_project(transaction.connection, project_id, 0) is None:
                raise project_not_found()
            delete_project(transaction.connection, project_id)
            delete_state(transaction.connection, CREATION + project_id)
            write_state(transaction.connection, _DELETION + project_id, str(now()))

        await self._database.write(unit)
        try:
            await self._finish_deletion(project_id)
        except OSError:
            _log.exception("data of a deleted project remains", project=project_id)

    async def unfinished_creations(self) -> list[str]:
        """Return the ids of projects that may have no database yet."""
        return await self._noted(CREATION)

    async def finish_deletions(self) -> None:
        """Delete what is left of deleted projects."""
        for project_id in await self._noted(_DELETION):
            await self._finish_deletion(project_id)

    async def _noted(self, prefix: str) -> list[str]:
        """Ids of the projects with a note of this kind."""
        pattern = select(state.c.name).where(state.c.name.startswith(prefix, autoescape=True))
        names = await self._database.read(lambda connection: list(connection.scalars(pattern)))
        return [name.removeprefix(prefix) for name in names]

    async def _finish_deletion(self, project_id: str) -> None:
        """Delete database and files of a project that was deleted; one process does it, others wait."""
        with deleting(self._directory) as allowed:
            if allowed:
                await self._delete_data(project_id)

    async def _delete_data(self, project_id: str) -> None:
        note = _DELETION + project_id
        if await self._database.read(lambda connection: read_state(connection, note)) is None:
            return
        with ExitStack() as stack:
            lock = locked(self._directory / "deletion.lock")
            await asyncio.to_thread(stack.enter_context, lock)
            if await self._database.read(lambda connection: read_state(connection, note)) is None:
                return
            self._open_projects.forget(project_id)
            await self._open_projects.closed()
            directory = database_path(self._directory, project_id).parent
            with suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, directory)
            await asyncio.to_thread(self._due.deleted, project_id)
            await self._objects_of(project_id).delete_all()
            await self._database.write(lambda transaction: delete_state(transaction.connection, note))


def create_first_project(transaction: Transaction) -> None:
    """Make the first project of a new data directory, once; its database follows."""
    connection = transaction.connection
    if read_state(connection, _FIRST_PROJECT) is None:
        insert_project(connection, Project(DEFAULT_PROJECT_ID, "Default", "", now(), now()))
        write_state(connection, CREATION + DEFAULT_PROJECT_ID, str(now()))
        write_state(connection, _FIRST_PROJECT, DEFAULT_PROJECT_ID)
