"""Functions that are run by events: the log is read with a position that is kept in the database.

The position moves in the transaction that puts the executions in line: each event runs a function once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import tidewire
from tidewire.core.events import NOBODY, LoggedEvent, event_names
from tidewire.core.ids import unique_id
from tidewire.executions.adding import add_execution
from tidewire.executions.queue import Queue
from tidewire.services.functions.requests import ExecutionRequest, Sender
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records.functions import triggered_functions

BATCH: Final = 100
"""Events that are read at once."""
NOTED_EVERY: Final = 1000
"""Events that run nothing after which it is noted how far the log was read."""

_POSITION: Final = "functions.position"
_HEADERS: Final = {"content-type": "application/json", "user-agent": f"Appwrite/{tidewire.__version__}"}


@dataclass(frozen=True)
class Batch:
    """The next events, and the functions that some of them may run."""

    functions: list[Row[Any]]
    events: list[LoggedEvent]


class Triggers:
    """Reads the event log of one project for its functions."""

    def __init__(self, store: ProjectStore) -> None:
        self._store = store
        self._position = self._noted = 0
        self._patterns: frozenset[str] = frozenset()
        self.is_busy = False
        """Whether events that were read are about to run functions."""

    def wants(self, logged: LoggedEvent) -> bool:
        """Whether an event runs a function, as far as is known."""
        return bool(self._patterns) and not self._patterns.isdisjoint(_names(logged))

    async def put_in_line(self, batch: Batch, queue: Queue) -> bool:
        """Put in line what the events run; False: they run nothing, and there are no more of them."""
        runs = [
            (function, logged, names)
            for logged in batch.events
            for names in (_names(logged),)
            for function in batch.functions
            if logged.offset > function.position and not names.isdisjoint(function.events)
        ]
        position = batch.events[-1].offset
        if not runs and position - self._noted < NOTED_EVERY:
            self._position = position
            return len(batch.events) == BATCH

        def unit(transaction: Transaction) -> None:
            for function, logged, _ in runs:
                add_execution(transaction, self._store.project, function, _request(logged))
            write_state(transaction.connection, _POSITION, str(position))

        self.is_busy = True
        try:
            await queue.put_in_line(unit, len(runs))
        finally:
            self.is_busy = False
        self._position = self._noted = position
        return True

    def read(self, connection: Connection) -> Batch | None:
        """The next events; None: there are none, or no functions for them. For a thread that reads."""
        functions = triggered_functions(connection)
        self._patterns = frozenset(pattern for each in functions for pattern in each.events)
        if not functions:
            return None
        noted = int(read_state(connection, _POSITION) or 0)
        begin = max(self._position, noted, min(each.position for each in functions))
        events = event_log.read_after(connection, begin, BATCH)
        return Batch(functions, events) if events else None


def _names(logged: LoggedEvent) -> frozenset[str]:
    """The names that an event has for functions: without the database type; none if it is not for them."""
    event = logged.event
    if event.audience == NOBODY or event.pattern.startswith("functions."):
        return frozenset()
    return frozenset(event_names(event.pattern, event.parameters))


def _request(logged: LoggedEvent) -> ExecutionRequest:
    event = logged.event
    return ExecutionRequest(
        execution_id=unique_id(),
        trigger="event",
        headers=dict(_HEADERS),
        body=event.payload.decode(),
        sender=Sender(user_id=event.actor_id),
        event=event_names(event.pattern, event.parameters)[0],
    )
