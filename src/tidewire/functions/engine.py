"""The engine that runs functions as processes of this machine."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from tidewire.functions.archives import ArchiveBounds
from tidewire.functions.builds import BuildBounds, Builder
from tidewire.functions.code import Key, UnpackedCode
from tidewire.functions.contract import (
    BuildRequest,
    BuildResult,
    FunctionRequest,
    FunctionResponse,
    Isolation,
    NotReadyError,
    OnLog,
    Run,
    Runtime,
    UnknownRuntimeError,
)
from tidewire.functions.groups import ControlGroups, find_hierarchies
from tidewire.functions.isolation import best_isolation
from tidewire.functions.pool import Pool, PoolBounds
from tidewire.functions.processes import Bounds, WarmProcess, start_process
from tidewire.functions.relay import ApiRelay
from tidewire.functions.runtimes import Installed, find_runtimes
from tidewire.functions.sandbox import Sandbox
from tidewire.functions.scratch import Scratch, remove_tree
from tidewire.settings import Settings

FindRuntimes = Callable[[], Awaitable[Mapping[str, Installed]]]
"""Looks for the runtimes of this machine; by their keys, sorted."""


class LocalEngine:
    """See :class:`tidewire.functions.contract.Engine`; made by :func:`open_engine`."""

    def __init__(
        self,
        settings: Settings,
        scratch: Scratch,
        sandbox: Sandbox,
        find: FindRuntimes,
        relay: ApiRelay | None = None,
    ) -> None:
        self._scratch = scratch
        self._sandbox = sandbox
        self._find = find
        self._runtimes: Mapping[str, Installed] | None = None
        self._finding: asyncio.Task[Mapping[str, Installed]] | None = None
        self._bounds = Bounds(
            settings.functions_tasks_max,
            settings.functions_temporary_bytes,
            settings.functions_answer_max_bytes,
            settings.functions_network,
            relay,
        )
        self._relay = relay
        files = settings.functions_unpacked_max_files
        unpacked = ArchiveBounds(settings.functions_unpacked_max_bytes, files)
        self._code = UnpackedCode(
            scratch, unpacked, settings.functions_build_max_bytes, settings.functions_unpacked_kept
        )
        self._builder = Builder(
            sandbox,
            scratch,
            BuildBounds(
                settings.functions_tasks_max,
                settings.functions_unpacked_max_bytes,
                files,
                settings.functions_build_max_bytes,
            ),
        )
        self._pool = Pool(
            self._start,
            self._end,
            PoolBounds(
                settings.functions_processes_max,
                settings.functions_processes_of_deployment,
                settings.functions_requests_at_once,
                settings.functions_requests_waiting,
                settings.functions_idle_seconds,
            ),
        )
        self._folders: dict[WarmProcess, Path] = {}
        self._builds: set[asyncio.Task[BuildResult]] = set()

    @property
    def isolation(self) -> Isolation:
        return self._sandbox.isolation

    @property
    def processes(self) -> int:
        return self._pool.processes

    @property
    def waiting(self) -> int:
        return self._pool.waiting

    async def runtimes(self) -> Sequence[Runtime]:
        return [each.runtime for each in (await self._all_installed()).values()]

    async def build(self, request: BuildRequest, on_log: OnLog) -> BuildResult:
        installed = await self._installed(request.runtime)
        work = self._builder.build(installed, request, on_log)
        task = asyncio.get_running_loop().create_task(work)
        self._builds.add(task)
        task.add_done_callback(self._builds.discard)
        return await task

    async def execute(self, run: Run, request: FunctionRequest) -> FunctionResponse:
        await self._installed(run.runtime)
        return await self._pool.execute((run.project, run.deployment), run, request)

    def runs(self) -> Sequence[Run]:
        return self._pool.runs()

    def renew(self, project: str, deployment: str, run: Run | None) -> None:
        self._pool.renew((project, deployment), run)

    async def stop(self, project: str, deployment: str) -> None:
        await self._pool.stop((project, deployment))
        self._code.forget((project, deployment))

    async def close(self) -> None:
        for build in self._builds:
            build.cancel()
        if self._builds:
            await asyncio.wait(self._builds)
        await self._pool.close()
        if self._finding is not None and not self._finding.done():
            self._finding.cancel()
            await asyncio.wait([self._finding])
        if self._relay is not None:
            self._relay.close()
        await asyncio.to_thread(self._scratch.close)

    async def _all_installed(self) -> Mapping[str, Installed]:
        """All runtimes; whoever asks first looks for them, and the others wait for that."""
        if self._runtimes is None:
            if self._finding is None or self._finding.cancelled():
                self._finding = asyncio.ensure_future(self._find())
            self._runtimes = await asyncio.shield(self._finding)
        return self._runtimes

    async def _installed(self, key: str) -> Installed:
        installed = (await self._all_installed()).get(key)
        if installed is None:
            raise UnknownRuntimeError(f"This server does not have the runtime {key!r}.")
        return installed

    async def _start(self, key: Key, run: Run) -> WarmProcess:
        try:
            code = await self._code.folder(key, run)
        except OSError as error:
            raise NotReadyError(f"The code cannot be unpacked: {error.strerror or error}.") from None
        try:
            installed = await self._installed(run.runtime)
            process = await start_process(installed, run, code, self._sandbox, self._scratch, self._bounds)
        except BaseException:
            self._code.release(code)
            raise
        self._folders[process] = code
        return process

    async def _end(self, process: WarmProcess) -> None:
        await process.kill()
        self._code.release(self._folders.pop(process))
        if process.temporary is not None:
            await asyncio.to_thread(remove_tree, process.temporary)


async def open_engine(
    settings: Settings, root: Path, *, endpoint: str, hidden: Sequence[Path] = ()
) -> LocalEngine:
    """Find out what keeps code apart on this machine, and delete what killed servers left in ``root``.

    ``root``: a folder of which the engine alone writes; several processes may share it. ``hidden``: folders
    that code must not see even if they lie in ``/usr``. ``endpoint``: the address of the API as functions
    are told it; those without network reach it there, if its port is 1024 or more.

    Raises :class:`SandboxUnavailableError`, OSError.
    """
    scratch = await asyncio.to_thread(Scratch, root)
    try:
        groups = ControlGroups(await asyncio.to_thread(find_hierarchies))
        isolation = await best_isolation(scratch, settings.functions_sandbox == "required")
        if isolation == "limits" and os.geteuid() == 0:
            # The code runs as another user, who may not enter a data directory of root.
            await asyncio.to_thread(scratch.close)
            scratch = await asyncio.to_thread(Scratch, Path(tempfile.gettempdir()) / "tidewire-functions")
        relay = None
        if not settings.functions_network and isolation != "limits":
            relay = ApiRelay(endpoint, scratch.path)
            await relay.start()
    except BaseException:
        await asyncio.to_thread(scratch.close)
        raise

    async def find() -> Mapping[str, Installed]:
        runtimes = await find_runtimes(settings.functions_runtime_folders)
        if isolation == "limits" and os.geteuid() == 0:
            return {key: each for key, each in runtimes.items() if _open_to_all(each.program)}
        return runtimes

    sandbox = Sandbox(isolation, scratch, [*hidden, root], groups)
    return LocalEngine(settings, scratch, sandbox, find, relay)


def _open_to_all(path: Path) -> bool:
    """Whether every user of the machine may reach a program."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))
