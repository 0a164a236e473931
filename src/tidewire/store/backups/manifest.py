"""What a backup holds: the names of its files as they are in a data directory, with their digests."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tidewire import __version__
from tidewire.core.time import format_datetime, now
from tidewire.store.engine.files import DATABASE_NAME
from tidewire.store.engine.migration import INSTANCE, PROJECT, Chain
from tidewire.store.errors import StoreError
from tidewire.store.records.projects import CONSOLE_PROJECT_ID
from tidewire.store.secrets.secret_file import SECRETS_NAME

FORMAT: Final = 1
"""The format of backups; a program refuses a backup with a higher one."""
MANIFEST_NAME: Final = "manifest.json"
OBJECTS: Final = "objects/"
"""What names of objects begin with."""
_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}"
_NAME: Final = re.compile(
    rf"projects/{_ID}/{re.escape(DATABASE_NAME)}|objects/{_ID}/[0-9]{{8}}/[0-9a-f]{{32}}"
    rf"|outbox/[A-Za-z0-9][A-Za-z0-9._-]*\.eml|{re.escape(SECRETS_NAME)}"
)
_CHAINS: Final[tuple[Chain, ...]] = (PROJECT, INSTANCE)


class BackupError(StoreError):
    """A backup that cannot be made or put back; the text says why, in one line."""


class FileEntry(msgspec.Struct, frozen=True):
    """A file of a backup."""

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


class Missing(msgspec.Struct, frozen=True):
    """A file that belongs to the instance, but could not be copied."""

    name: str
    reason: str


class Manifest(msgspec.Struct):
    """All that a backup holds."""

    files: dict[str, FileEntry]
    missing: list[Missing]
    format: int = FORMAT
    tidewire: str = __version__
    created: str = msgspec.field(default_factory=lambda: format_datetime(now()))
    revisions: dict[str, str] = msgspec.field(
        default_factory=lambda: {chain.name: chain.head for chain in _CHAINS}
    )
    """The revisions of the tables of the databases, by chain of migrations."""


class _Head(msgspec.Struct):
    format: int
    tidewire: str


def database_name(project_id: str) -> str:
    """Name of a project's database."""
    return f"projects/{project_id}/{DATABASE_NAME}"


def is_file_of_backup(name: str) -> bool:
    """Whether a file of this name can be in a backup: nothing else is ever read or written."""
    return _NAME.fullmatch(name) is not None


def write_manifest(manifest: Manifest) -> bytes:
    """The content of the manifest's file, JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def read_manifest(content: bytes) -> Manifest:
    """Read what :func:`write_manifest` made.

    Raises :class:`BackupError` if it is damaged, if a later version made it, or if it cannot be the backup of
    an instance.
    """
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.format > FORMAT:
            raise _of_later(head.tidewire)
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupError(f"the backup is damaged: its manifest cannot be read ({error})") from None
    for chain in _CHAINS:
        if manifest.revisions.get(chain.name, "") > chain.head:
            raise _of_later(manifest.tidewire)
    for name in manifest.files:
        if not is_file_of_backup(name):
            raise BackupError(f"the backup is damaged: its manifest names {name!r}")
    for name in (SECRETS_NAME, database_name(CONSOLE_PROJECT_ID)):
        if name not in manifest.files:
            raise BackupError(f"the backup is damaged: its manifest lacks {name}")
    return manifest


def require_known_tables(manifest: Manifest) -> None:
    """Refuse what was made before 0.1.0, whose tables no migration knows. Raises :class:`BackupError`."""
    if any(chain.name not in manifest.revisions for chain in _CHAINS):
        raise BackupError(
            "the backup was made by a Tidewire older than 0.1.0, whose databases cannot be read"
        )


def _of_later(version: str) -> BackupError:
    return BackupError(
        f"the backup was made by a later Tidewire ({version}; this is {__version__}): restore it with that"
    )
