"""Putting a backup back: beside the data directory first, whose place it takes when it is whole."""

from __future__ import annotations

import errno
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tidewire.store.backups.archive import unpack
from tidewire.store.backups.copying import sync_directories, sync_directory, write_file
from tidewire.store.backups.making import Watcher
from tidewire.store.backups.manifest import BackupError, Manifest, require_known_tables
from tidewire.store.backups.runs import Runs
from tidewire.store.machine.serving import AlreadyServedError, ServingLock
from tidewire.store.secrets.secret_file import SECRETS_NAME

_STAGING: Final = ".restoring-"
_IGNORED: Final = frozenset({"lost+found"})


@dataclass(frozen=True)
class Restored:
    """What was done."""

    manifest: Manifest
    moved_to: Path | None
    """The place to which the data directory that was there before was moved; None: there was none."""


def restore(source: Path, data_dir: Path, run: str | None, *, replace: bool, watcher: Watcher) -> Restored:
    """Make the data directory ``data_dir`` of a backup, of its latest run if none is named.

    The directory must be absent or empty; with ``replace`` one that is not is moved aside. Every file is
    compared with its digest before anything is put in place. Raises OSError, mostly :class:`BackupError`, and
    leaves the data directory as it was.
    """
    place = data_dir.resolve()
    occupied = place.exists() and bool({entry.name for entry in place.iterdir()} - _IGNORED)
    is_mount = place.is_mount()
    if occupied and not replace:
        raise BackupError(
            f"{data_dir} is not empty: name another --data-dir, or have it moved aside with --replace"
        )
    if occupied and is_mount:
        raise BackupError(f"{data_dir} is a mount point, which cannot be moved aside: empty it first")
    if not occupied:
        return Restored(_put_in_place(source, place, run, watcher, inside=is_mount), None)
    try:
        lock = ServingLock(place)
    except AlreadyServedError as error:
        raise BackupError(str(error)) from None
    with closing(lock):
        aside = place.with_name(f"{place.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        return Restored(_put_in_place(source, place, run, watcher, aside=aside), aside)


def _put_in_place(
    source: Path,
    place: Path,
    run: str | None,
    watcher: Watcher,
    *,
    aside: Path | None = None,
    inside: bool = False,
) -> Manifest:
    parent = place if inside else place.parent
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = Path(
        tempfile.mkdtemp(prefix=f"{_STAGING if inside else f'.{place.name}{_STAGING}'}", dir=parent)
    )
    try:
        manifest = _read(source, staging, run, watcher)
        require_known_tables(manifest)
        sync_directories(staging)
        if inside:
            # Without its secrets a data directory is not taken for one.
            for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == SECRETS_NAME):
                entry.rename(place / entry.name)
        elif aside is None:
            _rename(staging, place)
        else:
            place.rename(aside)
            try:
                _rename(staging, place)
            except OSError:
                aside.rename(place)
                raise
        sync_directory(parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _rename(staging: Path, place: Path) -> None:
    try:
        staging.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise BackupError(f"{place} was used by somebody meanwhile") from None
        raise


def _read(source: Path, target: Path, run: str | None, watcher: Watcher) -> Manifest:
    if not source.is_dir():
        if run is not None:
            raise BackupError(f"{source} is one backup, without runs to choose from")
        watcher.begin("reading", 0)
        return unpack(source, target)
    runs = Runs(source)
    with runs.reading():
        names = runs.names()
        if not names:
            raise BackupError(f"{source} holds no backup of Tidewire that is whole")
        if run is not None and run not in names:
            raise BackupError(f"{source} has no run {run!r}; it has {', '.join(names)}")
        chosen = run or names[-1]
        manifest = runs.manifest(chosen)
        watcher.begin("files", len(manifest.files))
        for number, (name, entry) in enumerate(manifest.files.items(), 1):
            try:
                with runs.open_file(chosen, name) as file:
                    found = write_file(file, target / name)
            except FileNotFoundError:
                raise BackupError(f"the backup {source} is damaged: {name} is missing") from None
            if found != entry:
                raise BackupError(f"the backup {source} is damaged: {name} is not what its manifest says")
            watcher.reached(number)
    return manifest
