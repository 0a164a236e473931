"""When something is to be done in a project that nobody has open.

The directory ``due`` has a file for each project that was ever opened. Its content is the time, milliseconds
since the epoch; 0 while the project is open; ``never`` if it was closed with nothing left to be done. It says
0 before anything can be committed, so that after a crash the projects that were open are found. Where it says
never, or there is no file, a start need not look into the project's database.

Files stay, and are written over as they are: to make one, where many were deleted just now, takes some file
systems as long as everything else that opening a database does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import bindparam, func, or_, select

from tidewire.core.ids import is_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.event_log import last_offset
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.records.descriptions import any_unfinished
from tidewire.store.records.message_deliveries import next_delivery_at
from tidewire.store.schema import (
    deployments,
    execution_jobs,
    functions,
    outgoing_messages,
    presences,
    webhooks,
)

OPEN: Final = 0
"""Stands in place of a time if the project is open, or was when its process was killed."""
_NEVER: Final = "never"
_WIDTH: Final = 16
"""The bytes of each note: all have as many, so that one covers the other."""

_MESSAGES: Final = Prepared(
    select(func.min(outgoing_messages.c.next_attempt_at)).where(outgoing_messages.c.state == "waiting")
)
_WEBHOOKS: Final = Prepared(
    select(func.min(webhooks.c.next_attempt_at)).where(
        webhooks.c.enabled, webhooks.c.position < bindparam("last")
    )
)
_PRESENCES: Final = Prepared(select(func.min(presences.c.expires_at)))

_BUILDS: Final = Prepared(
    select(deployments.c.sequence)
    .where(
        or_(deployments.c.status == "waiting", deployments.c.status == "building"),
        deployments.c.chunks_uploaded == deployments.c.chunks_total,
    )
    .limit(1)
)
_JOBS: Final = Prepared(select(func.min(execution_jobs.c.due_at)))
_SCHEDULES: Final = Prepared(
    select(func.min(functions.c.schedule_next_at)).where(functions.c.schedule_next_at > 0)
)

_log = structlog.get_logger("tidewire.store")


def due_at(connection: Connection) -> int | None:
    """The time at which something is next to be done in a project, now or earlier if at once; None: never."""
    times = [
        _MESSAGES.fetch(connection, {})[0][0],
        _WEBHOOKS.fetch(connection, {"last": last_offset(connection)})[0][0],
        _PRESENCES.fetch(connection, {})[0][0],
        now() if any_unfinished(connection) or _BUILDS.fetch(connection, {}) else None,
        _JOBS.fetch(connection, {})[0][0],
        _SCHEDULES.fetch(connection, {})[0][0],
        next_delivery_at(connection),
    ]
    return min((max(1, time) for time in times if time is not None), default=None)


class DueProjects:
    """The notes of one data directory, a file for each project."""

    def __init__(self, data_dir: Path, name: str = "due") -> None:
        self._directory = data_dir / name

    def prepare(self, project_ids: Sequence[str]) -> None:
        """Make the directory if there is none; then something may be due in each of the projects."""
        if self._directory.is_dir():
            return
        # Under another name until all are in it: a crash must not leave half of them.
        new = DueProjects(self._directory.parent, "due.new")
        for project_id in project_ids:
            new.opened(project_id)
        new._directory.mkdir(mode=0o700, exist_ok=True)
        new._directory.rename(self._directory)

    def opened(self, project_id: str) -> None:
        """Note that a project is about to be opened."""
        try:
            self._write(project_id, OPEN, os.O_CREAT)
        except FileNotFoundError:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._write(project_id, OPEN, os.O_CREAT)

    def closed(self, project_id: str, due_at: int | None) -> None:
        """Note that a project was closed by the last process that had it open."""
        with suppress(FileNotFoundError):  # the project was deleted
            self._write(project_id, due_at)

    def deleted(self, project_id: str) -> None:
        """Forget a project."""
        self._path(project_id).unlink(missing_ok=True)

    def due_at(self, connection: Connection) -> int | None:
        """The time at which something is next to be done in the project: :func:`due_at`."""
        return due_at(connection)

    def read(self) -> dict[str, int]:
        """The times at which something is due, by project; :data:`OPEN` for those that are open or were."""
        found: dict[str, int] = {}
        with suppress(FileNotFoundError):
            for path in self._directory.iterdir():
                time = _time(path) if is_id(path.name) else None
                if time is not None:
                    found[path.name] = time
        return found

    def _path(self, project_id: str) -> Path:
        return self._directory / project_id

    def _write(self, project_id: str, time: int | None, create: int = 0) -> None:
        note = (_NEVER if time is None else str(time)).ljust(_WIDTH).encode()
        try:
            descriptor = os.open(self._path(project_id), os.O_WRONLY | os.O_CLOEXEC | create, 0o600)
            try:
                os.pwrite(descriptor, note, 0)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            # A full disk must not keep a database from being opened: maintenance comes by all the same.
            _log.warning("what is due is not noted", project=project_id, error=str(error))


def _time(path: Path) -> int | None:
    try:
        note = path.read_text(encoding="ascii").strip()
        return None if note == _NEVER else int(note)
    except (OSError, ValueError):
        return OPEN  # torn by a crash, or just being written
