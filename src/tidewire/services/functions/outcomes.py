"""What comes of an execution: the answer of the function, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.time import now
from tidewire.functions.contract import (
    Engine,
    EngineError,
    FunctionResponse,
    NotReadyError,
    TimedOutError,
    UnknownRuntimeError,
)
from tidewire.services.functions.requests import ExecutionRequest, function_request, kept_answer_headers
from tidewire.services.functions.runnables import Runnable
from tidewire.store.objects.storage import ObjectMissingError

_CODES: Final[dict[type[EngineError], int]] = {
    TimedOutError: 408,
    NotReadyError: 503,
    UnknownRuntimeError: 404,
}
"""Kind of failure to the code that is told of it; 500 for any other."""


@dataclass(frozen=True)
class Outcome:
    """An execution that has ended."""

    status: str
    """``completed`` or ``failed``."""
    status_code: int
    """The status of the answer; 500: there is none, 0: the function was not even called."""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    logs: str = ""
    errors: str = ""
    duration: float = 0.0
    """Seconds."""

    def columns(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "status": self.status,
            "response_status_code": self.status_code,
            "response_headers": kept_answer_headers(self.headers),
            "logs": self.logs,
            "errors": self.errors,
            "duration": self.duration,
            "updated_at": now(),
        }


async def carry_out(
    engine: Engine, runnable: Runnable, request: ExecutionRequest, jwt_secret: bytes
) -> Outcome:
    """Run a function; whatever it does, something comes of it."""
    try:
        sent = function_request(request, runnable, jwt_secret)
        response = await engine.execute(runnable.run, sent)
    except EngineError as error:
        code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), 500)
        return failed(f"{error}\nError Code: {code}", runnable, logs=error.logs, errors=error.errors)
    except ObjectMissingError:
        return failed("What was built of this deployment is gone: deploy again.", runnable)
    return _answered(response)


def failed(reason: str, runnable: Runnable, *, logs: str = "", errors: str = "") -> Outcome:
    """An execution without an answer."""
    if not runnable.logging:
        return Outcome("failed", 500)
    return Outcome("failed", 500, logs=logs, errors=f"{errors}\n{reason}" if errors else reason)


def not_run(reason: str) -> Outcome:
    """An execution that could not even begin."""
    return Outcome("failed", 0, errors=reason)


def _answered(response: FunctionResponse) -> Outcome:
    return Outcome(
        "failed" if response.status >= 500 else "completed",
        response.status,
        response.body,
        tuple(response.headers),
        response.logs,
        response.errors,
        response.duration,
    )
