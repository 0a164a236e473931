"""The platform: its projects, their API keys, and everything that is open.

The platform's database is itself a project's, called ``console``, with some more tables.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection, select

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.origins import Platform
from tidewire.core.project_settings import CONSOLE_SETTINGS
from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.api_keys import (
    ApiKey,
    KeyOwner,
    insert_api_key,
)
from tidewire.store.background import Background
from tidewire.store.cache import Cache
from tidewire.store.database import Database, Transaction
from tidewire.store.dev_keys import DevKey, insert_dev_key
from tidewire.store.encryption import Encryption
from tidewire.store.errors import StoreError
from tidewire.store.identity_cache import IdentityCache
from tidewire.store.key_ring import KeyRing
from tidewire.store.migration import PLATFORM, PROJECT
from tidewire.store.objects import ObjectStorage, local_store
from tidewire.store.opening import locked
from tidewire.store.project_databases import ProjectDatabases
from tidewire.store.projects import (
    CONSOLE_PROJECT_ID,
    Project,
    change_project,
    delete_project,
    find_project,
    insert_project,
    project_not_found,
    project_of,
)
from tidewire.store.registered_platforms import RegisteredPlatform, insert_platform
from tidewire.store.schema import projects, state
from tidewire.store.secret_file import Secrets, load_secrets
from tidewire.store.state import delete_state, read_state, write_state

DEFAULT_PROJECT_ID: Final = "default"
"""The project that a new data directory has."""

_CONSOLE_PLATFORMS: Final = (Platform("web", hostname="localhost"),)
"""Tools on the operator's own computer may always call."""
_FIRST_PROJECT: Final = "platform.first_project"
_DELETION: Final = "platform.deletion."
"""Followed by the id of a project whose rows are gone, but not yet its data."""
_PROJECTS_CACHED: Final = 10_000
_log = structlog.get_logger("tidewire.store")

__all__ = [
    "CONSOLE_PROJECT_ID",
    "DEFAULT_PROJECT_ID",
    "ApiKey",
    "Project",
    "ProjectStore",
    "Stores",
]


@dataclass(frozen=True)
class ProjectStore:
    """What a project stores."""

    project: Project
    database: Database
    objects: ObjectStorage
    identities: IdentityCache


