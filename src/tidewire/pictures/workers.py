"""Worker processes: a few, started when they are needed, ended when idle or beyond their bounds."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from tidewire.pictures.contract import (
    Limits,
    Order,
    Outcome,
    PicturesBusyError,
    Task,
    TooLargeError,
    UndecodableError,
    UnsupportedOutputError,
)
from tidewire.pictures.places import Places

_HEAD_BYTES: Final = 4
_JOBS: Final = 500
"""The number of jobs after which a worker makes room for a fresh one, whatever its libraries have kept."""
_PIPE_BYTES: Final = 2**20
"""The bytes that may wait in a pipe; with fewer a picture would go over in many small turns."""
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
    """The most seconds that a worker may take for one picture."""
    idle_seconds: float
    """The seconds after which a worker that has nothing to do ends."""


class _Worker:
    """One process, which makes one picture at a time. Its methods block, and are called in threads."""

    def __init__(self, bounds: WorkerBounds) -> None:
        # Nothing of the server's environment, which may hold secrets.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        environment["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
        seconds = int(bounds.seconds * _JOBS) + 1
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tidewire.pictures.worker", str(bounds.memory), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            cwd="/",
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._sink = self._process.stdin
        self._source = io.BufferedReader(cast("io.RawIOBase", self._process.stdout), _PIPE_BYTES)
        for pipe in (self._sink, self._process.stdout):
            with suppress(OSError):  # where so much is not allowed, there are more turns
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.jobs = 0
        self.timer: asyncio.TimerHandle | None = None

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def make(self, job: Task, limits: Limits, content: list[bytes]) -> bytes:
        """One picture from ``content``. Raises PictureError, and OSError or EOFError if the process ended."""
        self.jobs += 1
        head = msgspec.msgpack.encode(Order(job, limits, sum(map(len, content))))
        for piece in (len(head).to_bytes(_HEAD_BYTES) + head, *content):
            left = memoryview(piece)
            while left:
                left = left[self._sink.write(left) :]
        length = int.from_bytes(self._read(_HEAD_BYTES))
        outcome = msgspec.msgpack.decode(self._read(length), type=Outcome)
        if outcome.failure:
            raise _failures[outcome.failure](outcome.reason)
        return self._read(outcome.size)

    def _read(self, size: int) -> bytes:
        content = self._source.read(size)
        if len(content) < size:
            raise EOFError("the worker ended")
        return content

    def kill(self) -> None:
        """End the process at once; what is blocked by it goes on."""
        self._process.kill()

    def close(self) -> None:
        """Wait for the end of a process that was killed."""
        self._process.wait()
        with suppress(OSError):
            self._sink.close()
        self._source.close()


class Workers:
    """The workers of one serving process. Belongs to one event loop."""

    def __init__(self, places: Places, at_once: int, bounds: WorkerBounds) -> None:
        """``at_once`` workers at most. If there are more ``places`` than these, the content of what is made
        next is read meanwhile."""
        self._places = places
        self._free = asyncio.Semaphore(at_once)
        self._bounds = bounds
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Future[None]] = set()
        self._threads = ThreadPoolExecutor(2 * at_once, "tidewire-pictures")
        """Threads that talk to the workers, and wait for those that were killed."""

    async def make(
        self, who: str, job: Task, limits: Limits, content: AsyncIterator[bytes], size: int
    ) -> bytes:
        """A picture from ``size`` bytes of ``content``, when ``who`` has their turn. Raises PictureError."""
        async with self.turn(who):
            return await self.make_now(job, limits, content, size)

    def turn(self, who: str) -> AbstractAsyncContextManager[None]:
        """Hold a place, when it is the turn of ``who``. Raises PicturesBusyError if too many wait."""
        return self._places.taken(who)

    async def make_now(self, job: Task, limits: Limits, content: AsyncIterator[bytes], size: int) -> bytes:
        """A picture for who has their turn. Raises PictureError."""
        pieces = [piece async for piece in content]
        if sum(map(len, pieces)) != size:
            raise UndecodableError("its content is not whole")
        async with self._free:
            return await self._made(job, limits, pieces)

    async def _made(self, job: Task, limits: Limits, pieces: list[bytes]) -> bytes:
        loop = asyncio.get_running_loop()
        worker = self._rested() or await self._started()
        try:
            async with asyncio.timeout(self._bounds.seconds):
                made = await loop.run_in_executor(self._threads, worker.make, job, limits, pieces)
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

    async def close(self) -> None:
        """End all."""
        for worker in self._idle:
            self._end(worker)
        self._idle.clear()
        if self._ending:
            await asyncio.wait(self._ending)
        self._threads.shutdown(wait=False)

    async def _started(self) -> _Worker:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _Worker, self._bounds)
        except OSError as error:  # no more processes or descriptors
            raise PicturesBusyError(f"No picture can be made at the moment: {error.strerror}.") from None

    def _rested(self) -> _Worker | None:
        """An idle worker; those that something else ended while they were idle make no picture fail."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                if worker.timer is not None:
                    worker.timer.cancel()
                return worker
            self._end(worker)
        return None

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
        if worker.timer is not None:
            worker.timer.cancel()
        worker.kill()
        ended = asyncio.get_running_loop().run_in_executor(self._threads, worker.close)
        self._ending.add(ended)
        ended.add_done_callback(self._ending.discard)
