"""Errors on the wire."""

from __future__ import annotations

from typing import Final

import msgspec

import tidewire
from tidewire.core.errors import SHOWN_STATUSES, TidewireError

GENERIC_MESSAGE: Final = "Server Error"
_UNFORESEEN: Final = "general_unknown"
"""Type of the errors that :func:`unforeseen_error` makes, and nothing else."""


class ErrorBody(msgspec.Struct):
    """The body of every answer that is not a success. Programs rely on ``type``."""

    message: str
    code: int
    """The HTTP status."""
    type: str
    version: str = tidewire.__version__


def error_body(error: TidewireError) -> ErrorBody:
    """The body for an error; one whose status clients do not know becomes a generic 500 of the same type."""
    if error.code in SHOWN_STATUSES or error.type == _UNFORESEEN:
        return ErrorBody(error.message, error.code, error.type)
    return ErrorBody(GENERIC_MESSAGE, 500, error.type)


def unforeseen_error(request_id: str) -> TidewireError:
    """What the client is told of a defect: nothing but where the operator finds it in the log."""
    return TidewireError(
        _UNFORESEEN, f"{GENERIC_MESSAGE}: the server's log says why, under the request id {request_id}."
    )