class Stores:
    """Everything that is open. Made by :meth:`open`; belongs to the event loop it is opened in."""

    def __init__(self, settings: Settings, secrets: Secrets, platform: Database) -> None:
        self.settings = settings
        self.jwt_secret: Final = settings.secret_key.encode() or secrets.jwt_secret
        """Signs JSON Web Tokens; the same for all processes of a data directory."""
        self.encryption: Final = Encryption(secrets.jwt_secret)
        self.platform: Final = platform
        self._directory = Path(settings.data_dir)
        self._object_store = local_store(self._directory / "objects")
        self._background = Background()
        self.keys: Final = KeyRing(platform, self._background)
        """The keys of all projects."""
        self._open_projects = ProjectDatabases(self._open_database, self.jwt_secret)
        self._projects: Cache[Project] = Cache(platform, _PROJECTS_CACHED)
        self._console_identities = IdentityCache(platform, self.jwt_secret)
        settings_of_console = msgspec.structs.replace(
            CONSOLE_SETTINGS, session_duration=settings.session_duration
        )
        self._console = Project(
            CONSOLE_PROJECT_ID, "Console", "", 0, 0, _CONSOLE_PLATFORMS, settings_of_console
        )

    @classmethod
    async def open(cls, settings: Settings) -> Stores:
        """Open the data directory; create it with its secrets and first project if it is new.

        Raises OSError (:class:`StoreError` with its own text) if it cannot be used.
        """
        directory = Path(settings.data_dir)
        secrets = await asyncio.to_thread(_prepare_directory, directory)
        platform = await Database.open(
            _database_path(directory, CONSOLE_PROJECT_ID),
            CONSOLE_PROJECT_ID,
            synchronous=settings.synchronous,
            chains=(PROJECT, PLATFORM),
        )
        stores = cls(settings, secrets, platform)
        try:
            await platform.write(_create_first_project)
        except BaseException:
            await stores.close()
            raise
        return stores

    async def close(self) -> None:
        """Close every database."""
        await self._background.finish()
        await self._open_projects.close()
        await self.platform.close()

    async def project(self, project_id: str) -> ProjectStore | None:
        """The project with this id, its database open; None if there is none."""
        if project_id == CONSOLE_PROJECT_ID:
            objects = self._objects(CONSOLE_PROJECT_ID)
            return ProjectStore(self._console, self.platform, objects, self._console_identities)
        duration = self.settings.session_duration
        project = await self._projects.get(
            project_id, lambda connection: find_project(connection, project_id, duration)
        )
        if project is None:
            self._open_projects.forget(project_id)
            return None
        database, identities = await self._open_projects.get(project)
        return ProjectStore(project, database, self._objects(project_id), identities)

    def open_databases(self) -> Sequence[Database]:
        """The databases that are open now, the platform's first."""
        return [self.platform, *self._open_projects.databases()]

    async def list_projects(self) -> list[Project]:
        """All projects but ``console``, oldest first."""
        duration = self.settings.session_duration

        def read(connection: Connection) -> list[Project]:
            rows = connection.execute(select(projects).order_by(projects.c.sequence)).all()
            return [project_of(connection, row, duration) for row in rows]

        return await self.platform.read(read)

    async def create_project(
        self, project_id: str, name: str, team_id: str = "", region: str = "default"
    ) -> Project:
        """Create a project with its database.

        Raises :class:`TidewireError` ``project_already_exists``, ``project_reserved_project`` or
        ``general_argument_invalid``.
        """
        if not is_id(project_id):
            raise TidewireError("general_argument_invalid", "The project id is not valid.")
        await self._finish_deletion(project_id)
        moment = now()
        project = Project(project_id, name, team_id, moment, moment, region=region)

        def unit(transaction: Transaction) -> None:
            if read_state(transaction.connection, _DELETION + project_id) is not None:
                raise TidewireError("project_already_exists", f"The project {project_id!r} is being deleted.")
            insert_project(transaction.connection, project)

        await self.platform.write(unit)
        await self._open_projects.get(project)
        return await self._existing(project_id)

    async def update_project(
        self,
        project_id: str,
        change: Callable[[Project], Project],
        announce: Callable[[Transaction, Project], None] | None = None,
    ) -> Project:
        """Store what ``change`` makes of a project, and return that; ``updated_at`` follows by itself.

        ``announce`` may write an event to the log of the console project, in the same transaction. Raises
        :class:`TidewireError` ``project_not_found``, and what ``change`` raises.
        """
        duration = self.settings.session_duration

        def unit(transaction: Transaction) -> Project:
            changed = change_project(transaction.connection, project_id, change, duration)
            if announce is not None:
                announce(transaction, changed)
            return changed

        return await self.platform.write(unit)

    async def delete_project(self, project_id: str) -> None:
        """Delete a project with everything that belongs to it.

        It is gone when its rows are; its database and files follow at once, or if that fails at the next
        maintenance. Raises :class:`TidewireError` ``project_not_found``.
        """

        def unit(transaction: Transaction) -> None:
            if find_project(transaction.connection, project_id, 0) is None:
                raise project_not_found()
            delete_project(transaction.connection, project_id)
            write_state(transaction.connection, _DELETION + project_id, str(now()))

        await self.platform.write(unit)
        try:
            await self._finish_deletion(project_id)
        except OSError:
            _log.exception("data of a deleted project remains", project=project_id)

    def listen_deletions(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` called with the id of each project that this process notices to be deleted."""
        self._open_projects.listen(callback)

    async def notice_deletions(self) -> None:
        """Close the databases of projects that another process has deleted."""
        for project_id in self._open_projects.project_ids():
            await self.project(project_id)

    async def finish_deletions(self) -> None:
        """Delete what is left of deleted projects."""
        pattern = select(state.c.name).where(state.c.name.startswith(_DELETION))
        names = await self.platform.read(lambda connection: list(connection.scalars(pattern)))
        for name in names:
            await self._finish_deletion(name.removeprefix(_DELETION))

    async def create_platform(
        self, project_id: str, name: str, platform: Platform, platform_id: str | None = None
    ) -> RegisteredPlatform:
        """Register a web site or app on a project.

        Raises :class:`TidewireError` ``project_not_found`` or ``platform_already_exists``.
        """
        await self._existing(project_id)
        return await self.platform.write(
            lambda transaction: insert_platform(
                transaction.connection, project_id, name, platform, platform_id
            )
        )

    async def create_key(
        self, project_id: str, name: str, scopes: Iterable[str], expires: int, key_id: str | None = None
    ) -> tuple[ApiKey, str]:
        """Create an API key of a project; the secret is known only now.

        ``expires``: milliseconds since the epoch, 0 for never. Raises :class:`TidewireError`
        ``project_not_found`` or ``key_already_exists``.
        """
        await self._existing(project_id)
        listed = sorted(scopes) if isinstance(scopes, frozenset) else list(scopes)
        owner = KeyOwner(project_id=project_id)
        return await self.platform.write(
            lambda transaction: insert_api_key(transaction.connection, owner, name, listed, expires, key_id)
        )

    async def create_dev_key(self, project_id: str, name: str, expires: int) -> str:
        """Create a dev key of a project that lasts until ``expires`` (milliseconds); return its secret.

        Raises :class:`TidewireError` ``project_not_found``.
        """
        await self._existing(project_id)

        def unit(transaction: Transaction) -> DevKey:
            return insert_dev_key(transaction.connection, self.encryption, project_id, name, expires)

        return self.encryption.open((await self.platform.write(unit)).sealed_secret)

    async def _existing(self, project_id: str) -> Project:
        store = await self.project(project_id)
        if store is None:
            raise TidewireError("project_not_found", f"There is no project {project_id!r}.")
        return store.project

    async def _open_database(self, project_id: str) -> Database:
        path = _database_path(self._directory, project_id)
        return await Database.open(
            path, project_id, synchronous=self.settings.synchronous, encryption=self.encryption
        )

    async def _finish_deletion(self, project_id: str) -> None:
        """Delete database and files of a project that was deleted; one process does it, others wait."""
        marker = _DELETION + project_id
        if await self.platform.read(lambda connection: read_state(connection, marker)) is None:
            return
        with ExitStack() as stack:
            lock = locked(self._directory / "deletion.lock")
            await asyncio.to_thread(stack.enter_context, lock)
            if await self.platform.read(lambda connection: read_state(connection, marker)) is None:
                return
            self._open_projects.forget(project_id)
            await self._open_projects.closed()
            directory = _database_path(self._directory, project_id).parent
            with suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, directory)
            await self._objects(project_id).delete_all()
            await self.platform.write(lambda transaction: delete_state(transaction.connection, marker))

    def _objects(self, project_id: str) -> ObjectStorage:
        return ObjectStorage(self._object_store, project_id, durable=self.settings.synchronous == "full")


def _prepare_directory(directory: Path) -> Secrets:
    # The modes count for what is inside if somebody made the directory with a wider one.
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "projects").mkdir(mode=0o700, exist_ok=True)
    with locked(directory / "lock"):
        return load_secrets(directory / "secrets.json")


def _database_path(directory: Path, project_id: str) -> Path:
    if not is_id(project_id):
        raise StoreError(f"{project_id!r} is not the id of a project")
    return directory / "projects" / project_id / "database.sqlite3"


def _create_first_project(transaction: Transaction) -> None:
    connection = transaction.connection
    if read_state(connection, _FIRST_PROJECT) is None:
        insert_project(connection, Project(DEFAULT_PROJECT_ID, "Default", "", now(), now()))
        write_state(connection, _FIRST_PROJECT, DEFAULT_PROJECT_ID)
