"""Refusals: what clients are told of what went wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import structlog

from tidewire.api.admission import UNAVAILABLE, unavailable
from tidewire.api.asgi import Headers, Send
from tidewire.api.body_budget import RETRY_SECONDS
from tidewire.api.errors import error_body, unforeseen_error
from tidewire.api.requests import ClientDisconnectedError, Request
from tidewire.api.responses import send_json
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.store.engine.database import DatabaseClosedError
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.errors import StoreError
from tidewire.store.records.projects import project_not_found, project_unavailable

_log = structlog.get_logger()

_RETRY_SECONDS: Final = {UNAVAILABLE: 1, "general_server_busy": RETRY_SECONDS}
"""Seconds after which a client may try again, for errors that pass by themselves or that an operator is
working on."""


def refusal(error: Exception, request: Request) -> tuple[TidewireError, Headers]:
    """What a client is told of an exception, and with which headers; what was not foreseen is logged."""
    if isinstance(error, TidewireError):
        return error, []
    if isinstance(error, DatabaseClosedError):
        return project_not_found(), []  # the project was deleted while the request was on its way
    if isinstance(error, StoreError):
        return project_unavailable(), []  # the store has logged why
    if is_unanswered(error):
        return unavailable(), []
    request_id = unique_id()
    _log.error("request_failed", request=request_id, method=request.method, path=request.path, exc_info=error)
    return unforeseen_error(), [(b"x-request-id", request_id.encode())]


async def send_refusal(send: Send, error: TidewireError, headers: Headers) -> None:
    """Answer with an error, to a client that may have gone away."""
    body = error_body(error)
    seconds = _RETRY_SECONDS.get(error.type)
    if seconds:
        headers = [*headers, (b"retry-after", b"%d" % seconds)]
    with suppress(ClientDisconnectedError):
        await send_json(send, body.code, body, headers)
