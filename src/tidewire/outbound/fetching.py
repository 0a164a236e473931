"""What lies at an address that a stranger named: fetched within bounds, each redirect checked anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import httpcore

from tidewire.outbound.guard import ForbiddenAddressError, Guard
from tidewire.outbound.http import RequestFailedError, guarded_pool, request_to

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL: Final = 4096


@dataclass(frozen=True)
class Fetched:
    """An answer."""

    url: str
    """The address at which it was found, after redirects."""
    status: int
    media_type: str
    """The media type in lower case, without parameters; empty if the answer names none."""
    body: bytes


@dataclass(frozen=True)
class Answered:
    """An answer as it came."""

    status: int
    headers: Mapping[bytes, str]
    """Names in lower case; of those that come twice the last."""
    body: bytes


class Calls:
    """Requests to checked addresses, made one after the other."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, guard: Guard, most_bytes: int) -> None:
        self._pool = pool
        self._guard = guard
        self._most_bytes = most_bytes

    async def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
    ) -> Answered:
        """Send a request, and read the whole answer. The host is checked by its name and by its addresses."""
        self._guard.check(urlsplit(url).hostname or "")
        whole = [*headers, ("accept-encoding", "identity")]
        response = await self._pool.handle_async_request(request_to(method, url, whole, body))
        try:
            named = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            pieces: list[bytes] = []
            size = 0
            async for piece in response.aiter_stream():
                size += len(piece)
                if size > self._most_bytes:
                    raise RequestFailedError(f"the answer is larger than {self._most_bytes} bytes")
                pieces.append(piece)
        finally:
            await response.aclose()
        return Answered(response.status, named, b"".join(pieces))


@asynccontextmanager
async def guarded_calls(guard: Guard, *, seconds: float, most_bytes: int) -> AsyncIterator[Calls]:
    """Requests that take at most ``seconds`` in all, with answers of at most ``most_bytes`` each.

    Whatever fails of them, or is forbidden, ends the block with RequestFailedError.
    """
    try:
        async with asyncio.timeout(seconds), guarded_pool(guard, verify=True) as pool:
            yield Calls(pool, guard, most_bytes)
    except TimeoutError:
        raise RequestFailedError(f"no answer within {seconds:g} s") from None
    except ForbiddenAddressError as error:
        raise RequestFailedError(str(error)) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        raise RequestFailedError(f"the request failed: {error or type(error).__name__}") from None
    except (httpcore.UnsupportedProtocol, ValueError) as error:
        raise RequestFailedError(f"the address cannot be called: {error}") from None


async def fetch(
    url: str, guard: Guard, *, agent: str, seconds: float, most_bytes: int, redirects: int = 0
) -> Fetched:
    """Read what lies at ``url``, of at most ``most_bytes``, within ``seconds`` in all.

    ``redirects``: how many are followed; 0: the first answer counts, whatever it is. The host of each is
    checked by ``guard`` before it is called, by its name and by its addresses. Raises RequestFailedError.
    """
    async with guarded_calls(guard, seconds=seconds, most_bytes=most_bytes) as calls:
        for _ in range(redirects + 1):
            answer = await calls.send("GET", url, [("user-agent", agent), ("accept", "*/*")])
            location = answer.headers.get(b"location", "")
            if answer.status not in _REDIRECTS or not location or not redirects:
                media_type = answer.headers.get(b"content-type", "").partition(";")[0].strip().lower()
                return Fetched(url, answer.status, media_type, answer.body)
            url = urljoin(url, location)
            if len(url) > _LONGEST_URL:
                raise RequestFailedError("it leads to an address that is too long")
    raise RequestFailedError("it leads elsewhere too often")
