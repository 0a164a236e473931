"""Which isolation this machine offers."""

from __future__ import annotations

import asyncio
import shutil
from typing import Final

from tidewire.functions.confinement import PATH, Cell, Place
from tidewire.functions.contract import Isolation, SandboxUnavailableError
from tidewire.functions.groups import ControlGroups
from tidewire.functions.sandbox import Sandbox
from tidewire.functions.scratch import Scratch, make_folder
from tidewire.functions.specifications import Specification


async def best_isolation(scratch: Scratch, required: bool) -> Isolation:
    """The best isolation of this machine: each is tried by running a program in it.

    Raises :class:`SandboxUnavailableError` when it is none and one is ``required``, or when not even
    bounds of resources can be set.
    """
    kinds: tuple[Isolation, ...] = (
        ("bubblewrap", "namespaces") if required else ("bubblewrap", "namespaces", "limits")
    )
    reasons = []
    for kind in kinds:
        missing = [name for name in _NEEDED[kind] if shutil.which(name, path=PATH) is None]
        reason = f"{', '.join(missing)} is missing" if missing else await trial(kind, scratch)
        if not reason:
            return kind
        reasons.append(f"{kind}: {reason}")
    raise SandboxUnavailableError(f"Functions cannot be kept apart on this machine ({'; '.join(reasons)}).")


_NEEDED: Final[dict[Isolation, tuple[str, ...]]] = {
    "bubblewrap": ("bwrap", "bash", "setpriv"),
    "namespaces": ("unshare", "mount", "pivot_root", "bash", "setpriv"),
    "limits": ("bash", "setpriv"),
}


async def trial(kind: Isolation, scratch: Scratch) -> str:
    """Why a program cannot run so; empty if it can."""
    sandbox = Sandbox(kind, scratch, (), ControlGroups(None))
    place = Place(scratch.path / "trial", "/tidewire/trial")
    make_folder(place.source, 0o755)
    cell = Cell((place,), place.source, Specification("trial", 1, 256), 16, 2**20, 2**20)
    try:
        confined = await sandbox.start(["bash", "-c", "test -r ."], cell, {})
        try:
            async with asyncio.timeout(10):
                output, _ = await confined.process.communicate()
        finally:
            await confined.kill()
    except (OSError, TimeoutError) as error:
        return str(error) or "no answer"
    text = output.decode(errors="replace").strip().splitlines()
    return (
        ""
        if confined.process.returncode == 0
        else (text[-1] if text else f"exit code {confined.process.returncode}")
    )
