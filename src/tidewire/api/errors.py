"""Errors on the wire."""

from __future__ import annotations

from typing import Final

import msgspec

import tidewire
from tidewire.core.errors import SHOWN_STATUSES, TidewireError

GENERIC_MESSAGE: Final = "Server Error"


class ErrorBody(msgspec.Struct):
    """The body of every answer that is not a success. Programs rely on ``type``."""

    message: str
    code: int
    """The HTTP status."""
    type: str
    version: str = tidewire.__version__


def error_body(error: TidewireError) -> ErrorBody:
    """The body for an error; one whose status clients do not know becomes a generic 500 of the same type."""
    if error.code in SHOWN_STATUSES:
        return ErrorBody(error.message, error.code, error.type)
    return ErrorBody(GENERIC_MESSAGE, 500, error.type)


def unforeseen_error() -> TidewireError:
    """What the client is told of a defect: nothing but that there was one."""
    return TidewireError("general_unknown", GENERIC_MESSAGE)
