"""Redirections over HTTP: addresses that browsers are sent to, with cookies that only they show again."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from tidewire.api.asgi import Headers, Send
from tidewire.api.html import HTML_TYPE, POLICY, html_page
from tidewire.api.requests import Request
from tidewire.api.responses import send_body
from tidewire.core.errors import TidewireError
from tidewire.core.redirection import Browser, BrowserCookie, Redirection
from tidewire.identity.credentials import read_cookies

COOKIE_PREFIX: Final = "a_oauth2_"
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252}))(:[0-9]{1,5})?")
_KEPT: Final = "%/:?#[]@!$&'()*+,;=~-._"
"""Characters of an address that are sent as they are."""
_NOT_KEPT: Final = (
    (b"cache-control", b"no-store, no-cache, must-revalidate, max-age=0"),
    (b"pragma", b"no-cache"),
    (b"referrer-policy", b"no-referrer"),
)


def browser_of(request: Request) -> Browser:
    """What a browser that follows a link says. Raises ``general_bad_request`` if it names no host."""
    host = request.header(b"host")
    if not _HOST.fullmatch(host):
        raise TidewireError("general_bad_request", "The header Host must name this server.")
    shown = read_cookies(request.header(b"cookie"))
    kept = {name: value for name, value in shown.items() if name.startswith(COOKIE_PREFIX)}
    return Browser(f"{'https' if request.secure else 'http'}://{host}", kept)


async def send_redirection(
    request: Request, send: Send, status: int, redirection: Redirection, headers: Headers
) -> None:
    """Send the browser on. The address is in the head alone: it may hold a secret."""
    whole = [
        *headers,
        *_NOT_KEPT,
        POLICY,
        (b"location", quote(redirection.url, safe=_KEPT).encode()),
        *((b"set-cookie", _cookie(request, each)) for each in redirection.cookies),
    ]
    await send_body(send, status, HTML_TYPE, html_page("Going on", "The browser goes on by itself."), whole)


def _cookie(request: Request, cookie: BrowserCookie) -> bytes:
    secure = "; Secure" if request.secure else ""
    kept = f"Max-Age={cookie.seconds}; Path={cookie.path}; HttpOnly; SameSite=Lax{secure}"
    return f"{cookie.name}={cookie.value}; {kept}".encode()
