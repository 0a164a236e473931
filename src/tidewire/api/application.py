"""The API as an ASGI application."""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.api.asgi import Application, Receive, Scope, Send
from tidewire.api.collaborators import Collaborators
from tidewire.api.exchange import Exchange
from tidewire.api.openapi import openapi_document
from tidewire.api.origins import VARY, preflight_headers
from tidewire.api.requests import Request
from tidewire.api.responses import send_compressible, send_empty

OPENAPI_PATH: Final = "/v1/openapi.json"


def create_api(api: Collaborators) -> Application:
    """The application that serves the operations of the registry below ``/v1``."""
    registry = api.registry
    openapi: msgspec.Raw | None = None

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal openapi
        request = Request(scope, receive, api.hops)
        if request.method == "OPTIONS":
            await send_empty(send, 204, preflight_headers(request.header(b"origin")))
        elif request.path == OPENAPI_PATH and request.method in {"GET", "HEAD"}:
            openapi = openapi or msgspec.Raw(msgspec.json.encode(openapi_document(registry.operations)))
            accepted = request.header(b"accept-encoding")
            await send_compressible(send, 200, openapi, [VARY], accepted, api.compressed_from)
        else:
            await Exchange(api, request, send).run()

    return serve
