"""Executions that somebody waits for: run at once, kept when they have ended, and told of."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.models import Execution
from tidewire.services.context import Context
from tidewire.services.countries import EU_MEMBERS
from tidewire.services.functions.events import EXECUTION_CREATED
from tidewire.services.functions.outcomes import Outcome, carry_out
from tidewire.services.functions.records import execution_event, execution_of
from tidewire.services.functions.requests import ExecutionRequest, Sender, new_execution
from tidewire.services.functions.runnables import Runnable
from tidewire.services.publishing import actor_of
from tidewire.store.engine.database import Transaction
from tidewire.store.records import executions as records
from tidewire.store.records.functions import function_exists

SYNC_SECONDS: Final = 30.0
"""How long somebody waits for a function at most."""
MAX_TOLD_BYTES: Final = 1_000_000
"""The most bytes of an answer's body in an event; a longer one is left out there."""


async def run_at_once(
    context: Context, runnable: Runnable, request: ExecutionRequest
) -> tuple[Execution, Outcome]:
    """Run a function and keep the execution.

    Raises ``function_synchronous_timeout`` after :data:`SYNC_SECONDS`; such an execution is kept too.
    """
    assert context.engine is not None  # there is nothing to run without one
    outcome = None
    try:
        async with asyncio.timeout(SYNC_SECONDS):
            outcome = await carry_out(context.engine, runnable, request, context.jwt_secret)
    except TimeoutError:
        pass
    execution = await _store(context, runnable, request, outcome)
    if outcome is None:
        raise TidewireError(
            "function_synchronous_timeout",
            f"The function took longer than {SYNC_SECONDS:.0f} s: run it asynchronously.",
        )
    return execution, outcome


def sender_of(context: Context) -> Sender:
    """Return the sender of the request: who makes it, and from where."""
    place = context.geoip.find(context.client.ip)
    identity = context.caller.identity if context.caller.kind == "user" else None
    return Sender(
        user_id=identity.user_id if identity else "",
        session_id=identity.session_id if identity else "",
        ip=context.client.ip,
        country_code=place.country_code,
        continent_code=place.continent_code,
        continent_eu=place.country_code in EU_MEMBERS,
    )


async def _store(
    context: Context, runnable: Runnable, request: ExecutionRequest, outcome: Outcome | None
) -> Execution:
    """Keep what came of an execution that somebody waits for, and tell of it."""
    kept = outcome or Outcome(
        "failed", 500, errors="Synchronous function execution timed out.", duration=SYNC_SECONDS
    )
    headers = [*kept.headers, ("x-appwrite-execution-id", request.execution_id)]
    body = kept.body.decode(errors="replace")
    told_body = body if len(kept.body) <= MAX_TOLD_BYTES else ""
    values = new_execution(runnable.function_sequence, runnable.deployment_id, request, kept.columns())
    actor_id = actor_of(context, {})

    def unit(transaction: Transaction) -> Execution:
        connection = transaction.connection
        if not function_exists(connection, runnable.function_sequence):
            raise TidewireError("function_not_found", "The function was deleted while it ran.")
        row = records.insert_execution(connection, values)
        public = execution_of(row, runnable.function_id, told=False, body=told_body, headers=headers)
        transaction.append(execution_event(context.project, actor_id, EXECUTION_CREATED, public))
        return public

    public = await context.database.write(unit)
    told = context.caller.bypasses_permissions
    return msgspec.structs.replace(
        public, response_body=body, logs=kept.logs if told else "", errors=kept.errors if told else ""
    )


def parameters_of(execution: Execution) -> dict[str, str]:
    """The ids in the events of an execution."""
    return {"functionId": execution.resource_id, "executionId": execution.id}
