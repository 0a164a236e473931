"""A backup in one file: a tar archive (POSIX.1-2001, pax), compressed or not; the manifest comes last."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Final, cast

from tidewire.core.time import now
from tidewire.store.backups.copying import Digesting, sync_directory, write_file
from tidewire.store.backups.manifest import (
    MANIFEST_NAME,
    OBJECTS,
    BackupError,
    FileEntry,
    Manifest,
    is_file_of_backup,
    read_manifest,
    write_manifest,
)

_COMPRESSED: Final = (".tar.gz", ".tgz")
_MANIFEST_BYTES: Final = 4 * 1024**3


def is_archive_name(path: Path) -> bool:
    """Whether a backup to ``path`` is one file."""
    return path.name.endswith((".tar", *_COMPRESSED))


class NewArchive:
    """An archive in the making, beside the place where it will be."""

    def __init__(self, path: Path, staging: Path) -> None:
        self._path = path
        self.staging = staging
        self._file = (staging / "archive").open("xb")
        file, pax = self._file, tarfile.PAX_FORMAT
        if path.name.endswith(_COMPRESSED):
            self._tar = tarfile.open(fileobj=file, mode="w:gz", format=pax)  # noqa: SIM115 - finish closes it
        else:
            self._tar = tarfile.open(fileobj=file, mode="w:", format=pax)  # noqa: SIM115 - finish closes it
        self.copied = 0
        """Objects."""

    def take(self, name: str) -> FileEntry:
        """Add a file that was made below the staging directory."""
        entry = self.add(name, self.staging / name)
        (self.staging / name).unlink()
        return entry

    def add(self, name: str, source: Path) -> FileEntry:
        """Add a file."""
        with source.open("rb") as file:
            reading = Digesting(file)
            self._member(name, os.fstat(file.fileno()).st_size, reading)
        self.copied += name.startswith(OBJECTS)
        return reading.entry

    def finish(self, manifest: Manifest) -> None:
        """Make it a backup: it has its name then."""
        content = write_manifest(manifest)
        self._member(MANIFEST_NAME, len(content), Digesting(BytesIO(content)))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        (self.staging / "archive").rename(self._path)
        sync_directory(self._path.parent)

    def close(self) -> None:
        """Let go of the file, finished or not."""
        self._file.close()

    def _member(self, name: str, size: int, content: Digesting) -> None:
        member = tarfile.TarInfo(name)
        member.size = size
        member.mode = 0o600
        member.mtime = now() // 1000
        self._tar.addfile(member, cast("IO[bytes]", content))


@contextmanager
def new_archive(path: Path) -> Iterator[NewArchive]:
    """Begin an archive; what is left of it without :meth:`NewArchive.finish` is removed.

    Raises :class:`BackupError` if there is something at ``path`` already.
    """
    if path.exists():
        raise BackupError(f"{path} exists already: name another file")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        archive = NewArchive(path, staging)
        try:
            yield archive
        finally:
            archive.close()
    finally:
        shutil.rmtree(staging)


def unpack(path: Path, target: Path) -> Manifest:
    """Write all files of an archive below ``target``; return its manifest.

    Digests are compared. Raises :class:`BackupError` if it is damaged or no backup; only members that are
    plain files with names of a backup's files are ever written.
    """
    try:
        return _unpack(path, target)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupError(f"the backup {path} is damaged: {error}") from error


def _unpack(path: Path, target: Path) -> Manifest:
    found: dict[str, FileEntry] = {}
    manifest: Manifest | None = None
    with tarfile.open(path, "r|*") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or manifest is not None:
                raise BackupError(
                    f"the backup {path} is damaged: its member {member.name!r} is not of a backup"
                )
            if member.name == MANIFEST_NAME and member.size <= _MANIFEST_BYTES:
                manifest = read_manifest(content.read())
            elif is_file_of_backup(member.name) and member.name not in found:
                found[member.name] = write_file(content, target / member.name)
            else:
                raise BackupError(
                    f"the backup {path} is damaged: its member {member.name!r} is not of a backup"
                )
    if manifest is None:
        raise BackupError(f"{path} is not a whole backup of Tidewire: it has no manifest")
    for name in sorted(found.keys() | manifest.files.keys()):
        if found.get(name) != manifest.files.get(name):
            raise BackupError(f"the backup {path} is damaged: {name} is not what its manifest says")
    return manifest
