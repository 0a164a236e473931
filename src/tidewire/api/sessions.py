"""Sessions over HTTP: handed to clients in cookies, and in headers where cookies do not travel."""

from __future__ import annotations

import email.utils
import json
from typing import Final
from urllib.parse import urlsplit

from tidewire.api.asgi import Headers
from tidewire.api.requests import Request
from tidewire.identity.sites import same_site
from tidewire.services.context import Context

_WEB: Final = ("http://", "https://")
_EXPIRED: Final = "Thu, 01 Jan 1970 00:00:00 GMT"


def session_headers(request: Request, context: Context, *, first_party: bool) -> Headers:
    """Hand a session to the client that the operation started, or make it forget the one that it ended."""
    session = context.session_started
    if session is not None:
        return _started_headers(
            request, context.project.id, session.value, session.expires, first_party=first_party
        )
    return _ended_headers(request, context.project.id) if context.session_ended else []


def _started_headers(
    request: Request, project_id: str, value: str, expires: int, *, first_party: bool
) -> Headers:
    """Hand over a new session; ``expires`` is in milliseconds since the epoch."""
    name = f"a_session_{project_id}"
    headers = _cookie_headers(request, name, value, email.utils.formatdate(expires / 1000, usegmt=True))
    if not first_party:
        headers.append((b"x-fallback-cookies", json.dumps({name: value}).encode()))
    return headers


def _ended_headers(request: Request, project_id: str) -> Headers:
    """Make the client forget its session."""
    return [
        *_cookie_headers(request, f"a_session_{project_id}", "deleted", _EXPIRED),
        (b"x-fallback-cookies", b"[]"),
    ]


def debug_header(*, first_party: bool) -> tuple[bytes, bytes]:
    """Tell whether a session would be handed to this client in a header too."""
    return (b"x-debug-fallback", b"false" if first_party else b"true")


async def is_first_party(request: Request) -> bool:
    """Whether the browser will send our cookies back from the page that made this request.

    Browsers do so within one site. Any other client gets the session in a header as well. Without an
    ``Origin`` nothing is known of the page.
    """
    if b"origin" not in request.headers:
        return False
    origin = request.header(b"origin")
    if not origin.lower().startswith(_WEB):
        return False
    page = _hostname(origin)
    own = _hostname(f"//{request.header(b'host')}")
    if not page or not own:
        return False
    return await same_site(page, own)


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _cookie_headers(request: Request, name: str, value: str, expires: str) -> Headers:
    attributes = f"={value}; expires={expires}; path=/; HttpOnly"
    if request.secure:
        attributes += "; Secure"
    return [
        (b"set-cookie", f"{name}_legacy{attributes}".encode()),
        (b"set-cookie", f"{name}{attributes}; SameSite=None".encode()),
    ]
