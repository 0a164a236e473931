"""Pages outside ``/v1``, which crawlers, certificate authorities and links to a console ask for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

import tidewire
from tidewire.api.asgi import Application, Header, Receive, Scope, Send
from tidewire.api.errors import error_body
from tidewire.api.html import HTML_TYPE, POLICY, html_page
from tidewire.api.responses import JSON_TYPE, TEXT_TYPE, send_body
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.identity.credentials import read_parameters, text

_CHALLENGES: Final = "/.well-known/acme-challenge/"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CONSOLE: Final = "/console"
_OF_CONSOLE: Final = frozenset({"/invite", "/recover", "/login", "/register", "/mfa", "/card", "/auth"})
"""Pages that links in mails and older clients name without the console's prefix."""

_VERSIONS: Final = {
    "server": tidewire.__version__,
    "client-web": "28.0.0",
    "client-flutter": "25.0.0",
    "console-web": "23.0.0",
    "server-nodejs": "27.1.0",
    "server-php": "24.0.0",
    "server-python": "27.0.0",
    "server-ruby": "24.0.0",
    "console-cli": "12.0.1",
}
"""The versions of this server and of the SDKs that speak the API as it does."""


@dataclass(frozen=True)
class _Page:
    status: int
    content_type: bytes
    body: bytes
    headers: tuple[Header, ...] = ()


def _html(title: str, text: str) -> _Page:
    return _Page(200, HTML_TYPE, html_page(title, text), (POLICY,))


_HOME: Final = _html(
    "Tidewire", "This is a Tidewire server. Its API is below /v1; it has no pages of a console."
)
_ENDS: Final = {
    "/console/auth/oauth2/success": ("Signed in", "You are signed in and can close this window."),
    "/console/auth/oauth2/failure": ("Not signed in", "Signing in failed. You can close this window."),
}
_PRIVATE: Final = (b"referrer-policy", b"no-referrer")
_PAGES: Final[Mapping[str, _Page]] = {
    "/": _HOME,
    _CONSOLE: _HOME,
    **{path: _html(*said) for path, said in _ENDS.items()},
    "/robots.txt": _Page(200, TEXT_TYPE, b"# robotstxt.org/\n\nUser-agent: *\nDisallow: /\n"),
    "/humans.txt": _Page(200, TEXT_TYPE, b"# humanstxt.org/\n\nTidewire: a self-hosted realtime backend.\n"),
    "/versions": _Page(200, JSON_TYPE, msgspec.json.encode(_VERSIONS)),
}


def with_pages(application: Application) -> Application:
    """Serve these pages; everything else goes to ``application``."""

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"].startswith("/v1/") or scope["type"] != "http":
            return application(scope, receive, send)
        page = _page(scope) if scope["method"] in {"GET", "HEAD"} else None
        return application(scope, receive, send) if page is None else show(page, scope, send)

    async def show(page: _Page, scope: Scope, send: Send) -> None:
        is_head = scope["method"] == "HEAD"
        await send_body(send, page.status, page.content_type, page.body, page.headers, to_head=is_head)

    return serve


def _page(scope: Scope) -> _Page | None:
    path: str = scope["path"]
    if path.startswith(_CHALLENGES):
        return _challenge(path.removeprefix(_CHALLENGES))
    if path in _OF_CONSOLE:
        query = scope["query_string"]
        target = _CONSOLE.encode() + path.encode() + (b"?" + query if query else b"")
        return _Page(302, TEXT_TYPE, b"", ((b"location", target),))
    if path.startswith(_CONSOLE + "/") and path not in _PAGES:
        return _HOME
    if path in _ENDS and scope["query_string"]:
        return _end_of_sign_in(path, scope["query_string"].decode("latin-1"))
    return _PAGES.get(path)


def _end_of_sign_in(path: str, query: str) -> _Page:
    """The page where a sign-in at another provider ends, which opens the app of its project.

    SDKs of apps wait for that; the query tells the app of the session, or of the error.
    """
    project = text(read_parameters(query), "project")
    if not is_id(project) or not query.isascii():
        return _PAGES[path]
    title, said = _ENDS[path]
    body = html_page(title, said, onward=f"appwrite-callback-{project}://?{query}")
    return _Page(200, HTML_TYPE, body, (POLICY, _PRIVATE, (b"cache-control", b"no-store")))


def _challenge(token: str) -> _Page:
    """The answer to a certificate authority: certificates are the business of a proxy, so none is known."""
    if _TOKEN.fullmatch(token):
        error = TidewireError("general_route_not_found", "There is no challenge with this token.")
    else:
        error = TidewireError(
            "general_argument_invalid",
            "Invalid `token` param: letters, digits, hyphens and underscores only, at most 100.",
        )
    body = error_body(error)
    return _Page(body.code, JSON_TYPE, msgspec.json.encode(body))
