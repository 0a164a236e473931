"""Builds: a source becomes what can be run, by the commands that its owner gave."""

from __future__ import annotations

import asyncio
import codecs
import itertools
import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tidewire.functions.archives import ArchiveBounds, pack, unpack
from tidewire.functions.confinement import Cell, Place, search_path
from tidewire.functions.contract import (
    BuildFailedError,
    BuildRequest,
    BuildResult,
    EngineError,
    OnLog,
    TimedOutError,
    TooLargeError,
)
from tidewire.functions.logs import Tail
from tidewire.functions.processes import CODE
from tidewire.functions.runtimes import Installed
from tidewire.functions.sandbox import Confined, Sandbox
from tidewire.functions.scratch import Scratch, make_folder, remove_tree

_MIN_MEMORY: Final = 1024
_LOG_SECONDS: Final = 0.1
"""Between two pieces of a log."""
_LOG_PIECE: Final = 64 * 1024
_LOG_RATE: Final = 2 * 2**20
"""Characters a second that a build may write; one that writes more waits."""
_WATCH_SECONDS: Final = 2.0
_DISK_RESERVE: Final = 128 * 2**20
"""Bytes of the disk that a build leaves free."""
_numbers: Final = itertools.count(1)


@dataclass(frozen=True)
class BuildBounds:
    """What a build may use, besides its specification."""

    tasks: int
    disk_bytes: int
    """The most bytes of the code, and as many of temporary files; a single file may have as many, too."""
    files: int
    """And folders: of the code that it begins with, of all that it makes, and of what it leaves to be run."""
    output_bytes: int


class Builder:
    """Runs builds, any number at once."""

    def __init__(self, sandbox: Sandbox, scratch: Scratch, bounds: BuildBounds) -> None:
        self._sandbox = sandbox
        self._scratch = scratch
        self._bounds = bounds

    async def build(self, installed: Installed, request: BuildRequest, on_log: OnLog) -> BuildResult:
        """See :meth:`Engine.build`."""
        begun = time.monotonic()
        log = _Log(on_log)
        canceled = threading.Event()
        work = self._scratch.path / f"build-{next(_numbers)}"
        try:
            async with asyncio.timeout(request.timeout):
                size = await self._built(installed, request, work, log, canceled)
        except TimeoutError:
            message = f"Build timed out after {request.timeout:g} seconds."
            raise TimedOutError(message, logs=log.text()) from None
        except EngineError as error:
            error.logs = log.text()
            raise
        except OSError as error:
            raise BuildFailedError(f"Build failed: {error.strerror or error}.", logs=log.text()) from None
        finally:
            canceled.set()
            await asyncio.shield(asyncio.to_thread(remove_tree, work))
        return BuildResult(size, time.monotonic() - begun, log.text())

    async def _built(
        self, installed: Installed, request: BuildRequest, work: Path, log: _Log, canceled: threading.Event
    ) -> int:
        def check() -> None:
            if canceled.is_set():
                raise BuildFailedError("Build canceled.")

        code, temporary = work / "code", work / "tmp"
        for folder in (work, code, temporary):
            make_folder(folder, 0o711)
        bounds = ArchiveBounds(self._bounds.disk_bytes, self._bounds.files)
        await asyncio.to_thread(unpack, request.source, code, bounds, check)
        if request.commands.strip():
            await self._run(installed, request, code, temporary, log)
        return await asyncio.to_thread(
            pack, code, request.output, self._bounds.output_bytes, self._bounds.files, check
        )

    async def _run(
        self, installed: Installed, request: BuildRequest, code: Path, temporary: Path, log: _Log
    ) -> None:
        places = (
            Place(code, CODE, writable=True),
            Place(temporary, "/tmp", writable=True),  # noqa: S108
            *(Place(each, str(each)) for each in installed.needed),
        )
        home = self._sandbox.seen(places[1])
        environment = {
            **search_path(installed.program), "HOME": home, "TMPDIR": home, "CI": "true",
            **installed.language.environment, **request.environment,
            "OPEN_RUNTIMES_ENTRYPOINT": request.entrypoint,
        }  # fmt: skip
        memory = max(_MIN_MEMORY, request.specification.memory)
        cell = Cell(
            places, code, replace(request.specification, memory=memory), self._bounds.tasks,
            temporary_bytes=64 * 2**20, file_bytes=self._bounds.disk_bytes,
        )  # fmt: skip
        script = (
            installed.language.preparation.replace("{program}", str(installed.program)) + request.commands
        )
        confined = await self._sandbox.start(["bash", "-e", "-c", script], cell, environment)
        reasons: list[EngineError] = []
        watch = asyncio.ensure_future(self._watch(confined, (code, temporary), reasons))
        try:
            await log.follow(confined)
            exit_code = await confined.process.wait()
        finally:
            watch.cancel()
            await asyncio.shield(confined.kill())
        if reasons:
            raise reasons[0]
        if exit_code != 0:
            raise BuildFailedError(f"Build failed with exit code {exit_code}.")

    async def _watch(self, confined: Confined, folders: tuple[Path, ...], reasons: list[EngineError]) -> None:
        """End a build that fills the disk, and say why."""
        while not reasons:
            await asyncio.sleep(_WATCH_SECONDS)
            size, entries = await asyncio.to_thread(_used, folders)
            if size > self._bounds.disk_bytes:
                reasons.append(
                    TooLargeError(f"The build uses more than {self._bounds.disk_bytes} bytes of the disk.")
                )
            elif entries > self._bounds.files:
                reasons.append(
                    TooLargeError(f"The build made more than {self._bounds.files} files and folders.")
                )
            elif shutil.disk_usage(folders[0]).free < _DISK_RESERVE:
                reasons.append(BuildFailedError("Build failed: no space is left on the server's disk."))
        await confined.kill()


