"""Which processes of functions are warm: started when asked for, ended when idle, bounded in number."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tidewire.functions.code import Key
from tidewire.functions.contract import (
    CrashedError,
    EngineError,
    FunctionRequest,
    FunctionResponse,
    NotReadyError,
    Run,
    TimedOutError,
)
from tidewire.functions.processes import WarmProcess

StartProcess = Callable[[Key, Run], Awaitable[WarmProcess]]
EndProcess = Callable[[WarmProcess], Awaitable[None]]

_CLOSED: Final = "The server is being stopped."


@dataclass(frozen=True)
class PoolBounds:
    """How many of what."""

    processes: int
    """The most processes of all functions together."""
    of_deployment: int
    at_once: int
    """Requests that one process works on."""
    waiting: int
    """Requests of one deployment that wait for a process."""
    idle_seconds: float


@dataclass(eq=False)
class _Warm:
    process: WarmProcess
    home: _Deployment
    active: int = 0
    used: float = 0.0
    """When its last request ended, or else when it was started, by the event loop's clock."""
    retired: bool = False
    """Whether it takes no more requests, and ends with the last that it has."""


@dataclass(eq=False)
class _Deployment:
    key: Key
    run: Run
    """What its processes are started with."""
    warm: list[_Warm] = field(default_factory=list)
    starting: int = 0
    served: float = 0.0
    """When a process was last started for it."""
    waiting: deque[asyncio.Future[_Warm]] = field(default_factory=deque)
    outdated: bool = False
    """Whether its processes end when nobody waits for them, as others are started by now with another
    environment."""
    stopped: bool = False


