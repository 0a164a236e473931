"""The instance: its projects, their API keys, and everything that is open.

The instance's database is itself a project's, called ``console``, with some more tables.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy import select

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.origins import Platform
from tidewire.core.project_settings import CONSOLE_SETTINGS
from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.caches.cache import Cache
from tidewire.store.caches.domains import Domains
from tidewire.store.caches.identity_cache import IdentityCache
from tidewire.store.caches.key_ring import KeyRing
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.engine.migration import INSTANCE, PROJECT
from tidewire.store.engine.workers import Workers
from tidewire.store.errors import StoreError
from tidewire.store.instance.data_directory import database_path, prepare_directory
from tidewire.store.instance.lifecycle import (
    DEFAULT_PROJECT_ID,
    ProjectLifecycle,
    create_first_project,
)
from tidewire.store.instance.project_databases import ProjectDatabases
from tidewire.store.machine.background import Background
from tidewire.store.machine.disk_space import DiskSpace
from tidewire.store.machine.locks import locked
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.objects.stores import DirectoryStore, day_of
from tidewire.store.records.api_keys import (
    ApiKey,
    KeyOwner,
    insert_api_key,
)
from tidewire.store.records.dev_keys import DevKey, insert_dev_key
from tidewire.store.records.due import DueProjects
from tidewire.store.records.pending_events import projects_with_pending, relay_events
from tidewire.store.records.projects import (
    CONSOLE_PROJECT_ID,
    Project,
    change_project,
    find_project,
    project_of,
)
from tidewire.store.schema import projects
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.secrets.file_keys import FileKeys, FileSecrets
from tidewire.store.secrets.secret_file import SECRETS_NAME, Secrets, settle_secrets

_CONSOLE_PLATFORMS: Final = (Platform("web", hostname="localhost"),)
"""Tools on the operator's own computer may always call."""
_PROJECTS_CACHED: Final = 10_000
_REPORT_SECONDS: Final = 60.0
_log = structlog.get_logger("tidewire.store")

__all__ = [
    "CONSOLE_PROJECT_ID",
    "DEFAULT_PROJECT_ID",
    "ApiKey",
    "Instance",
    "Project",
    "ProjectStore",
]


class ProjectStore(msgspec.Struct, frozen=True):
    """A project with everything that it stores."""

    project: Project
    database: Database
    objects: ObjectStorage
    identities: IdentityCache


