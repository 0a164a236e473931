"""Starts programs apart from the server: what they see, what they may use, how they end.

| | bubblewrap | namespaces | limits |
|---|---|---|---|
| files seen | the system's programs, the code, `/tmp` | the same | all that the user may read |
| code | read-only | read-only | of another user if the server is root, else writable |
| processes seen | its own | its own | all |
| network cut, where asked | yes | yes | no |
| tasks, memory of each, size of files, no environment of the server | bounded | bounded | bounded |
| ends with the server, and with its last call | all of it | all of it | what stays in its session |

A server that is started by root gives each program a user of its own: the number of processes of root is
never bounded. Without a control group that may be written (:mod:`tidewire.functions.groups`) memory is
bounded for each process alone, and a part of a processor is a whole one.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidewire.functions.confinement import (
    PATH,
    Cell,
    Place,
    bounded_command,
    confined_command,
    encoded_environment,
)
from tidewire.functions.contract import Isolation
from tidewire.functions.groups import ControlGroup, ControlGroups
from tidewire.functions.scratch import Scratch

_FIRST_USER: Final = 40_000
_USERS: Final = 100
"""For each engine of this machine, and so many programs that it runs at once."""
_BLOCKS: Final = 200


class Sandbox:
    """Starts programs with the best isolation that this machine offers."""

    def __init__(
        self, isolation: Isolation, scratch: Scratch, hidden: Sequence[Path], groups: ControlGroups
    ) -> None:
        self.isolation: Isolation = isolation
        self._scratch = scratch
        self._hidden = [str(path.resolve()) for path in hidden]
        self._groups = groups
        self._root = os.geteuid() == 0
        self._numbers = itertools.count()
        self._users: set[int] = set()
        self._block = _Block()

    def seen(self, place: Place) -> str:
        """The path under which a program sees a place."""
        return str(place.source) if self.isolation == "limits" else place.target

    async def start(
        self,
        command: Sequence[str],
        cell: Cell,
        environment: Mapping[str, str],
        *,
        descriptors: Sequence[int] = (),
        output: int = subprocess.PIPE,
    ) -> Confined:
        """Start a program; ``output`` takes what it writes to stdout and stderr.

        ``descriptors`` are open in it under the same numbers. Raises :class:`OSError`.
        """
        user = self._free_user() if self._root else None
        if user is not None:
            for place in cell.places:
                if place.writable:
                    await asyncio.to_thread(_give, place.source, user)
        memory_file = os.memfd_create("environment")
        group = self._groups.create(cell.specification, cell.tasks)
        root = self._scratch.path / f"{next(self._numbers)}.root"
        try:
            os.write(memory_file, encoded_environment(environment))
            os.lseek(memory_file, 0, os.SEEK_SET)
            folder = next(self.seen(place) for place in cell.places if place.source == cell.folder)
            launched = bounded_command(command, cell, memory_file, folder)
            process = await asyncio.create_subprocess_exec(
                *group.joining(), *confined_command(self.isolation, launched, cell, self._hidden, user, root),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                pass_fds=(*descriptors, memory_file), start_new_session=True, env={"PATH": PATH},
            )  # fmt: skip
        except BaseException:
            group.remove()
            self._users.discard(user or 0)
            raise
        finally:
            os.close(memory_file)
        return Confined(process, group, root, user, self._users, lonely=self.isolation == "limits")

    def _free_user(self) -> int:
        first = _FIRST_USER + self._block.number * _USERS
        free = (user for user in range(first, first + _USERS) if user not in self._users)
        user = next(free, first)
        self._users.add(user)
        return user


class Confined:
    """A program that was started in a sandbox."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        group: ControlGroup,
        root: Path,
        user: int | None,
        users: set[int],
        *,
        lonely: bool,
    ) -> None:
        self.process = process
        self._group = group
        self._root = root
        self._user = user
        self._users = users
        self._lonely = lonely  # Nothing but its user tells what it started from the rest of the machine.
        self._gone = False

    async def kill(self) -> None:
        """End it at once with everything that it started, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        if self._gone:
            return
        self._gone = True
        if self._user is not None:
            if self._lonely:
                await _kill_user(self._user)
            self._users.discard(self._user)
        await asyncio.to_thread(self._group.kill_and_remove)
        with suppress(OSError):
            self._root.rmdir()


def _give(folder: Path, user: int) -> None:
    os.chown(folder, user, user)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, user, user, follow_symlinks=False)


class _Block:
    """A number that no other engine of this machine has, until this process ends."""

    def __init__(self) -> None:
        self._held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        weakref.finalize(self, self._held.close)
        for self.number in range(_BLOCKS):
            with suppress(OSError):
                self._held.bind(f"\0tidewire-functions-{self.number}")
                return


async def _kill_user(user: int) -> None:
    """Everything that runs as a user ends, also what left its group and session."""
    killer = await asyncio.create_subprocess_exec(
        "setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", "bash", "-c", "kill -9 -1",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": PATH},
    )  # fmt: skip
    await killer.wait()
