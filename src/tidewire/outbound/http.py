"""An HTTP client that calls only addresses that may be called, and follows no redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import httpcore

from tidewire.outbound.guard import ForbiddenAddressError, Guard

_SAFE: Final = "%/:?#[]@!$&'()*+,;=~-._"
"""Characters of a path or query that are sent as they are written."""
_KEPT_CONNECTIONS: Final = 100
_KEPT_SECONDS: Final = 30.0
_READ_BYTES: Final = 64 * 1024
"""The most bytes of an answer's body that are read to its end; a longer one ends the connection."""


class RequestFailedError(Exception):
    """A request without an answer; the text says why and is fit to be shown to who named the address."""


@dataclass(frozen=True)
class HttpAnswer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of those that come twice the last."""
    body: bytes


class OutboundHttp:
    """Connections to any number of hosts, each host's apart from the others'."""

    def __init__(self, guard: Guard) -> None:
        self._pools = {verify: guarded_pool(guard, verify) for verify in (True, False)}
        self._guard = guard
        self._second: httpcore.AsyncConnectionPool | None = None
        """The connections by HTTP/2, which few need; None until somebody does."""

    async def post(
        self,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        verify: bool,
        seconds: float,
    ) -> int:
        """Send ``body`` and return the status of the answer.

        ``verify``: whether an https server must show a valid certificate. ``seconds``: for all of it.
        Raises :class:`RequestFailedError`.
        """
        answer = await self._call(self._pools[verify], "POST", url, headers, body, seconds)
        return answer.status

    async def fetch(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        seconds: float,
        http2: bool = False,
    ) -> HttpAnswer:
        """Send a request and return the answer, its body cut after 64 KB; certificates are verified.

        ``http2``: by HTTP/2 and nothing else. ``seconds``: for all of it. Raises :class:`RequestFailedError`.
        """
        pool = self._pools[True]
        if http2:
            pool = self._second = self._second or guarded_pool(self._guard, verify=True, http2=True)
        return await self._call(pool, method, url, headers, body, seconds)

    async def _call(
        self,
        pool: httpcore.AsyncConnectionPool,
        method: Literal["GET", "POST"],
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
    ) -> HttpAnswer:
        try:
            request = request_to(method, url, headers, body)
            async with asyncio.timeout(seconds):
                return await _send(pool, request)
        except TimeoutError:
            raise RequestFailedError(f"no answer within {seconds:g} s") from None
        except ForbiddenAddressError as error:
            raise RequestFailedError(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise RequestFailedError(_reason(error)) from None
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            raise RequestFailedError(f"the address cannot be called: {error}") from None

    async def close(self) -> None:
        """Close all connections."""
        for pool in (*self._pools.values(), self._second):
            if pool is not None:
                await pool.aclose()


async def _send(pool: httpcore.AsyncConnectionPool, request: httpcore.Request) -> HttpAnswer:
    response = await pool.handle_async_request(request)
    try:
        body = bytearray()
        async for piece in response.aiter_stream():
            body += piece
            if len(body) > _READ_BYTES:
                break
    finally:
        await response.aclose()
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return HttpAnswer(response.status, headers, bytes(body[:_READ_BYTES]))


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses of a host; TLS still asks for the host by its name."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of the library
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._guard.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        assert failure is not None, "a host has at least one address"
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def _tls(verify: bool) -> ssl.SSLContext:
    """The same for all pools: reading the certificates of all authorities takes tens of milliseconds."""
    if verify:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def guarded_pool(guard: Guard, verify: bool, *, http2: bool = False) -> httpcore.AsyncConnectionPool:
    """Connections to checked addresses only, by HTTP/1.1 or (``http2``) by HTTP/2 alone.

    ``verify`` as for :meth:`OutboundHttp.post`.
    """
    return httpcore.AsyncConnectionPool(
        # Connections set in it which protocols they speak.
        ssl_context=ssl.create_default_context() if http2 else _tls(verify),
        max_connections=None,  # a limit would let slow servers keep the others waiting
        max_keepalive_connections=_KEPT_CONNECTIONS,
        keepalive_expiry=_KEPT_SECONDS,
        http1=not http2,
        http2=http2,
        network_backend=_GuardedBackend(guard),
    )


def request_to(
    method: Literal["GET", "POST"], url: str, headers: Sequence[tuple[str, str]], body: bytes = b""
) -> httpcore.Request:
    """The request with everything in the form that goes over the wire. Raises ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna")
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("it is no http or https URL")
    port = parts.port
    target = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    shown = b"[%b]" % host if b":" in host else host
    authority = shown if port is None else shown + b":%d" % port
    return httpcore.Request(
        method,
        httpcore.URL(scheme=parts.scheme.encode(), host=host, port=port, target=target.encode()),
        headers=[
            (b"host", authority),
            *((name.encode(), one_line(value)) for name, value in headers),
            *([(b"content-length", b"%d" % len(body))] if method == "POST" else ()),
        ],
        content=body,
    )


def one_line(value: str) -> bytes:
    """A header value of text that strangers chose: no control characters, no blanks at its ends."""
    return (
        "".join(" " if ord(letter) < 32 or ord(letter) == 127 else letter for letter in value)
        .strip()
        .encode()
    )


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"the request failed: {text}"
