"""``tidewire backup`` and ``restore``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tidewire.cli.options import fail, keep_private
from tidewire.logs import configure_logging
from tidewire.settings import Settings
from tidewire.store.backups.archive import is_archive_name, new_archive
from tidewire.store.backups.making import Target, back_up
from tidewire.store.backups.manifest import OBJECTS, Manifest
from tidewire.store.backups.restoring import restore
from tidewire.store.backups.runs import Runs
from tidewire.store.instance.data_directory import prepare_directory


class _Bar:
    """A bar on standard error, if somebody looks at it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def begin(self, what: str, total: int) -> None:
        self._progress.update(self._task, description=what, total=total or None, completed=0)

    def reached(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


@contextmanager
def _bar() -> Iterator[_Bar]:
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with progress:
        yield _Bar(progress)


def make_backup(settings: Settings, target: str, keep: int | None) -> None:
    """Back the data directory up to a directory or an archive. Exit code 1 if anything is not copied."""
    keep_private()
    configure_logging(settings.log_level)
    path = Path(target)
    directory = Path(settings.data_dir)
    if keep is not None and is_archive_name(path):
        fail("--keep is for directories: an archive holds one backup", code=2)
    if path.resolve().is_relative_to(directory.resolve()):
        fail(f"{target} is in the data directory: back it up to another place", code=2)
    pruned = 0
    try:
        prepare_directory(directory, create=False, allow_network=settings.network_file_systems)
        if is_archive_name(path):
            with new_archive(path) as archive:
                manifest = _made(settings, archive)
                archive.finish(manifest)
            copied, name = archive.copied, target
        else:
            runs = Runs(path)
            with runs.new_run() as run:
                manifest = _made(settings, run)
                run.finish(manifest)
                copied, name = run.copied, f"{target}, run {run.name}"
                # A run that lacks something does not take the place of one that has it.
                if keep is not None and not manifest.missing:
                    pruned = runs.prune(keep)
    except OSError as error:
        fail(f"cannot back up {directory} to {target}: {error}")
    objects = sum(name.startswith(OBJECTS) for name in manifest.files)
    projects = sum(name.startswith("projects/") for name in manifest.files) - 1
    size = sum(entry.size for entry in manifest.files.values())
    click.echo(
        f"backed up to {name}: {projects} projects, {objects} files ({copied} copied now), {size:,} bytes"
        + (f"; {pruned} older runs removed" if pruned else "")
    )
    _tell_missing(manifest)
    if manifest.missing:
        fail(f"the backup lacks {len(manifest.missing)} of what belongs to the instance")


def _made(settings: Settings, target: Target) -> Manifest:
    with _bar() as bar:
        return back_up(Path(settings.data_dir), target, bar, settings.synchronous)


def restore_backup(settings: Settings, source: str, run: str | None, *, replace: bool) -> None:
    """Make the data directory of a backup."""
    keep_private()
    configure_logging(settings.log_level)
    try:
        with _bar() as bar:
            done = restore(Path(source), Path(settings.data_dir), run, replace=replace, watcher=bar)
    except OSError as error:
        fail(f"cannot restore {source} to {settings.data_dir}: {error}")
    click.echo(f"restored {settings.data_dir} as it was at {done.manifest.created}")
    if done.moved_to is not None:
        click.echo(f"what was there before is now {done.moved_to}")
    _tell_missing(done.manifest)


def _tell_missing(manifest: Manifest) -> None:
    for missing in manifest.missing:
        click.echo(f"tidewire: not in the backup: {missing.name}: {missing.reason}", err=True)
