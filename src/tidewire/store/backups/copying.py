"""Copying files with their digests, so that they are on the disk when it returns."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import IO, BinaryIO, Final

from tidewire.store.backups.manifest import BackupError, FileEntry

_PIECE: Final = 1024 * 1024


class Digesting:
    """A file that is read, and the digest of what was."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._size = 0

    def read(self, size: int = _PIECE) -> bytes:
        """The next bytes."""
        piece = self._file.read(size)
        self._sha256.update(piece)
        self._size += len(piece)
        return piece

    @property
    def entry(self) -> FileEntry:
        """Size and digest of what was read."""
        return FileEntry(self._size, self._sha256.hexdigest())


def open_plain(path: Path) -> BinaryIO:
    """Open a file of a backup for reading; raises OSError for links, pipes and devices."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BackupError(f"{path} is no plain file")
    return file


def write_file(source: IO[bytes], path: Path) -> FileEntry:
    """Write all of ``source`` to the new file ``path``, whose directory is made if needed."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    reading = Digesting(source)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        while piece := reading.read():
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return reading.entry


def digest(path: Path) -> FileEntry:
    """Read a file and wait until it is on the disk."""
    with open_plain(path) as file:
        reading = Digesting(file)
        while reading.read():
            continue
        os.fsync(file.fileno())
    return reading.entry


def sync_directories(top: Path) -> None:
    """Wait until the names in ``top`` and all directories below it are on the disk."""
    for directory, _, _ in os.walk(top):
        sync_directory(Path(directory))


def sync_directory(path: Path) -> None:
    """Wait until the names in one directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
