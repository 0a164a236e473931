"""What lies at an address that a stranger named: fetched within bounds, each redirect checked anew."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final
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
    """Where it was found, after redirects."""
    status: int
    media_type: str
    """The media type in lower case, without parameters; empty if the answer names none."""
    body: bytes


async def fetch(
    url: str, guard: Guard, *, agent: str, seconds: float, most_bytes: int, redirects: int = 0
) -> Fetched:
    """Read what lies at ``url``, of at most ``most_bytes``, within ``seconds`` in all.

    ``redirects``: how many are followed; 0: the first answer counts, whatever it is. The host of each is
    checked by ``guard`` before it is called, by its name and by its addresses. Raises RequestFailedError.
    """
    try:
        async with asyncio.timeout(seconds), guarded_pool(guard, verify=True) as pool:
            for _ in range(redirects + 1):
                found, location = await _get(pool, url, guard, agent, most_bytes)
                if found.status not in _REDIRECTS or not location or not redirects:
                    return found
                url = urljoin(url, location)
                if len(url) > _LONGEST_URL:
                    raise RequestFailedError("it leads to an address that is too long")
    except TimeoutError:
        raise RequestFailedError(f"no answer within {seconds:g} s") from None
    except ForbiddenAddressError as error:
        raise RequestFailedError(str(error)) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        raise RequestFailedError(f"the request failed: {error or type(error).__name__}") from None
    except (httpcore.UnsupportedProtocol, ValueError) as error:
        raise RequestFailedError(f"the address cannot be called: {error}") from None
    raise RequestFailedError("it leads elsewhere too often")


async def _get(
    pool: httpcore.AsyncConnectionPool, url: str, guard: Guard, agent: str, most_bytes: int
) -> tuple[Fetched, str]:
    guard.check(urlsplit(url).hostname or "")
    headers = [("user-agent", agent), ("accept", "*/*"), ("accept-encoding", "identity")]
    response = await pool.handle_async_request(request_to("GET", url, headers))
    try:
        named = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_stream():
            size += len(piece)
            if size > most_bytes:
                raise RequestFailedError(f"it is larger than {most_bytes} bytes")
            pieces.append(piece)
    finally:
        await response.aclose()
    media_type = named.get(b"content-type", "").partition(";")[0].strip().lower()
    return Fetched(url, response.status, media_type, b"".join(pieces)), named.get(b"location", "")