class Pool:
    """The warm processes of all deployments. All methods belong to one event loop."""

    def __init__(self, start: StartProcess, end: EndProcess, bounds: PoolBounds) -> None:
        self._start = start
        self._end = end
        self._bounds = bounds
        self._deployments: dict[Key, _Deployment] = {}
        self._outdated: set[_Deployment] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._ending = 0
        self._closed = False

    @property
    def processes(self) -> int:
        """The number of processes that are warm."""
        return sum(len(each.warm) for each in self._all())

    @property
    def waiting(self) -> int:
        """Requests that wait for a process."""
        return sum(len(each.waiting) for each in self._all())

    def runs(self) -> list[Run]:
        """What processes were, or are being, started with."""
        return [each.run for each in self._all()]

    async def execute(self, key: Key, run: Run, request: FunctionRequest) -> FunctionResponse:
        """One execution; see :meth:`Engine.execute`."""
        if self._closed:
            raise NotReadyError(_CLOSED)
        begun = asyncio.get_running_loop().time()
        warm, cold = await self._assigned(key, run, begun + request.timeout)
        # An execution that nobody waits for any more goes on, and holds its place, until it ends.
        task = asyncio.get_running_loop().create_task(self._call(warm, request, begun, cold))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    def renew(self, key: Key, run: Run | None) -> None:
        """End the processes of a deployment that were started otherwise than by ``run``, each when idle."""
        deployment = self._deployments.get(key)
        if deployment is None or (run is not None and run.starts_like(deployment.run)):
            return
        del self._deployments[key]
        deployment.outdated = True
        self._outdated.add(deployment)
        for warm in list(deployment.warm):
            self._released(warm)
        self._forget_empty(deployment)

    async def stop(self, key: Key) -> None:
        """End all processes of a deployment."""
        stopped = [each for each in self._all() if each.key == key]
        self._deployments.pop(key, None)
        self._outdated.difference_update(stopped)
        for deployment in stopped:
            deployment.stopped = True
            for waiter in deployment.waiting:
                _fail(waiter, NotReadyError("The deployment was stopped."))
        ending = [warm for deployment in stopped for warm in deployment.warm]
        await asyncio.gather(*(self._discard(warm) for warm in ending))
        self._pump_all()

    async def close(self) -> None:
        """End all processes and take no more requests."""
        self._closed = True
        while self._deployments or self._outdated or self._tasks:
            await asyncio.gather(*(self.stop(key) for key in {each.key for each in self._all()}))
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _call(
        self, warm: _Warm, request: FunctionRequest, begun: float, cold: bool
    ) -> FunctionResponse:
        loop = asyncio.get_running_loop()
        deadline = begun + request.timeout
        try:
            response = await warm.process.call(request, deadline)
        except (CrashedError, TimedOutError):
            warm.retired = True
            raise
        finally:
            if loop.time() >= deadline:
                warm.retired = True  # The code that was too slow may still be at it.
            self._give_back(warm)
        duration = warm.used - begun
        return FunctionResponse(
            response.status, response.headers, response.body, response.logs, response.errors, duration, cold
        )

    async def _assigned(self, key: Key, run: Run, deadline: float) -> tuple[_Warm, bool]:
        self.renew(key, run)
        deployment = self._deployments.get(key)
        if deployment is None:
            deployment = self._deployments[key] = _Deployment(key, run)
        if not deployment.waiting and (warm := self._free(deployment)) is not None:
            warm.active += 1
            return warm, False
        if len(deployment.waiting) >= self._bounds.waiting:
            raise NotReadyError("Too many executions of this function wait already. Try again later.")
        cold = all(each.retired for each in deployment.warm)
        waiter: asyncio.Future[_Warm] = asyncio.get_running_loop().create_future()
        deployment.waiting.append(waiter)
        self._pump(deployment)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter, cold
        except BaseException as error:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._give_back(waiter.result())  # it came in the moment in which the waiting ended
            if isinstance(error, TimeoutError):
                raise TimedOutError("Execution timed out before a process was free.") from None
            raise
        finally:
            with suppress(ValueError):
                deployment.waiting.remove(waiter)
            self._forget_empty(deployment)

    def _give_back(self, warm: _Warm) -> None:
        warm.active -= 1
        warm.used = asyncio.get_running_loop().time()
        self._released(warm)

    def _free(self, deployment: _Deployment) -> _Warm | None:
        free = [each for each in deployment.warm if not each.retired and each.active < self._bounds.at_once]
        return min(free, key=lambda each: each.active, default=None)

    def _pump(self, deployment: _Deployment) -> None:
        """Give processes to those who wait, and start what is missing."""
        while deployment.waiting and (warm := self._free(deployment)) is not None:
            waiter = deployment.waiting.popleft()
            if not waiter.done():
                warm.active += 1
                waiter.set_result(warm)
        wanted = math.ceil(len(deployment.waiting) / self._bounds.at_once) - deployment.starting
        for _ in range(wanted):
            own = sum(not each.retired for each in deployment.warm) + deployment.starting
            if own >= self._bounds.of_deployment or not self._make_room(deployment):
                return
            deployment.starting += 1
            deployment.served = asyncio.get_running_loop().time()
            self._spawn(self._started(deployment))

    def _pump_all(self) -> None:
        """Give processes to those who wait; whoever was given one longest ago comes first."""
        waiting = [each for each in self._all() if each.waiting]
        for deployment in sorted(waiting, key=lambda each: each.served):
            self._pump(deployment)

    def _make_room(self, deployment: _Deployment) -> bool:
        """Whether one more process may be started now; if not, one may be on its way out."""
        everyone = [warm for each in self._all() for warm in each.warm]
        starting = sum(each.starting for each in self._all())
        if len(everyone) + starting + self._ending < self._bounds.processes:
            return True
        idle = [warm for warm in everyone if not warm.active and not warm.retired]
        if idle:
            self._retire(min(idle, key=lambda warm: warm.used))
        elif not deployment.warm and not deployment.starting and not any(warm.retired for warm in everyone):
            # All are busy, perhaps for ever: who has most gives one up when its requests have ended.
            most = max(everyone, key=lambda warm: len(warm.home.warm), default=None)
            if most is not None:
                self._retire(most)
        return False

    def _retire(self, warm: _Warm) -> None:
        warm.retired = True
        self._released(warm)

    async def _started(self, deployment: _Deployment) -> None:
        try:
            process = await self._start(deployment.key, deployment.run)
        except Exception as error:
            deployment.starting -= 1
            if not deployment.starting and not deployment.warm:
                for waiter in deployment.waiting:
                    _fail(waiter, error)
                deployment.waiting.clear()
                self._forget_empty(deployment)
            self._pump_all()
            return
        deployment.starting -= 1
        warm = _Warm(process, deployment, used=asyncio.get_running_loop().time())
        deployment.warm.append(warm)
        if deployment.stopped:
            await self._discard(warm)
            return
        process.ended.add_done_callback(lambda _: self._ended(warm))
        self._watch(warm)
        self._pump(deployment)
        if deployment.outdated:
            self._released(warm)

    def _ended(self, warm: _Warm) -> None:
        if warm in warm.home.warm:
            self._retire(warm)
            if warm.active:  # Its requests learn it from their connections.
                self._spawn(self._discard(warm))

    def _watch(self, warm: _Warm) -> None:
        """End it when it was idle for long enough."""
        if warm not in warm.home.warm:
            return
        loop = asyncio.get_running_loop()
        left = warm.used + self._bounds.idle_seconds - loop.time()
        if warm.active:
            left = self._bounds.idle_seconds
        elif left <= 0:
            self._retire(warm)
            return
        loop.call_later(left, self._watch, warm)

    def _released(self, warm: _Warm) -> None:
        if warm.home.outdated and not warm.home.waiting:
            warm.retired = True
        if warm.retired and not warm.active and warm in warm.home.warm:
            self._spawn(self._discard(warm))
        elif warm.home.waiting:
            self._pump(warm.home)
        elif not warm.active:
            self._pump_all()  # It may make room for another.

    async def _discard(self, warm: _Warm) -> None:
        if warm not in warm.home.warm:
            return
        warm.home.warm.remove(warm)
        self._ending += 1
        try:
            await self._end(warm.process)
        finally:
            self._ending -= 1
        self._forget_empty(warm.home)
        self._pump_all()

    def _forget_empty(self, deployment: _Deployment) -> None:
        if deployment.warm or deployment.starting or deployment.waiting:
            return
        self._outdated.discard(deployment)
        if self._deployments.get(deployment.key) is deployment:
            del self._deployments[deployment.key]

    def _all(self) -> Iterator[_Deployment]:
        yield from self._deployments.values()
        yield from self._outdated

    def _spawn(self, work: Awaitable[object]) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fail(waiter: asyncio.Future[_Warm], error: Exception) -> None:
    if not waiter.done():
        # Each gets an error of its own: logs are attached to it.
        own = type(error)(str(error)) if isinstance(error, EngineError) else error
        waiter.set_exception(own)
