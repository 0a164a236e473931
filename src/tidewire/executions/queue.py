"""The queue of one project: executions that nobody waits for, each run at least once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from tidewire.core.time import now
from tidewire.executions.parts import Parts
from tidewire.services.functions.events import EXECUTION_UPDATED
from tidewire.services.functions.outcomes import Outcome, carry_out, not_run
from tidewire.services.functions.records import execution_event, execution_of
from tidewire.services.functions.requests import ExecutionRequest, Sender
from tidewire.services.functions.runnables import Runnable, runnable_of
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records import executions as records
from tidewire.store.records.runnables import function_to_run_of
from tidewire.store.secrets.encryption import SealError
from tidewire.store.upkeep.project_work import Tasks

MAX_ATTEMPTS: Final = 3
"""How often an execution is begun; each time but the last the server ended in the midst of it."""
GRACE_SECONDS: Final = 15.0
"""What the engine may take beyond the time of the function, until it is given up."""

_decode = msgspec.json.Decoder(ExecutionRequest).decode
_log: Final = structlog.get_logger("tidewire.functions")


class _Begun(NamedTuple):
    """An execution that was begun."""

    row: Row[Any]
    request: ExecutionRequest
    runnable: Runnable | str
    """What is to be run; or why nothing is."""


class Queue:
    """Runs what is due in a project, some at the same time; room is shared with all other projects."""

    def __init__(
        self,
        parts: Parts,
        store: ProjectStore,
        tasks: Tasks,
        on_done: Callable[[], None],
        on_room: Callable[[], None],
    ) -> None:
        """``on_done`` is called when nothing more is due, ``on_room`` when an execution has ended."""
        self._parts = parts
        self._store = store
        self._tasks = tasks
        self._on_done = on_done
        self._on_room = on_room
        self._own = asyncio.Semaphore(parts.settings.functions_executions_per_project)
        self._beginning = False
        self._stopped = False
        self._running = 0

    @property
    def is_busy(self) -> bool:
        """Whether something is run, or about to be."""
        return self._beginning or self._running > 0

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True

    def begin(self) -> None:
        """Begin what is due."""
        if not self._beginning and not self._stopped:
            self._beginning = True
            self._tasks.keep("queue", self._begin_due, self._begun)

    async def put_in_line(self, add: Callable[[Transaction], None], count: int) -> None:
        """Write ``add``, which puts ``count`` executions in line, and begin what is due in the same commit.

        As many are begun as there are places free now, those that waited before first; whoever waits for a
        place already, here or in another project, has it before them.
        """
        places = await self._free_places(count)
        begun: list[_Begun] = []
        try:
            begun = await self._store.database.write(partial(self._add_and_begin, add, places))
        finally:
            for _ in range(places - len(begun)):
                self._ended()
        for each in begun:
            self._start(each)

    async def _free_places(self, most: int) -> int:
        """Take places that are free, without waiting for any; how many there were."""
        places = 0
        shared = self._parts.executions
        while places < most and not (self._stopped or self._own.locked() or shared.locked()):
            await self._own.acquire()
            await shared.acquire()
            places += 1
        return places

    def _add_and_begin(
        self, add: Callable[[Transaction], None], places: int, transaction: Transaction
    ) -> list[_Begun]:
        add(transaction)
        begun: list[_Begun] = []
        while len(begun) < places and (each := self._begin_next(transaction)) is not None:
            begun.append(each)
        return begun

    def _begun(self) -> None:
        self._beginning = False
        self._on_done()  # something may have become due meanwhile

    async def _begin_due(self) -> None:
        """Begin one execution after the other, each when there is room for it."""
        while not self._stopped:
            await self._own.acquire()
            try:
                await self._parts.executions.acquire()
            except BaseException:
                self._own.release()
                raise
            begun = None
            try:
                begun = await self._store.database.write(self._begin_next)
            finally:
                if begun is None:
                    self._ended()
            if begun is None:
                return
            self._start(begun)

    def _start(self, begun: _Begun) -> None:
        self._running += 1
        self._tasks.keep(f"execution {begun.row.id}", partial(self._run, begun), self._finished)

    def _begin_next(self, transaction: Transaction) -> _Begun | None:
        """Begin what is due next; None: nothing is."""
        job = records.begin_job(transaction.connection, now())
        if job is None:
            return None
        connection, row = transaction.connection, job.row
        request = ExecutionRequest(row.id, row.trigger, sender=Sender(row.user_id))
        runnable: Runnable | str
        try:
            request = _decode(records.open_request(connection, job.sealed))
            runnable = self._runnable(connection, row, job.attempt)
        except (SealError, LookupError, ValueError, msgspec.DecodeError):
            # Raised here it would hold up all that waits behind this one.
            _log.exception("execution_not_runnable", project=self._store.project.id, execution=row.id)
            runnable = "What is to be run cannot be read; the server's log says why."
        begun = _Begun(row, request, runnable)
        if self._parts.settings.functions_tell_begin:
            self._tell(transaction, row, begun.request)
        return begun

    def _tell(self, transaction: Transaction, row: Row[Any], request: ExecutionRequest) -> None:
        """Tell how an execution is now, unless its function was deleted."""
        function = function_to_run_of(transaction.connection, row.function_sequence)
        if function is None:
            return
        execution = execution_of(row, function.id, told=False)
        sender = request.sender.user_id
        transaction.append(execution_event(self._store.project, sender, EXECUTION_UPDATED, execution))

    def _ended(self) -> None:
        self._parts.executions.release()
        self._own.release()

    def _finished(self) -> None:
        self._running -= 1
        self._ended()
        self._on_room()

    async def _run(self, begun: _Begun) -> None:
        outcome = await self._outcome(begun)

        def unit(transaction: Transaction) -> None:
            ended = records.end_job(transaction.connection, begun.row.sequence, outcome.columns())
            if ended is not None:  # else it was deleted meanwhile
                self._tell(transaction, ended, begun.request)

        await self._store.database.write(unit)

    async def _outcome(self, begun: _Begun) -> Outcome:
        runnable = begun.runnable
        if isinstance(runnable, str):
            return not_run(runnable)
        parts = self._parts
        try:
            async with asyncio.timeout(runnable.seconds + GRACE_SECONDS):
                return await carry_out(parts.engine, runnable, begun.request, parts.instance.jwt_secret)
        except TimeoutError:
            return Outcome("failed", 500, errors="Execution timed out.\nError Code: 408")

    def _runnable(self, connection: Connection, row: Row[Any], attempt: int) -> Runnable | str:
        """What is to be run; or why nothing is."""
        if attempt > MAX_ATTEMPTS:
            return "The server ended each time that this was run."
        function = function_to_run_of(connection, row.function_sequence)
        if function is None:
            return "The function was deleted."
        if function.deployment_id is None:
            return "Deployment not found. Create a deployment before trying to execute a function"
        if function.deployment_status != "ready":
            return "The active deployment is not ready."
        return runnable_of(connection, self._store.objects, self._parts.settings, function)
