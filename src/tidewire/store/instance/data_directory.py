"""The data directory of an instance: where things are, and how it begins."""

from __future__ import annotations

from pathlib import Path

from tidewire.core.ids import is_id
from tidewire.store.engine.files import DATABASE_NAME
from tidewire.store.errors import StoreError
from tidewire.store.machine.file_systems import require_local
from tidewire.store.machine.locks import locked
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.secrets.secret_file import SECRETS_NAME, Secrets, load_secrets


def database_path(directory: Path, project_id: str) -> Path:
    """The path of a project's database. Raises :class:`StoreError` if ``project_id`` is no id."""
    if not is_id(project_id):
        raise StoreError(f"{project_id!r} is not the id of a project")
    return directory / "projects" / project_id / DATABASE_NAME


def prepare_directory(directory: Path, *, create: bool, allow_network: bool) -> Secrets:
    """Make the directory if there is none and ``create``; return its secrets.

    Raises :class:`StoreError` if there is none, if it lacks its secrets, or if it is on a network file system
    and not ``allow_network``; other OSErrors as they come.
    """
    if not create and not (directory / SECRETS_NAME).exists() and not _holds_data(directory):
        raise StoreError(f"there is no data directory at {directory}; `tidewire serve` makes one")
    require_local(directory, allow_network=allow_network)
    if (directory / "projects").is_symlink():
        require_local(directory / "projects", allow_network=allow_network)
    # The modes count for what is inside if somebody made the directory with a wider one.
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "projects").mkdir(mode=0o700, exist_ok=True)
    with locked(directory / "lock"):
        return load_secrets(directory / SECRETS_NAME, create=not _holds_data(directory))


def _holds_data(directory: Path) -> bool:
    """Whether this is, or was, the data directory of an instance."""
    return database_path(directory, CONSOLE_PROJECT_ID).exists() or any(
        entry.is_dir() for entry in directory.glob("projects/*") if entry.name != CONSOLE_PROJECT_ID
    )
