"""Functions that answer for a domain of their own, for whoever asks."""

from __future__ import annotations

from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.services.context import Context
from tidewire.services.functions.catalog import require_runtime
from tidewire.services.functions.outcomes import Outcome
from tidewire.services.functions.requests import ExecutionRequest
from tidewire.services.functions.runnables import Runnable, runnable_of
from tidewire.services.functions.waiting import run_at_once
from tidewire.store.engine.connection import Connection
from tidewire.store.records.runnables import FunctionToRun, function_to_run

_EVERYBODY: Final = frozenset({"any", "guests"})


async def public_runnable(context: Context, function_id: str) -> Runnable:
    """What runs for everybody who asks a domain of this function.

    Raises ``function_not_found`` also where it is switched off, ``function_execute_permission_missing``,
    ``function_runtime_unsupported``, ``deployment_not_found`` and ``build_not_ready``.
    """

    def unit(connection: Connection) -> Runnable:
        function = function_to_run(connection, function_id)
        if function is None or not function.enabled:
            raise TidewireError("function_not_found", "There is no function with this id.")
        _require_public(function)
        if function.deployment_id is None:
            raise TidewireError("deployment_not_found", "The function has no active deployment.")
        if function.deployment_status != "ready":
            raise TidewireError("build_not_ready", "The active deployment is not ready.")
        return runnable_of(connection, context.objects, context.settings, function)

    runnable = (await context.database.find(unit, lane="requests")).value
    await require_runtime(context, runnable.run.runtime)
    return runnable


async def answer(context: Context, runnable: Runnable, request: ExecutionRequest) -> Outcome:
    """What the function answers. The execution is kept, for nobody but keys and people of the console.

    Raises ``function_synchronous_timeout``.
    """
    _, outcome = await run_at_once(context, runnable, request)
    return outcome


def _require_public(function: FunctionToRun) -> None:
    if _EVERYBODY.isdisjoint(function.execute):
        raise TidewireError(
            "function_execute_permission_missing",
            "Not everybody may run this function: let it be executed by `any` or `guests` to reach it here.",
        )
