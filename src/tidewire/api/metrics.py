"""Metrics at ``/metrics``, for clients that know the key."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from tidewire.api.asgi import Application, Receive, Scope, Send

PATH: Final = "/metrics"


def with_metrics(
    application: Application, key: str, content_type: str, render: Callable[[], Awaitable[bytes]]
) -> Application:
    """Serve what ``render`` returns at :data:`PATH` to requests with ``Authorization: Bearer <key>``."""
    expected = f"Bearer {key}".encode()

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        own = scope["type"] == "http" and scope["path"] == PATH
        return answer(scope, send) if own else application(scope, receive, send)

    async def answer(scope: Scope, send: Send) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        status, body = 401, b"A bearer token is needed, the setting metrics_key.\n"
        if hmac.compare_digest(given, expected):
            status, body = 200, await render()
        headers = [
            (b"content-type", (content_type if status == 200 else "text/plain; charset=utf-8").encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    return serve
