"""Cross-origin requests: which pages may call from a browser (CORS)."""

from __future__ import annotations

from typing import Final

from tidewire.api.asgi import Headers
from tidewire.core.errors import TidewireError

_ALLOWED_HEADERS: Final = (
    "Accept, Origin, Cookie, Set-Cookie, Content-Type, Content-Range, Range, Cache-Control, Expires, Pragma, "
    "X-Appwrite-Project, X-Appwrite-Key, X-Appwrite-Dev-Key, X-Appwrite-Locale, X-Appwrite-Mode, "
    "X-Appwrite-JWT, X-Appwrite-Organization, X-Appwrite-Response-Format, X-Appwrite-Timeout, X-Appwrite-ID, "
    "X-Appwrite-Timestamp, X-Appwrite-Session, X-Appwrite-Platform, X-Appwrite-Impersonate-User-Id, "
    "X-Appwrite-Impersonate-User-Email, X-Appwrite-Impersonate-User-Phone, X-SDK-Version, X-SDK-Name, "
    "X-SDK-Language, X-SDK-Platform, X-SDK-GraphQL, X-SDK-Profile, X-Fallback-Cookies, X-Requested-With, "
    "X-Forwarded-For, X-Forwarded-User-Agent, X-Tidewire-Sign-Up-Code, Last-Event-ID"
)
_EXPOSED_HEADERS: Final = "X-Appwrite-Session, X-Fallback-Cookies"
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", _ALLOWED_HEADERS.encode()),
    (b"access-control-max-age", b"86400"),
)
VARY: Final = (b"vary", b"Origin")


def unknown_origin(origin: str) -> TidewireError:
    """The error for a page that may not call."""
    return TidewireError(
        "general_unknown_origin",
        f"The origin {origin[:200]} may not call this project: register its host name as a web platform.",
    )


def allow_headers(origin: str) -> Headers:
    """Headers that let the page read the answer; for an origin that may call."""
    if not origin:
        return [VARY]
    return [
        VARY,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED_HEADERS.encode()),
    ]


def preflight_headers(origin: str) -> Headers:
    """Headers of the answer to OPTIONS, which names no project and so allows every origin."""
    return [*allow_headers(origin), *_PREFLIGHT]
