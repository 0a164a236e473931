"""Builds: from the source of a deployment to what runs, with its log told live."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.core.errors import TidewireError
from tidewire.core.models import Deployment
from tidewire.core.time import now
from tidewire.executions.parts import Parts
from tidewire.functions.contract import MAX_LOG_CHARACTERS, BuildRequest, EngineError
from tidewire.functions.specifications import SPECIFICATIONS
from tidewire.services.functions.activation import activate, latest_of
from tidewire.services.functions.events import DEPLOYMENT_UPDATED
from tidewire.services.functions.records import deployment_of
from tidewire.services.functions.rules import follow_functions
from tidewire.services.functions.runnables import environment
from tidewire.services.publishing import project_event
from tidewire.services.storage.content import read_parts
from tidewire.settings import Settings
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import DatabaseClosedError, Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, ProjectStore
from tidewire.store.objects.storage import ObjectMissingError
from tidewire.store.records import deployments as records
from tidewire.store.records.functions import function_of_sequence
from tidewire.store.records.runnables import function_to_run_of
from tidewire.store.records.stored_files import Part
from tidewire.store.secrets.credentials import encode_key

TELL_SECONDS: Final = 0.4
"""Between two times that the log is kept and told; then it is seen too whether the build was canceled."""
TROUBLE_SECONDS: Final = 2.0
"""Between two tries to write down that a build has failed."""
KEY_GRACE_MS: Final = 60_000
READ_BYTES: Final = 256 * 1024
FINISHED: Final = "Deployment finished.\n"

_log: Final = structlog.get_logger("tidewire.functions")


@dataclass(frozen=True)
class _Source:
    deployment: Row[Any]
    function: Row[Any]
    parts: list[Part]
    environment: dict[str, str]


def build_folder(settings: Settings) -> Path:
    """The folder for archives on their way to and from builds."""
    folder = Path(settings.data_dir) / "builds"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


class Build:
    """Builds the deployment of a project that waits longest."""

    def __init__(self, parts: Parts, store: ProjectStore) -> None:
        self._parts = parts
        self._store = store
        self._logs = ""
        self._task: asyncio.Task[Any] | None = None

    def stop(self) -> None:
        """Give the build up; it is begun again some time."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Build, if anything waits still."""
        async with self._parts.builds:
            source = await self._store.database.write(self._begin)
            if source is None:
                return
            self._task = asyncio.create_task(self._build(source))
            watching = asyncio.create_task(self._tell_again_and_again(source, self._task))
            try:
                await asyncio.wait([self._task])
            finally:
                self._task.cancel()
                watching.cancel()
                await asyncio.gather(self._task, watching, return_exceptions=True)

    def _begin(self, transaction: Transaction) -> _Source | None:
        connection = transaction.connection
        waiting = records.next_build(connection)
        if waiting is None:
            return None
        row = records.begin_build(connection, waiting, now())
        function = function_of_sequence(connection, row.function_sequence)
        assert function is not None  # its deployments would be gone
        latest_of(connection, function)
        settings = self._parts.settings
        specification = SPECIFICATIONS[function.build_specification]
        told = function_to_run_of(connection, function.sequence)
        assert told is not None
        variables = environment(connection, settings, told, row, specification)
        expires = now() + int(settings.functions_build_timeout * 1000) + KEY_GRACE_MS
        key = encode_key(connection.project_id, function.scopes, expires, self._parts.instance.jwt_secret)
        variables |= {"APPWRITE_FUNCTION_API_KEY": key, "OPEN_RUNTIMES_ENTRYPOINT": row.entrypoint}
        return _Source(row, function, records.source_of(connection, row.sequence), variables)

    async def _build(self, source: _Source) -> None:
        with tempfile.TemporaryDirectory(prefix="build-", dir=build_folder(self._parts.settings)) as folder:
            packed, built = Path(folder) / "source.tar.gz", Path(folder) / "output.tar.gz"
            try:
                await self._fetch(source, packed)
                await self._parts.engine.build(self._request(source, packed, built), self._add)
                await self._succeed(source, built)
            except DatabaseClosedError:
                return  # the project was deleted
            except EngineError as error:
                reason = str(error)
                await self._fail(source, reason if reason.endswith("\n") else f"{reason}\n")
            except ObjectMissingError:
                await self._fail(source, "The source of this deployment is gone.\n")
            except Exception as error:
                _log.exception("build failed", deployment=source.deployment.id)
                reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
                await self._fail(source, f"The server could not carry out the build{reason}.\n")

    def _request(self, source: _Source, packed: Path, built: Path) -> BuildRequest:
        return BuildRequest(
            project=self._store.project.id,
            deployment=source.deployment.id,
            runtime=source.function.runtime,
            source=packed,
            output=built,
            entrypoint=source.deployment.entrypoint,
            commands=source.deployment.commands,
            environment=source.environment,
            specification=SPECIFICATIONS[source.function.build_specification],
            timeout=self._parts.settings.functions_build_timeout,
        )

    async def _fetch(self, source: _Source, path: Path) -> None:
        size = source.deployment.source_size
        with path.open("wb") as file:
            async for piece in read_parts(self._store.objects, source.parts, 0, size):
                await asyncio.to_thread(file.write, piece)

    def _add(self, text: str) -> None:
        self._logs = _bounded(self._logs + text)

    async def _tell_again_and_again(self, source: _Source, build: asyncio.Task[None]) -> None:
        """Keep the log and tell the console of it while the build goes on; end that if it was canceled."""
        told = None
        while True:
            await asyncio.sleep(TELL_SECONDS)
            logs, new = self._logs, self._logs != told
            row = await self._keep_logs(source, logs if new else None)
            if row is None:
                build.cancel()
                return
            if new:
                self._tell(deployment_of(row, source.function.id))
                told = logs

    async def _keep_logs(self, source: _Source, logs: str | None) -> Row[Any] | None:
        """Keep the log, if there is more of it; None: the build was canceled or the deployment deleted."""
        sequence = source.deployment.sequence
        if logs is None:
            return await self._store.database.read(
                lambda connection: records.current_build(connection, sequence)
            )
        return await self._store.database.write(
            lambda transaction: records.keep_build_logs(transaction.connection, sequence, logs)
        )

    def _tell(self, deployment: Deployment) -> None:
        """Tell people of the console how far it is; neither webhooks nor the event log hear of it."""
        live = self._parts.live
        if live.has_room(CONSOLE_PROJECT_ID, 1):
            parameters = {"functionId": deployment.resource_id, "deploymentId": deployment.id}
            event = project_event(self._store.project, "", DEPLOYMENT_UPDATED, parameters, deployment)
            live.broadcast(CONSOLE_PROJECT_ID, event)

    async def _fail(self, source: _Source, reason: str) -> None:
        self._add(reason)
        while True:
            try:
                await self._end(source, {"status": "failed"})
            except DatabaseClosedError:
                return  # the project was deleted
            except (OSError, TidewireError):  # the disk is full, say
                await asyncio.sleep(TROUBLE_SECONDS)
            else:
                return

    async def _succeed(self, source: _Source, built: Path) -> None:
        writer = self._store.objects.writer()
        try:
            with built.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, READ_BYTES):
                    await writer.write(piece)
            stored = await writer.finish()
        except BaseException:
            await writer.abort()
            raise
        self._add(FINISHED)
        result = {
            "status": "ready",
            "output_key": stored.key,
            "build_size": stored.size,
            "total_size": source.deployment.source_size + stored.size,
        }
        if not await self._end(source, result):
            await self._store.objects.delete([stored.key])

    async def _end(self, source: _Source, result: dict[str, Any]) -> bool:
        """Write down how the build ended, and tell of it; False if it was canceled or deleted meanwhile."""
        logs = self._logs

        def unit(transaction: Transaction) -> str | None:
            connection = transaction.connection
            row = records.current_build(connection, source.deployment.sequence)
            function = function_of_sequence(connection, source.function.sequence)
            if row is None or function is None:
                return None
            moment = now()
            values = {
                **result,
                "updated_at": moment,
                "build_logs": logs,
                "build_duration": -(-(moment - row.build_started_at) // 1000),
            }
            row = records.update_deployment(connection, row.sequence, values)
            if row.status == "ready" and row.activate:
                function = activate(connection, function, row)
            latest_of(connection, function)
            deployment = deployment_of(row, function.id)
            parameters = {"functionId": function.id, "deploymentId": row.id}
            transaction.append(
                project_event(self._store.project, "", DEPLOYMENT_UPDATED, parameters, deployment)
            )
            return str(function.deployment_id)

        active = await self._store.database.write(unit)
        if active == source.deployment.id:
            await follow_functions(self._parts.instance, self._store.database)
        return active is not None


def _bounded(logs: str) -> str:
    return logs[-MAX_LOG_CHARACTERS:]