class Instance:
    """Everything that is open. Made by :meth:`open`; belongs to the event loop it is opened in."""

    def __init__(self, settings: Settings, secrets: Secrets, disk: DiskSpace) -> None:
        """To be used after :meth:`open`, which opens the platform."""
        self.settings = settings
        self.jwt_secret: Final = settings.secret_key.encode() or secrets.jwt_secret
        """The secret that signs JSON Web Tokens; the same for all processes of a data directory."""
        self.encryption: Final = Encryption(secrets.jwt_secret)
        self._file_secrets = FileSecrets(Path(settings.data_dir) / SECRETS_NAME, secrets)
        self.on_commit: Callable[[str], None] = _nobody
        """Called with a project's id when something was committed there, in the thread that did it, and when
        something is left to be done there by whoever looks after that."""
        self.disk: Final = disk
        self._directory = Path(settings.data_dir)
        self._object_store = DirectoryStore(self._directory / "objects")
        self._background = Background()
        self._reported: dict[str, float] = {}
        self._workers = Workers(
            settings.reads_at_once,
            settings.read_seconds,
            settings.reads_of_guests,
            settings.reads_waiting_of_guests,
        )
        self._due = DueProjects(self._directory)
        self._sleep_listeners: list[Callable[[str, int | None], None]] = []
        self._open_projects = ProjectDatabases(
            self._make_database,
            settings.database_idle_seconds,
            settings.databases_open_max,
            self._project_sleeps,
        )
        self.database: Final = Database(
            database_path(self._directory, CONSOLE_PROJECT_ID),
            CONSOLE_PROJECT_ID,
            self._workers,
            synchronous=settings.synchronous,
            chains=(PROJECT, INSTANCE),
            encryption=self.encryption,
            create=not secrets.settled,
            keeper=self,
            list_bytes=settings.list_bytes_max,
        )
        self.database.keep_awake_while(lambda: True)
        self.keys: Final = KeyRing(self.database, self._background)
        """The keys of all projects."""
        self.domains: Final = Domains(self.database, alone=settings.workers == 1)
        """What the domains of all projects lead to."""
        self._projects: Cache[Project] = Cache(self.database, _PROJECTS_CACHED)
        self._stores: dict[str, ProjectStore] = {}
        """The stores of the projects that were asked for, each as of one version of its project."""
        self._open_projects.listen(self._forget_store)
        self.lifecycle: Final = ProjectLifecycle(
            self._directory, self.database, self._open_projects, self._due, self._objects
        )
        """Makes and deletes projects."""
        settings_of_console = msgspec.structs.replace(
            CONSOLE_SETTINGS, session_duration=settings.session_duration
        )
        console = Project(CONSOLE_PROJECT_ID, "Console", "", 0, 0, _CONSOLE_PLATFORMS, settings_of_console)
        self.console: Final = ProjectStore(
            console,
            self.database,
            self._objects(CONSOLE_PROJECT_ID),
            IdentityCache(self.database, self.jwt_secret),
        )
        """The console, which is a project too."""

    @classmethod
    async def open(cls, settings: Settings, *, create: bool = True) -> Instance:
        """Open the data directory; create it with its secrets and first project if it is new and ``create``.

        The databases of projects are opened when they are needed. Raises OSError (:class:`StoreError` with
        its own text) if the directory cannot be used, or lacks its secrets or the database of the instance:
        neither is made anew.
        """
        directory = Path(settings.data_dir)
        disk = DiskSpace(directory, settings.disk_reserve_bytes)
        disk.is_full()  # gives the reserve up, so that opening has room
        secrets = await asyncio.to_thread(
            prepare_directory, directory, create=create, allow_network=settings.network_file_systems
        )
        instance = cls(settings, secrets, disk)
        try:
            await instance.database.wake()
            await instance.database.write(create_first_project)
            if not secrets.settled:
                await asyncio.to_thread(settle_secrets, directory / SECRETS_NAME)
            ids = select(projects.c.id)
            listed = await instance.database.read(lambda connection: list(connection.scalars(ids)))
            await asyncio.to_thread(instance._prepare_due, listed)
        except BaseException:
            await instance.close()
            raise
        return instance

    def _prepare_due(self, project_ids: Sequence[str]) -> None:
        with locked(self._directory / "lock"):  # other workers begin at the same moment
            self._due.prepare(project_ids)

    async def close(self) -> None:
        """Close every database."""
        await self._background.finish()
        await self._open_projects.close()
        await self.database.close()
        await asyncio.to_thread(self._workers.close)

    async def project(self, project_id: str) -> ProjectStore | None:
        """The project with this id; None if there is none. Its database opens when it is used."""
        if project_id == CONSOLE_PROJECT_ID:
            return self.console
        project = self._projects.current(project_id) or await self._find_project(project_id)
        if project is None:
            self._open_projects.forget(project_id)
            return None
        held = self._open_projects.get(project)
        store = self._stores.get(project_id)
        if store is None or store.project is not project or store.database is not held.database:
            objects = self._objects(project_id)
            store = self._stores[project_id] = ProjectStore(project, held.database, objects, held.identities)
        return store

    def _forget_store(self, project_id: str) -> None:
        self._stores.pop(project_id, None)

    def _find_project(self, project_id: str) -> Awaitable[Project | None]:
        duration = self.settings.session_duration
        return self._projects.get(
            project_id, lambda connection: find_project(connection, project_id, duration)
        )

    def open_databases(self) -> Sequence[Database]:
        """The databases that are open now, the platform's first."""
        return [self.database, *self._open_projects.awake()]

    async def due(self) -> dict[str, int]:
        """When something is to be done in which projects, milliseconds since the epoch.

        It is 0 for those that are open, in any process, or that were when their process was killed.
        """
        return await asyncio.to_thread(self._due.read)

    def listen_sleep(self, callback: Callable[[str, int | None], None]) -> None:
        """Have ``callback`` called when a project's database was closed because nobody needs it.

        It gets the project's id, and when something is to be done there; None: nothing, or not by us.
        """
        self._sleep_listeners.append(callback)

    def woke(self, database: Database) -> None:
        """Count a database as open; the engine calls this when it has opened the files."""
        if database is not self.database:
            self._open_projects.woke(database)

    def slept(self, database: Database, due_at: int | None) -> None:
        """Count a database as closed; the engine calls this when it has closed the files."""
        if database is not self.database:
            self._open_projects.slept(database, due_at)

    def committed(self, project_id: str) -> None:
        """Tell :attr:`on_commit` of a commit; called in the thread that made it."""
        self.on_commit(project_id)

    async def is_new(self, project_id: str, error: StoreError) -> bool:
        """Whether the database of a project, which cannot be opened, was never made."""
        if project_id == CONSOLE_PROJECT_ID:
            return False
        is_new = await self.lifecycle.is_new(project_id)
        if not is_new:
            self._report(project_id, error)
        return is_new

    async def created(self, project_id: str) -> None:
        """Note that the project's database was made: from now on it is never made anew."""
        await self.lifecycle.created(project_id)

    def _project_sleeps(self, project_id: str, due_at: int | None) -> None:
        for listener in self._sleep_listeners:
            listener(project_id, due_at)
        if due_at is not None:
            self.on_commit(project_id)

    async def list_projects(self) -> list[Project]:
        """All projects but ``console``, oldest first."""
        duration = self.settings.session_duration

        def read(connection: Connection) -> list[Project]:
            rows = connection.execute(select(projects).order_by(projects.c.sequence)).all()
            return [project_of(connection, row, duration) for row in rows]

        return await self.database.read(read)

    async def create_project(
        self, project_id: str, name: str, team_id: str = "", region: str = "default"
    ) -> Project:
        """Create a project with its database.

        Raises :class:`TidewireError` ``project_already_exists``, ``project_reserved_project`` or
        ``general_argument_invalid``.
        """
        if not is_id(project_id):
            raise TidewireError("general_argument_invalid", "The project id is not valid.")
        moment = now()
        await self.lifecycle.create(Project(project_id, name, team_id, moment, moment, region=region))
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

        return await self.database.write(unit)

    async def relay_events(self, database: Database) -> None:
        """Write to a project's log what was kept for it beside changes in the instance's database.

        What cannot be written now is written later, by the next call or the next round of maintenance.
        """
        try:
            await relay_events(self.database, database)
        except Exception:
            _log.exception("events_not_relayed", project=database.project_id)

    async def relay_all_events(self) -> None:
        """Write the events that are kept to the log of every project that has any."""
        for project_id in await self.database.read(projects_with_pending):
            try:
                store = await self.project(project_id)
            except OSError:
                continue  # that it cannot be opened was logged, and must not hold up others
            if store is not None:
                await self.relay_events(store.database)

    async def delete_project(self, project_id: str) -> None:
        """Delete a project with everything that belongs to it: see :meth:`ProjectLifecycle.delete`."""
        await self.lifecycle.delete(project_id)

    def listen_deletions(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` called with the id of each project that this process notices to be deleted."""
        self._open_projects.listen(callback)

    async def notice_deletions(self) -> None:
        """Close the databases of projects that another process has deleted."""
        rows = select(projects.c.id, projects.c.created_at)
        there = await self.database.read(
            lambda connection: {row.id: row.created_at for row in connection.execute(rows)},
            lane="identities",
        )
        for project_id, created_at in self._open_projects.created_at().items():
            if there.get(project_id) != created_at:
                self._open_projects.forget(project_id)

    async def finish_creations(self) -> None:
        """Make the databases of new projects that have none yet."""
        for project_id in await self.lifecycle.unfinished_creations():
            store = await self.project(project_id)
            if store is not None:
                await store.database.wake()
                await self.lifecycle.created(project_id)

    async def empty_trash(self) -> None:
        """Delete for good what the sweeps of object storage took long ago."""
        await self._object_store.empty_trash(day_of(now() - self.settings.trash_max_age * 1000))

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
        return await self.database.write(
            lambda transaction: insert_api_key(transaction.connection, owner, name, listed, expires, key_id)
        )

    async def create_dev_key(self, project_id: str, name: str, expires: int) -> str:
        """Create a dev key of a project that lasts until ``expires`` (milliseconds); return its secret.

        Raises :class:`TidewireError` ``project_not_found``.
        """
        await self._existing(project_id)

        def unit(transaction: Transaction) -> DevKey:
            return insert_dev_key(transaction.connection, self.encryption, project_id, name, expires)

        return self.encryption.open((await self.database.write(unit)).sealed_secret)

    async def _existing(self, project_id: str) -> Project:
        store = await self.project(project_id)
        if store is None:
            raise TidewireError("project_not_found", f"There is no project {project_id!r}.")
        return store.project

    def _make_database(self, project_id: str) -> tuple[Database, IdentityCache]:
        database = Database(
            database_path(self._directory, project_id),
            project_id,
            self._workers,
            synchronous=self.settings.synchronous,
            encryption=self.encryption,
            create=False,
            due=self._due,
            keeper=self,
            list_bytes=self.settings.list_bytes_max,
        )
        return database, IdentityCache(database, self.jwt_secret)

    def _report(self, project_id: str, error: StoreError) -> None:
        """Log that a project cannot be opened, not more often than it makes sense to read it."""
        reported = self._reported.get(project_id)
        if reported is None or time.monotonic() - reported > _REPORT_SECONDS:
            self._reported[project_id] = time.monotonic()
            _log.error("a project is refused", project=project_id, reason=str(error))

    def _objects(self, project_id: str) -> ObjectStorage:
        return ObjectStorage(
            self._object_store,
            project_id,
            durable=self.settings.synchronous == "full",
            keys=FileKeys(self._file_secrets, project_id),
        )


def _nobody(_project_id: str) -> None:
    """The listener to commits while there is none: it does nothing."""
