"""Executions: functions are run, at once or later, and what came of it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.functions import RequestHeaders
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Choice, Content, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Execution, ExecutionList
from tidewire.core.time import now, parse_datetime
from tidewire.services.context import Context
from tidewire.services.functions import operations
from tidewire.services.functions.catalog import require_runtime
from tidewire.services.functions.events import EXECUTION_CREATED, EXECUTION_DELETED
from tidewire.services.functions.records import execution_of, find_function
from tidewire.services.functions.requests import ExecutionRequest, new_execution
from tidewire.services.functions.runnables import Runnable, runnable_of
from tidewire.services.functions.waiting import parameters_of, run_at_once, sender_of
from tidewire.services.permissions import unauthorized
from tidewire.services.publishing import publish
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records import executions as records
from tidewire.store.records.functions import function_exists
from tidewire.store.records.runnables import function_to_run

PATH: Final = "/functions/{functionId}/executions"
ONE: Final = "/functions/{functionId}/executions/{executionId}"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
SOONEST_MS: Final = 60_000
"""How far ahead an execution is scheduled at least."""
_MINUTE_MS: Final = 60_000
_NO_HEADERS: Final[dict[str, str]] = {}


@operations.declare(
    "createExecution",
    "POST",
    PATH,
    scopes=("executions.write", "execution.write"),
    status=201,
    event=EXECUTION_CREATED,
)
async def create_execution(
    context: Context,
    function_id: ResourceId,
    body: Annotated[str | bytes, Content(maximum=10_485_760)] = "",
    async_: Boolean = False,
    path: Annotated[str, Text(1, 2048)] = "/",
    method: Annotated[str, Choice(METHODS)] = "POST",
    headers: Annotated[dict[str, str], RequestHeaders()] = _NO_HEADERS,
    scheduled_at: Annotated[str, Text(1, 100)] | None = None,
) -> Execution:
    """Run a function: wait for its answer, or have it run later and learn how it ended."""
    due_at = _due_at(scheduled_at, later=async_)
    # A few rows by their keys: looked up on the event loop, where that can be told at once.
    runnable = (
        await context.database.find(lambda connection: _allowed_runnable(connection, context, function_id))
    ).value
    await require_runtime(context, runnable.run.runtime)
    request = ExecutionRequest(
        execution_id=unique_id(),
        trigger="schedule" if scheduled_at else "http",
        method=method,
        path=path,
        headers=headers,
        sender=sender_of(context),
        **_kept(body),
    )
    if async_:
        context.status = 202
        return await _enqueue(context, runnable, request, due_at)
    execution, outcome = await run_at_once(context, runnable, request)
    if context.wants_form:
        context.form = {**msgspec.to_builtins(execution), "responseBody": outcome.body}
    return execution


@operations.declare("listExecutions", "GET", PATH, scopes=("executions.read", "execution.read"))
async def list_executions(
    context: Context,
    function_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(records.LIST.attributes))] = (),
    total: Boolean = True,
) -> ExecutionList:
    """List the executions of a function that the caller may read."""
    told = context.caller.bypasses_permissions

    def unit(connection: Connection) -> ExecutionList:
        function = _function_to(connection, context, function_id)
        count, rows = records.list_executions(connection, function.sequence, _reader(context), queries, total)
        return ExecutionList(
            total=count, executions=[execution_of(row, function_id, told=told) for row in rows]
        )

    return await context.database.read(unit)


@operations.declare("getExecution", "GET", ONE, scopes=("executions.read", "execution.read"))
async def get_execution(context: Context, function_id: ResourceId, execution_id: ResourceId) -> Execution:
    """Get an execution that the caller may read."""
    told = context.caller.bypasses_permissions

    def unit(connection: Connection) -> Execution:
        function = _function_to(connection, context, function_id)
        row = _find(connection, context, function, execution_id)
        return execution_of(row, function_id, told=told)

    return await context.database.read(unit)


@operations.declare(
    "deleteExecution",
    "DELETE",
    ONE,
    scopes=("executions.write", "execution.write"),
    event=EXECUTION_DELETED,
)
async def delete_execution(context: Context, function_id: ResourceId, execution_id: ResourceId) -> None:
    """Delete an execution that has ended, or is scheduled and then runs no more."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        function = _function_to(connection, context, function_id)
        row = _find(connection, context, function, execution_id)
        if not context.caller.bypasses_permissions:
            raise unauthorized("delete", "executions")
        if row.status in {"waiting", "processing"}:
            raise TidewireError("execution_in_progress", f"The execution is {row.status}: it has not ended.")
        records.delete_execution(connection, row.sequence)
        deleted = execution_of(row, function_id, told=False)
        publish(transaction, context, EXECUTION_DELETED, parameters_of(deleted), deleted)

    await context.database.write(unit)


