"""Backups in a directory: ``runs/<time>/`` for each, and the objects of all of them in ``objects/``.

A run is there once its directory has its name, which is given last. An object that is there is not copied
again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from tidewire.store.backups.copying import digest, open_plain, sync_directories, sync_directory, write_file
from tidewire.store.backups.manifest import (
    MANIFEST_NAME,
    OBJECTS,
    BackupError,
    FileEntry,
    Manifest,
    read_manifest,
    write_manifest,
)

_RUNS: Final = "runs"
_LOCK: Final = "lock"
_UNFINISHED: Final = ".part"


class Runs:
    """The backups in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs = directory / _RUNS

    def names(self) -> list[str]:
        """The names of the runs that are whole, the oldest first."""
        if not self._runs.is_dir():
            return []
        return sorted(entry.name for entry in self._runs.iterdir() if (entry / MANIFEST_NAME).is_file())

    def manifest(self, run: str) -> Manifest:
        """What a run holds. Raises :class:`BackupError` as :func:`read_manifest` does."""
        with open_plain(self._runs / run / MANIFEST_NAME) as file:
            return read_manifest(file.read())

    def open_file(self, run: str, name: str) -> BinaryIO:
        """A file of a run."""
        base = self._directory if name.startswith(OBJECTS) else self._runs / run
        return open_plain(base / name)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing is removed meanwhile. Raises :class:`BackupError` while a backup is made."""
        try:
            descriptor = os.open(self._directory / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # of a copy of the directory
            yield
            return
        with _locked(descriptor, fcntl.LOCK_SH, self._directory):
            yield

    @contextmanager
    def new_run(self) -> Iterator[NewRun]:
        """Begin a run; what is left of it without :meth:`NewRun.finish` is removed.

        Raises :class:`BackupError` if the directory holds something else, or another backup is under way.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._runs.is_dir() and any(self._directory.iterdir()):
            raise BackupError(f"{self._directory} is not empty and holds no backups: name another directory")
        descriptor = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with _locked(descriptor, fcntl.LOCK_EX, self._directory):
            self._runs.mkdir(mode=0o700, exist_ok=True)
            self._remove_unfinished()
            try:
                known: dict[str, FileEntry] = {}
                for run in self.names():
                    with suppress(BackupError):  # what it says of objects cannot be read: they are copied
                        known |= self.manifest(run).files
                yield NewRun(self._directory, self._runs, known)
            finally:
                self._remove_unfinished()

    def prune(self, keep: int) -> int:
        """Remove all runs but the last ``keep``, and the objects that none refers to; return how many runs.

        To be called within :meth:`new_run`, after the run was finished.
        """
        names = self.names()
        kept: set[str] = set()
        for name in names[-keep:]:
            kept.update(self.manifest(name).files)
        for name in (removed := names[:-keep]):
            (self._runs / name).rename(self._runs / (name + _UNFINISHED))
        self._remove_unfinished()
        for parent, _, files in os.walk(self._directory / OBJECTS):
            for file in files:
                path = Path(parent, file)
                if path.relative_to(self._directory).as_posix() not in kept:
                    path.unlink()
        return len(removed)

    def _remove_unfinished(self) -> None:
        for path in self._runs.glob("*" + _UNFINISHED):
            shutil.rmtree(path)


class NewRun:
    """A run in the making."""

    def __init__(self, directory: Path, runs: Path, known: dict[str, FileEntry]) -> None:
        self._directory = directory
        self._runs = runs
        self._known = known
        moment = datetime.now(UTC)
        self.name: Final = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"
        self.staging = runs / (self.name + _UNFINISHED)
        self.staging.mkdir(mode=0o700)
        self.copied = 0
        """Objects that no run before had."""

    def take(self, name: str) -> FileEntry:
        """Add a file that was made below the staging directory."""
        return digest(self.staging / name)

    def add(self, name: str, source: Path) -> FileEntry:
        """Add a file; an object that an earlier run has is there already."""
        if not name.startswith(OBJECTS):
            with source.open("rb") as file:
                return write_file(file, self.staging / name)
        path = self._directory / name
        known = self._known.get(name)
        if known is not None and path.is_file() and path.stat().st_size == known.size:
            return known
        unfinished = self.staging / "object"
        with source.open("rb") as file:
            unfinished.unlink(missing_ok=True)
            entry = write_file(file, unfinished)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.replace(path)
        self.copied += 1
        return entry

    def finish(self, manifest: Manifest) -> None:
        """Make it a backup: everything is on the disk then."""
        write_file(BytesIO(write_manifest(manifest)), self.staging / MANIFEST_NAME)
        if (self._directory / OBJECTS).is_dir():
            sync_directories(self._directory / OBJECTS)
        sync_directory(self._directory)
        sync_directories(self.staging)
        self.staging.rename(self._runs / self.name)
        sync_directory(self._runs)


@contextmanager
def _locked(descriptor: int, kind: int, directory: Path) -> Iterator[None]:
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(
                f"another command uses the backups in {directory}: wait until it ends"
            ) from None
        yield
    finally:
        os.close(descriptor)
