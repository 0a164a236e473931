"""Control groups of the kernel: memory, tasks and processor time of a program and all that it starts.

Used where the server may write them: as root, or where its group was delegated to it. Both versions of the
kernel's interface are known. Elsewhere nothing is bounded by them, and the sandbox's own bounds hold.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidewire.functions.specifications import Specification

_SYSTEM: Final = Path("/sys/fs/cgroup")
_PERIOD: Final = 100_000
"""Microseconds over which processor time is counted."""
_JOIN: Final = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"'
_numbers: Final = itertools.count()
"""Numbers for the names of the groups that this process makes."""
_CONTROLLERS: Final = ("memory", "pids", "cpu")


@dataclass(frozen=True)
class Hierarchies:
    """The places where groups are made: one folder (version 2), or one for each controller (version 1)."""

    version: int
    folders: dict[str, Path]


class ControlGroup:
    """The group of one program; perhaps none."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._folders = list(folders)

    def joining(self) -> list[str]:
        """What stands before a command so that it joins the group before anything else of it runs."""
        if not self._folders:
            return []
        return ["sh", "-c", _JOIN, "join", *(str(folder / "cgroup.procs") for folder in self._folders), "--"]

    def kill_and_remove(self) -> None:
        """End what still runs in it. Blocks for milliseconds."""
        for _ in range(50):
            left = [
                int(line) for folder in self._folders[:1] for line in _read(folder / "cgroup.procs").split()
            ]
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            time.sleep(0.01)
        self.remove()

    def remove(self) -> None:
        """Forget an empty group."""
        for folder in self._folders:
            with suppress(OSError):
                folder.rmdir()


class ControlGroups:
    """Makes a group for each program, where the machine lets us."""

    def __init__(self, hierarchies: Hierarchies | None) -> None:
        self._hierarchies = hierarchies

    @property
    def available(self) -> bool:
        """Whether groups can be made."""
        return self._hierarchies is not None

    def create(self, specification: Specification, tasks: int) -> ControlGroup:
        """A new group with the bounds of a specification; an empty one where there are none."""
        if self._hierarchies is None:
            return ControlGroup()
        name = f"tidewire-{os.getpid()}-{next(_numbers)}"
        folders = {controller: folder / name for controller, folder in self._hierarchies.folders.items()}
        group = ControlGroup(dict.fromkeys(folders.values()))
        try:
            for folder in dict.fromkeys(folders.values()):
                folder.mkdir()
            for controller, file, value in _bounds(self._hierarchies.version, specification, tasks):
                (folders[controller] / file).write_text(value)
        except OSError:
            group.remove()
            return ControlGroup()
        return group


def find_hierarchies() -> Hierarchies | None:
    """Return where this process may make groups with all controllers; None: nowhere."""
    own = dict(
        line.split(":", 2)[1:]
        for line in _read(Path("/proc/self/cgroup")).splitlines()
        if line.count(":") >= 2
    )
    if (_SYSTEM / "cgroup.controllers").exists():
        base = _SYSTEM / own.get("", "/").lstrip("/")
        with suppress(OSError):
            (base / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _CONTROLLERS))
        found = Hierarchies(2, dict.fromkeys(_CONTROLLERS, base))
    else:
        paths = {name: path for names, path in own.items() for name in names.split(",")}
        folders = {name: _SYSTEM / name / paths.get(name, "/").lstrip("/") for name in _CONTROLLERS}
        found = Hierarchies(1, folders)
    _remove_left_over(found)
    trial = ControlGroups(found).create(Specification("trial", 1, 64), 8)
    works = bool(trial.joining())
    trial.remove()
    return found if works else None


def _bounds(version: int, specification: Specification, tasks: int) -> list[tuple[str, str, str]]:
    memory = str(specification.memory * 2**20)
    quota = str(int(specification.cpus * _PERIOD))
    if version == 2:
        return [
            ("memory", "memory.max", memory),
            ("pids", "pids.max", str(tasks)),
            ("cpu", "cpu.max", f"{quota} {_PERIOD}"),
        ]
    return [
        ("memory", "memory.limit_in_bytes", memory),
        ("pids", "pids.max", str(tasks)),
        ("cpu", "cpu.cfs_period_us", str(_PERIOD)),
        ("cpu", "cpu.cfs_quota_us", quota),
    ]


def _remove_left_over(hierarchies: Hierarchies) -> None:
    """Groups of servers that were killed."""
    for base in set(hierarchies.folders.values()):
        for folder in base.glob("tidewire-*-*"):
            if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
                with suppress(OSError):
                    folder.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
