"""Making a backup, while a server writes or while none runs.

The databases are copied first, each as it is at one moment, then the objects that these copies refer to.
Objects never change, and none is deleted meanwhile; so whatever is in a copied database is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import select, union

from tidewire.store.backups.manifest import (
    OBJECTS,
    BackupError,
    FileEntry,
    Manifest,
    Missing,
    database_name,
    is_file_of_backup,
)
from tidewire.store.engine.files import (
    CopyError,
    DamagedError,
    Look,
    OpenFile,
    Synchronous,
    checked_copy,
    copy_database,
)
from tidewire.store.engine.migration import INSTANCE, PROJECT
from tidewire.store.errors import StoreError
from tidewire.store.instance.data_directory import database_path
from tidewire.store.instance.deletion_lock import nothing_deleted
from tidewire.store.instance.lifecycle import CREATION
from tidewire.store.records.deletions import REFERENCES
from tidewire.store.records.due import DueProjects
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.schema import projects, state
from tidewire.store.secrets.secret_file import SECRETS_NAME

_PROJECTS: Final = select(projects.c.id)
_STATES: Final = select(state.c.name)
_KEYS: Final = union(*(select(column) for column in REFERENCES))


class Target(Protocol):
    """A target: where a backup goes."""

    staging: Path
    """Copies of databases are made below it."""

    def take(self, name: str) -> FileEntry:
        """Add a file that was made below :attr:`staging`."""

    def add(self, name: str, source: Path) -> FileEntry:
        """Add a copy of a file. Raises FileNotFoundError if there is none."""


class Watcher(Protocol):
    """A watcher is told how far a backup is."""

    def begin(self, what: str, total: int) -> None:
        """Something begins that has ``total`` parts."""

    def reached(self, done: int) -> None:
        """Note how many of the parts are done."""


def back_up(directory: Path, target: Target, watcher: Watcher, synchronous: Synchronous) -> Manifest:
    """Copy the instance in the data directory ``directory`` to ``target``; return what was copied.

    Databases and objects that are damaged or missing are left out and named in the manifest. Waits for
    another backup of the same directory. Raises OSError if the instance's database or the secrets cannot be
    read, or the target cannot be written to.
    """
    backup = _Backup(directory, target, watcher, synchronous)
    with nothing_deleted(directory):
        listed, made = backup.platform()
        for project_id in listed:
            backup.project(project_id, may_be_missing=project_id not in made)
        backup.outbox()
        backup.manifest.files[SECRETS_NAME] = target.add(SECRETS_NAME, directory / SECRETS_NAME)
    return backup.manifest


class _Backup:
    def __init__(self, directory: Path, target: Target, watcher: Watcher, synchronous: Synchronous) -> None:
        self._directory = directory
        self._target = target
        self._watcher = watcher
        self._synchronous: Synchronous = synchronous
        self.manifest: Final = Manifest({}, [])

    def platform(self) -> tuple[list[str], set[str]]:
        """Copy the platform; return all projects, and those whose databases must have been made."""
        with self._copied(CONSOLE_PROJECT_ID) as copy:
            listed = [row[0] for row in copy(_PROJECTS)]
            being_made = {row[0].removeprefix(CREATION) for row in copy(_STATES)}
            keys = _keys(copy)
        self._take(CONSOLE_PROJECT_ID, keys)
        return listed, set(listed) - being_made

    def project(self, project_id: str, *, may_be_missing: bool) -> None:
        """Copy a project; note it if its database is damaged or missing."""
        if may_be_missing and not database_path(self._directory, project_id).exists():
            return  # the next start makes it
        try:
            with self._copied(project_id) as copy:
                keys = _keys(copy)
        except BackupError:
            raise
        except StoreError as error:
            reason = str(error).partition("\n")[0]  # what follows is an address of SQLAlchemy's manual
            self.manifest.missing.append(Missing(database_name(project_id), reason))
            (self._target.staging / database_name(project_id)).unlink(missing_ok=True)
            return
        self._take(project_id, keys)

    def outbox(self) -> None:
        """Copy the messages that nothing carried."""
        for path in sorted((self._directory / "outbox").glob("*.eml")):
            name = f"outbox/{path.name}"
            if is_file_of_backup(name):
                self._add(name, path, needed=False)

    def _take(self, project_id: str, keys: list[str]) -> None:
        name = database_name(project_id)
        self.manifest.files[name] = self._target.take(name)
        self._watcher.begin(f"files of {project_id}", len(keys))
        for number, key in enumerate(keys, 1):
            self._add(OBJECTS + key, self._directory / OBJECTS / key, needed=True)
            self._watcher.reached(number)

    def _add(self, name: str, path: Path, *, needed: bool) -> None:
        try:
            self.manifest.files[name] = self._target.add(name, path)
        except FileNotFoundError:
            if needed:
                self.manifest.missing.append(Missing(name, "it is missing in object storage"))

    @contextmanager
    def _copied(self, project_id: str) -> Iterator[Look]:
        """A copy of a database below the staging directory, checked, open for reading.

        Raises :class:`BackupError` if it cannot be written; StoreError if the database is damaged or missing.
        """
        copy = self._target.staging / database_name(project_id)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_platform = project_id == CONSOLE_PROJECT_ID
        file = OpenFile(
            database_path(self._directory, project_id),
            project_id,
            self._synchronous,
            (PROJECT, INSTANCE) if is_platform else (PROJECT,),
            create=False,
            due=None if is_platform else DueProjects(self._directory),
        )
        what = f"database of {project_id}"
        self._watcher.begin(what, 0)

        def report(done: int, total: int) -> None:
            self._watcher.begin(what, total)
            self._watcher.reached(done)

        try:
            copy_database(file, copy, report)
        except CopyError as error:
            message = f"the copy of the database of {project_id} cannot be written: {error}"
            raise BackupError(message) from error
        finally:
            file.close()
        try:
            with checked_copy(copy) as look:
                yield look
        except DamagedError as error:
            raise StoreError(f"the database {database_path(self._directory, project_id)}: {error}") from error


def _keys(copy: Look) -> list[str]:
    return sorted(row[0] for row in copy(_KEYS) if row[0])  # a deployment that is not built has no output
