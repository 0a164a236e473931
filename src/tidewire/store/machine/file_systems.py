"""Which file system a path is on, as the kernel lists the mounts of this process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import structlog

from tidewire.store.errors import StoreError

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "beegfs", "coda"}
)
"""Several machines may write there, and neither locks nor memory are shared among them as SQLite needs it."""
_PASSED_ON: Final = frozenset({"9p", "virtiofs"})
"""What stands behind these, and behind FUSE, is not known here."""
_log = structlog.get_logger("tidewire.store")

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def type_at(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that holds ``path``, such as ``ext4`` or ``nfs4``; empty: not known.

    ``mounts`` is the text of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)), read if not given. Of mounts
    over each other the last one counts.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    real = os.path.realpath(path)
    found, longest = "", -1
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, described = before.split(" "), after.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        below = point.rstrip("/") + "/"
        if (real == point or real.startswith(below)) and len(point) >= longest:
            found, longest = described[0], len(point)
    return found


def require_local(directory: Path, *, allow_network: bool, mounts: str | None = None) -> None:
    """Refuse a directory for databases that is on a network file system; warn where that is not known.

    Raises :class:`StoreError` unless ``allow_network``. ``mounts`` as in :func:`type_at`.
    """
    found = type_at(directory, mounts)
    if found in _NETWORK:
        if not allow_network:
            raise StoreError(
                f"the data directory {directory} is on a network file system ({found}), where SQLite loses "
                "data; use a local disk, or set network_file_systems if only one machine ever uses it"
            )
        _log.warning("the data directory is on a network file system", path=str(directory), type=found)
    elif found in _PASSED_ON or found.partition(".")[0] in {"fuse", "fuseblk"}:
        _log.warning(
            "the data directory is on a file system that may not lock and sync as SQLite needs it",
            path=str(directory),
            type=found,
        )
