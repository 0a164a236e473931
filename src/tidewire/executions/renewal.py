"""Warm processes of functions in this process: they follow what is committed, by whichever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from tidewire.executions.parts import Parts
from tidewire.functions.contract import Run
from tidewire.services.functions.runnables import runnable_of
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.instance.commits import CommitListener, Commits
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records.deployments import owner_of_deployment
from tidewire.store.records.runnables import function_to_run_of

LOOK_SECONDS: Final = 0.1
"""Seconds from a commit until a look at what became of the functions that are warm: commits come in
crowds."""

_log: Final = structlog.get_logger("tidewire.functions")


@asynccontextmanager
async def renewed_functions(parts: Parts, commits: Commits) -> AsyncIterator[None]:
    """Keep the warm processes of this process as the databases say, until the block ends.

    Those of what was deleted end at once, with what they are at; those of deployments that are no longer
    active, or that have another environment now, when they are idle.
    """
    renewals = _Renewals(parts)
    listener = CommitListener(renewals.look, renewals.look_at_all, here=renewals.look)
    commits.listen(listener)
    parts.instance.listen_deletions(renewals.deleted)
    try:
        yield
    finally:
        commits.unlisten(listener)
        renewals.close()


class _Renewals:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._due: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def look(self, project_id: str) -> None:
        """Somebody committed in a project."""
        if project_id not in self._due and self._runs(project_id):
            self._due.add(project_id)
            self._begin(self._look(project_id))

    def look_at_all(self) -> None:
        """Somebody may have committed in any project."""
        for run in self._parts.engine.runs():
            self.look(run.project)

    def deleted(self, project_id: str) -> None:
        """A project was deleted."""
        self._begin(self._stop(self._runs(project_id)))

    def close(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()

    def _runs(self, project_id: str) -> list[Run]:
        return [run for run in self._parts.engine.runs() if run.project == project_id]

    async def _look(self, project_id: str) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        self._due.discard(project_id)
        store = await self._parts.instance.project(project_id)
        runs = self._runs(project_id)
        if store is None:
            await self._stop(runs)
            return
        try:
            found = await store.database.read(lambda connection: self._found(connection, store, runs))
        except DatabaseClosedError:
            return  # the project was deleted, which is told
        for run in runs:
            if run.deployment in found:
                self._parts.engine.renew(project_id, run.deployment, found[run.deployment])
        await self._stop([run for run in runs if run.deployment not in found])

    def _found(self, connection: Connection, store: ProjectStore, runs: list[Run]) -> dict[str, Run | None]:
        """Return which of some deployments exist, and how those that are active are to be run."""
        found: dict[str, Run | None] = {}
        for deployment_id in {run.deployment for run in runs}:
            sequence = owner_of_deployment(connection, deployment_id)
            if sequence is None:
                continue
            function = function_to_run_of(connection, sequence)
            assert function is not None  # its deployments would be gone
            active = function.deployment_id == deployment_id
            settings = self._parts.settings
            found[deployment_id] = (
                runnable_of(connection, store.objects, settings, function).run if active else None
            )
        return found

    async def _stop(self, runs: list[Run]) -> None:
        await asyncio.gather(*(self._parts.engine.stop(run.project, run.deployment) for run in runs))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("functions could not be renewed", exc_info=error)