def _kept(body: str | bytes) -> dict[str, Any]:
    """A body as requests keep it: text takes less room in a queue than bytes that are none."""
    try:
        return {"body": body if isinstance(body, str) else body.decode()}
    except UnicodeDecodeError:
        return {"binary": body}


def _due_at(scheduled_at: str | None, *, later: bool) -> int:
    """Return when an execution is to run, in milliseconds since the epoch; 0: at once."""
    if scheduled_at is None:
        return 0
    if not later:
        raise TidewireError("general_bad_request", "Scheduled executions must run asynchronously: set async.")
    try:
        moment = parse_datetime(scheduled_at)
    except (ValueError, OverflowError):
        moment = 0
    if moment < now() + SOONEST_MS or moment % _MINUTE_MS:
        raise TidewireError(
            "general_argument_invalid",
            "Invalid `scheduledAt` param: Value must be a time in ISO 8601, a whole minute, and at least a "
            "minute from now.",
        )
    return moment


def _function_to(connection: Connection, context: Context, function_id: str) -> Row[Any]:
    """Return a function; one that is switched off exists only for keys and people of the console."""
    function = find_function(connection, function_id)
    if not function.enabled and not context.caller.bypasses_permissions:
        raise TidewireError("function_not_found", "There is no function with this id.")
    return function


def _allowed_runnable(connection: Connection, context: Context, function_id: str) -> Runnable:
    """What the caller may run of a function."""
    function = function_to_run(connection, function_id)
    caller = context.caller
    if function is None or not (function.enabled or caller.bypasses_permissions):
        raise TidewireError("function_not_found", "There is no function with this id.")
    if function.deployment_id is None:
        raise TidewireError(
            "deployment_not_found",
            "Deployment not found. Create a deployment before trying to execute a function",
        )
    if function.deployment_status != "ready":
        raise TidewireError("build_not_ready", "The active deployment is not ready.")
    if not caller.bypasses_permissions and not set(function.execute).intersection(caller.roles):
        raise unauthorized("execute", "this function")
    return runnable_of(connection, context.objects, context.settings, function)


def _find(connection: Connection, context: Context, function: Row[Any], execution_id: str) -> Row[Any]:
    row = records.execution_row(connection, function.sequence, execution_id, _reader(context))
    if row is None:
        raise TidewireError("execution_not_found", "This function has no execution with this id.")
    return row


def _reader(context: Context) -> str | None:
    """Return the user whose executions the caller may read; None: everybody's.

    None belong to the user without a name.
    """
    caller = context.caller
    if caller.bypasses_permissions:
        return None
    return caller.user_id or "?"


async def _enqueue(context: Context, runnable: Runnable, request: ExecutionRequest, due_at: int) -> Execution:
    most = context.settings.functions_queue
    told = context.caller.bypasses_permissions

    def unit(transaction: Transaction) -> Execution:
        connection = transaction.connection
        if not function_exists(connection, runnable.function_sequence):
            raise TidewireError("function_not_found", "There is no function with this id.")
        # Those of later take no room from those of now: one may be due in years.
        count = records.scheduled_jobs if due_at else records.waiting_jobs
        if count(connection, now()) >= most:
            raise TidewireError(
                "general_rate_limit_exceeded",
                f"{most} executions of this project {'are scheduled' if due_at else 'wait'} already "
                "(setting functions_queue): try again later.",
            )
        status = "scheduled" if due_at else "waiting"
        values = new_execution(
            runnable.function_sequence,
            runnable.deployment_id,
            request,
            {"status": status, "scheduled_at": due_at},
        )
        row = records.insert_execution(connection, values)
        records.enqueue(
            connection, row.sequence, msgspec.json.encode(request).decode(), due_at or row.created_at
        )
        execution = execution_of(row, runnable.function_id, told=told)
        publish(transaction, context, EXECUTION_CREATED, parameters_of(execution), execution)
        return execution

    return await context.database.write(unit)
