"""Which file system a path is on, as the kernel lists the mounts of this process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

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
