"""The door of GraphQL: what is behind it is loaded at the first request or subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from importlib import import_module
from typing import Final, Protocol, cast

from tidewire.api.asgi import Application, Receive, Scope, Send
from tidewire.api.collaborators import Collaborators
from tidewire.api.requests import Request
from tidewire.graphql.fair_thread import FairThread
from tidewire.realtime.protocol.graphql_messages import Documents, EventsWanted, Operation

_PATH: Final = "/v1/graphql"


class _Service(Protocol):
    """What answers requests, once it is loaded."""

    subscriptions: Documents

    async def answer(self, request: Request, send: Send) -> None: ...


class Door:
    """Leads requests to the service, and reads the documents of subscriptions."""

    def __init__(self) -> None:
        self._api: Collaborators
        self._opening: asyncio.Future[_Service] | None = None
        self._thread = FairThread()

    def serve(self, application: Application, api: Collaborators) -> Application:
        """Serve GraphQL below ``/v1/graphql``; everything else goes to ``application``."""
        self._api = api

        def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if not scope["path"].startswith(_PATH) or scope["type"] != "http" or scope["method"] == "OPTIONS":
                return application(scope, receive, send)
            return answer(Request(scope, receive, api.hops), send)

        async def answer(request: Request, send: Send) -> None:
            service = await self._service()
            await service.answer(request, send)

        return serve

    def is_known(self, operation: Operation) -> bool:
        """See :class:`Documents`."""
        opening = self._opening
        if opening is None or not opening.done() or opening.exception() is not None:
            return False
        return opening.result().subscriptions.is_known(operation)

    async def events_wanted(self, operation: Operation) -> EventsWanted:
        """See :class:`Documents`."""
        service = await self._service()
        return await service.subscriptions.events_wanted(operation)

    def close(self) -> None:
        """End the thread that documents are checked in."""
        self._thread.close()

    async def _service(self) -> _Service:
        opening = self._opening
        if opening is None or (opening.done() and opening.exception() is not None):
            opening = self._opening = asyncio.ensure_future(asyncio.to_thread(_open, self._api, self._thread))
        # Not ended by a client that goes away: others wait for it.
        return await asyncio.shield(opening)


def _open(api: Collaborators, thread: FairThread) -> _Service:
    """Load the library and make the schema; for a thread."""
    return cast("_Service", import_module("tidewire.graphql.service").open_service(api, thread))
