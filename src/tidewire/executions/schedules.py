"""Functions that are run by the clock."""

from __future__ import annotations

from tidewire.core.ids import unique_id
from tidewire.core.schedules import next_time
from tidewire.core.time import now
from tidewire.executions.adding import add_execution
from tidewire.services.functions.requests import ExecutionRequest
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records.functions import scheduled_functions, update_function


async def run_scheduled(store: ProjectStore) -> None:
    """Put an execution in line for each function whose time has come, and note when it comes again.

    A time that passed while the server was down counts once, however often it came.
    """

    def unit(transaction: Transaction) -> None:
        connection, moment = transaction.connection, now()
        for function in scheduled_functions(connection, moment):
            if function.enabled:
                request = ExecutionRequest(execution_id=unique_id(), trigger="schedule")
                add_execution(transaction, store.project, function, request)
            times = {
                "schedule_next_at": next_time(function.schedule, moment),
                "schedule_previous_at": function.schedule_next_at,
            }
            update_function(connection, function.sequence, times)

    await store.database.write(unit)
