"""All work on functions of a data directory."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

from tidewire.executions.builds import build_folder
from tidewire.executions.parts import Parts
from tidewire.executions.project import ProjectFunctions
from tidewire.settings import Settings
from tidewire.store.instance.commits import Commits
from tidewire.store.upkeep.project_work import only_process, project_work


async def work_on_functions(parts: Parts, commits: Commits) -> None:
    """Build deployments and run what is due, in all projects, until cancelled.

    One process of a data directory does it; in the others this waits for that one to end. What it had begun
    and not finished is begun again.
    """
    async with only_process(Path(parts.settings.data_dir) / "functions.lock"):
        await asyncio.to_thread(_clear, parts.settings)
        begin = partial(ProjectFunctions, parts)
        async with project_work(parts.instance, commits, begin, parts.settings.drain_seconds):
            await asyncio.Event().wait()


def _clear(settings: Settings) -> None:
    """Delete what an earlier process has left of its builds."""
    with suppress(OSError):
        for left in build_folder(settings).iterdir():
            shutil.rmtree(left, ignore_errors=True)
