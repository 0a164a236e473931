"""The door of GraphQL: what is behind it is loaded at the first request."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Final, Protocol, cast

from tidewire.api.asgi import Application, Receive, Scope, Send
from tidewire.api.collaborators import Collaborators
from tidewire.api.requests import Request

_PATH: Final = "/v1/graphql"


class _Service(Protocol):
    """What answers requests, once it is loaded."""

    async def answer(self, request: Request, send: Send) -> None: ...


def with_graphql(application: Application, api: Collaborators) -> Application:
    """Serve GraphQL below ``/v1/graphql``; everything else goes to ``application``."""
    opening: asyncio.Future[_Service] | None = None

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal opening
        if not scope["path"].startswith(_PATH) or scope["type"] != "http" or scope["method"] == "OPTIONS":
            await application(scope, receive, send)
            return
        if opening is None or (opening.done() and opening.exception() is not None):
            opening = asyncio.ensure_future(asyncio.to_thread(_open, api))
        # Not ended by a client that goes away: others wait for it.
        service = await asyncio.shield(opening)
        await service.answer(Request(scope, receive, api.hops), send)

    return serve


def _open(api: Collaborators) -> _Service:
    """Load the library and make the schema; for a thread."""
    return cast("_Service", import_module("tidewire.graphql.service").open_service(api))
