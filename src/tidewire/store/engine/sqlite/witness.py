"""Witnesses of a database file: whether it is the one that this program left here, or was put back from a
copy.

A copy brings along what is written in the files, not what the file system notes of them: the numbers of their
inodes, and the times of their last changes (ctime), which no program can set. So the database keeps in itself
what is noted of a companion file that is never written to (:func:`origin`), and the lock file beside it keeps
what was noted of the database when it was closed (:func:`note_closed`), or of its write-ahead log while it
was written to (:func:`note_writing`).

Moving the directory within its file system changes none of it, and neither does starting the machine again.
What puts a whole disk back, the notes of its file systems with it, cannot be seen.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidewire.store.machine.file_systems import type_at

_LONGEST_NOTE: Final = 256
_WRITING: Final = b"writing "
_WITH_SUBVOLUMES: Final = frozenset({"btrfs", "zfs"})
"""File systems on which a snapshot that is put back is a volume of its own, with the same inodes and
times."""
_types: Final[dict[int, str]] = {}
"""The types of file systems by the number of their device: to find one out takes longer than to open a
database."""


def origin(path: Path, companion: Path) -> str:
    """Return what a copy of the database at ``path`` and of its ``companion`` would not have."""
    database, noted = path.stat(), companion.stat()
    type_ = _types.get(database.st_dev)
    if type_ is None:
        type_ = _types[database.st_dev] = type_at(path)
    volume = os.statvfs(path).f_fsid if type_ in _WITH_SUBVOLUMES else 0
    return f"{database.st_ino}:{noted.st_ino}:{noted.st_ctime_ns}:{volume}"


def note_closed(lock: int, path: Path) -> None:
    """Note in the lock file how the database file was left; nobody has it open any more."""
    left = _left(path)
    if os.pread(lock, _LONGEST_NOTE, 0) != left:
        _note(lock, left)


def note_writing(lock: int, path: Path) -> None:
    """Note that what is written stands in a write-ahead log, without which the database is not whole."""
    log = _log_of(path)
    if log.exists():
        _note(lock, _writing(log))
    else:
        note_nothing(lock)


def note_nothing(lock: int) -> None:
    """Forget how the database file was left: it is about to change."""
    if os.fstat(lock).st_size:
        os.ftruncate(lock, 0)


def is_noted_as_written(lock: int) -> bool:
    """Whether the lock file says that something written stands in a log, whichever process wrote it."""
    return os.pread(lock, len(_WRITING), 0) == _WRITING


def is_as_left(lock: int, path: Path) -> bool:
    """Whether the database file, which nobody has open, is as its last user left it.

    After an end without closing that is not known exactly. But its write-ahead log is still there; and
    writing gives a file the same time of its content and of its last change, what programs that put files
    back with their old times cannot.
    """
    note = os.pread(lock, _LONGEST_NOTE, 0)
    if not _times_agree(os.fstat(lock)):
        return False
    if note.startswith(_WRITING):
        log = _log_of(path)
        # The times of the log itself say nothing: SQLite changes its owner whenever root opens it.
        return log.exists() and note == _writing(log) and _times_agree(path.stat())
    return note == _left(path) if note else _times_agree(path.stat())


def _note(lock: int, note: bytes) -> None:
    os.ftruncate(lock, 0)
    with suppress(OSError):  # the disk is full: nothing is known exactly then
        os.pwrite(lock, note, 0)


def _left(path: Path) -> bytes:
    file = path.stat()
    return b"closed %d %d %d" % (file.st_ino, file.st_size, file.st_ctime_ns)


def _writing(log: Path) -> bytes:
    return b"%b%d" % (_WRITING, log.stat().st_ino)


def _times_agree(file: os.stat_result) -> bool:
    return file.st_mtime_ns == file.st_ctime_ns


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")
