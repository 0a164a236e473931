"""A folder for what lives as long as the server does: unpacked code, builds, sockets."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "engine-"
_LOCK: Final = ".lock"


class Scratch:
    """One folder below ``parent``, of this process alone. What killed processes left there is deleted.

    Blocks. Raises OSError.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        parent.chmod(0o711)
        for number in itertools.count():
            self.path = parent.resolve() / f"{_PREFIX}{number}"
            make_folder(self.path, 0o711)
            lock = _locked(self.path)
            if lock is not None:
                self._lock = lock
                break
        for folder in parent.glob(f"{_PREFIX}*"):
            lock = None if folder.name == self.path.name else _locked(folder)
            if lock is not None:
                remove_tree(folder)
                os.close(lock)
        for left in self.path.iterdir():
            if left.name != _LOCK:
                remove_tree(left)
        self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        """A descriptor of the folder: ``/proc/self/fd/N/name`` is a short path, as unix sockets need it."""

    def close(self) -> None:
        """Delete it."""
        os.close(self.descriptor)
        remove_tree(self.path)
        os.close(self._lock)


def make_folder(path: Path, mode: int) -> None:
    """Make a folder, if there is none, with these rights whatever the umask is: code runs as another user."""
    path.mkdir(exist_ok=True)
    path.chmod(mode)


def remove_tree(folder: Path) -> None:
    """Delete a folder or file, also where code took rights away. Blocks; what cannot be deleted is left."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, folders, _ in os.walk(folder):
            for name in (".", *folders):
                with suppress(OSError):
                    os.chmod(os.path.join(parent, name), 0o700)  # noqa: PTH101, PTH118
        shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> int | None:
    """A lock on the folder, which ends with this process; None when another process holds it."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