class _Log:
    """The log of one build: passed on in pieces, the end of it kept."""

    def __init__(self, on_log: OnLog) -> None:
        self._on_log = on_log
        self._tail = Tail()
        self._pending = ""
        self._flushed = 0.0

    def text(self) -> str:
        return str(self._tail)

    async def follow(self, confined: Confined) -> None:
        """Take what a program writes until it, and all that it started, has closed its output."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        stream = confined.process.stdout
        assert stream is not None
        reading: asyncio.Future[bytes] | None = None
        try:
            while True:
                reading = reading or asyncio.ensure_future(stream.read(_LOG_PIECE))
                done, _ = await asyncio.wait({reading}, timeout=_LOG_SECONDS if self._pending else None)
                if not done:
                    self._flush(whole_lines=False)
                    continue
                data, reading = reading.result(), None
                if not data:
                    return
                self._pending += decoder.decode(data).replace("\0", "")
                if time.monotonic() - self._flushed >= _LOG_SECONDS or len(self._pending) > _LOG_PIECE:
                    self._flush(whole_lines=True)
                if len(data) == _LOG_PIECE:
                    await asyncio.sleep(_LOG_PIECE / _LOG_RATE)
        finally:
            if reading is not None:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
            self._flush(whole_lines=False)

    def _flush(self, whole_lines: bool) -> None:
        end = self._pending.rfind("\n") + 1 if whole_lines else len(self._pending)
        if not end and len(self._pending) > _LOG_PIECE:
            end = len(self._pending)
        piece, self._pending = self._pending[:end], self._pending[end:]
        if piece:
            self._flushed = time.monotonic()
            self._tail.add(piece)
            self._on_log(piece)


def _used(folders: tuple[Path, ...]) -> tuple[int, int]:
    """Bytes of the disk that folders use, and how many files and folders are in them. Blocks."""
    size = entries = 0
    for folder in folders:
        for parent, inner, files in os.walk(folder):
            entries += len(inner) + len(files)
            for name in (*inner, *files):
                with suppress(OSError):
                    size += os.lstat(os.path.join(parent, name)).st_blocks * 512  # noqa: PTH118
    return size, entries
