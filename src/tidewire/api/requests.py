"""A request as the API sees it: headers by name, who sent it, and its body, bounded in size."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Final

from tidewire.api.asgi import AsgiMessage, Receive, Scope
from tidewire.api.body_budget import BodyLease
from tidewire.core.errors import TidewireError
from tidewire.core.forwarding import Hops
from tidewire.identity.heads import Head
from tidewire.identity.paths import plain_path

LARGE_BODY: Final = 64 * 1024
"""Bytes from which on a body is read only once its sender and its operation are known."""
AHEAD_BYTES: Final = 1024 * 1024
"""The most bytes of room that are taken ahead of a body whose size is not announced."""


class ClientDisconnectedError(Exception):
    """The client went away, or stopped sending and was closed, before its request was complete."""


class Request(Head):
    """One request."""

    __slots__ = ("_begun", "_receive", "method", "path", "query_string", "scope")

    def __init__(self, scope: Scope, receive: Receive, hops: Hops | None) -> None:
        client = scope.get("client")
        super().__init__(scope["headers"], client[0] if client else "", scope.get("scheme", ""), hops)
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = plain_path(scope["raw_path"].decode("latin-1"))
        self.query_string: bytes = scope["query_string"]
        self._receive = receive
        self._begun: AsgiMessage | None = None
        """The first message of a body, which was looked at already."""

    @property
    def content_length(self) -> int:
        """Announced size of the body in bytes; 0 if absent (the body may still come in chunks)."""
        value = self.headers.get(b"content-length", b"")
        return int(value) if value.isdigit() else 0

    async def body_pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises :class:`ClientDisconnectedError`."""
        more = True
        while more:
            message, self._begun = self._begun or await self._next(), None
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def body_at_once(self) -> bytes | None:
        """The body, if it arrives whole, as small ones do; else None, and :meth:`body` has it.

        Nothing is read of a body that is announced as large.
        """
        if self.content_length > LARGE_BODY:
            return None
        message = await self._next()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or len(body) > LARGE_BODY:
            self._begun = message
            return None
        return body

    async def body(self, limit: int, lease: BodyLease) -> bytearray:
        """The whole body, of at most ``limit`` bytes, which are counted for ``lease`` before they are read.

        Raises ``general_content_too_large`` and ``general_server_busy``.
        """
        self.require_within(limit)
        body = bytearray()
        await lease.take(self.content_length or LARGE_BODY)
        async for piece in self.body_pieces():
            size = len(body) + len(piece)
            if size > limit:
                raise too_large(f"The request body is larger than {limit} bytes.")
            if size > lease.size:
                ahead = min(lease.size, AHEAD_BYTES, limit - lease.size)
                await lease.take(max(size - lease.size, ahead))
            body += piece
        return body

    def require_within(self, limit: int) -> None:
        """Refuse a body that is announced as larger than ``limit`` bytes."""
        if self.content_length > limit:
            raise too_large(f"The request body is larger than {limit} bytes.")

    async def _next(self) -> AsgiMessage:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        return message

    def part(self) -> Request:
        """What the sender says in any part of the request that calls an operation.

        How the answer to the whole is taken is not said of its parts.
        """
        made = copy.copy(self)
        made.headers = {name: value for name, value in self.headers.items() if name != b"accept"}
        made.found = {}
        return made

    async def disconnected(self) -> None:
        """Return when the client has gone away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def too_large(message: str) -> TidewireError:
    """The refusal of a body with more in it than the server takes; the message says which limit it is."""
    return TidewireError("general_content_too_large", message, limit="bytes of a body")
