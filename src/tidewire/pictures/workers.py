"""Worker processes: a few, started when they are needed, ended when idle or beyond their bounds."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from tidewire.pictures.contract import (
    Job,
    Limits,
    Order,
    Outcome,
    TooLargeError,
    UndecodableError,
    UnsupportedOutputError,
)
from tidewire.pictures.places import Places

_HEAD_BYTES: Final = 4
_JOBS: Final = 500
"""After which a worker makes room for a fresh one, whatever its libraries have kept."""
_STREAM_BYTES: Final = 2**20
_failures: Final = {
    "undecodable": UndecodableError,
    "too large": TooLargeError,
    "unsupported": UnsupportedOutputError,
}


@dataclass(frozen=True)
class WorkerBounds:
    """What a worker may use."""

    memory: int
    """Bytes of address space."""
    seconds: float
    """For one picture."""
    idle_seconds: float
    """After which one that has nothing to do ends."""


class _Worker:
    """One process, which makes one picture at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.jobs = 0
        self.timer: asyncio.TimerHandle | None = None

    async def make(self, job: Job, limits: Limits, content: AsyncIterator[bytes], size: int) -> bytes:
        """One picture from ``size`` bytes of ``content``. Raises PictureError, and OSError or EOFError if
        the process ended."""
        self.jobs += 1
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None
        assert source is not None
        head = msgspec.msgpack.encode(Order(job, limits, size))
        sink.write(len(head).to_bytes(_HEAD_BYTES) + head)
        async for piece in content:
            sink.write(piece)
            await sink.drain()
        await sink.drain()
        length = int.from_bytes(await source.readexactly(_HEAD_BYTES))
        outcome = msgspec.msgpack.decode(await source.readexactly(length), type=Outcome)
        if outcome.failure:
            raise _failures[outcome.failure](outcome.reason)
        return await source.readexactly(outcome.size)

    async def end(self) -> None:
        """End it at once."""
        if self.timer is not None:
            self.timer.cancel()
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


class Workers:
    """The workers of one serving process. Belongs to one event loop."""

    def __init__(self, places: Places, bounds: WorkerBounds) -> None:
        self._places = places
        self._bounds = bounds
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def make(
        self, who: str, job: Job, limits: Limits, content: AsyncIterator[bytes], size: int
    ) -> bytes:
        """A picture, when it is the turn of ``who``. Raises PictureError."""
        async with self._places.taken(who):
            worker = self._idle.pop() if self._idle else await self._started()
            try:
                if worker.timer is not None:
                    worker.timer.cancel()
                async with asyncio.timeout(self._bounds.seconds):
                    made = await worker.make(job, limits, content, size)
            except (UndecodableError, TooLargeError, UnsupportedOutputError):
                self._rest(worker)
                raise
            except TimeoutError:
                self._end(worker)
                raise TooLargeError(f"it takes more than {self._bounds.seconds:g} s") from None
            except (OSError, EOFError) as error:
                self._end(worker)
                raise TooLargeError(f"it ended the worker ({type(error).__name__})") from None
            except BaseException:
                self._end(worker)
                raise
            self._rest(worker)
            return made

    @property
    def processes(self) -> int:
        """Workers that wait for something to do."""
        return len(self._idle)

    async def close(self) -> None:
        """End all."""
        for worker in self._idle:
            self._end(worker)
        self._idle.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _started(self) -> _Worker:
        # Nothing of the server's environment, which may hold secrets.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        environment["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
        seconds = int(self._bounds.seconds * _JOBS) + 1
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tidewire.pictures.worker", str(self._bounds.memory), str(seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd="/",
            limit=_STREAM_BYTES,
        )
        return _Worker(process)

    def _rest(self, worker: _Worker) -> None:
        if worker.jobs >= _JOBS:
            self._end(worker)
            return
        self._idle.append(worker)
        loop = asyncio.get_running_loop()
        worker.timer = loop.call_later(self._bounds.idle_seconds, self._idle_for_long, worker)

    def _idle_for_long(self, worker: _Worker) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        task = asyncio.get_running_loop().create_task(worker.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
