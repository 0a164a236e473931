"""The head of a request: rules for it beyond what the parser checks (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tidewire.api.asgi import Header

MAX_HEADERS: Final = 256
"""Lines in a head: each is kept as objects, which are many times larger than a short line."""

_OFFER: Final = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and options of ``Connection``, by which a client offers another protocol."""

_HOST: Final = re.compile(rb"(\[[0-9A-Za-z.:%]+\]|[0-9A-Za-z._~!$&'()*+;=%\x80-\xff-]+)(:[0-9]*)?")
"""The form of a host and perhaps a port (RFC 3986, section 3.2.2). With a comma in it there would be two
hosts."""


def head_problem(version: str, method: bytes, target: bytes, headers: Sequence[Header]) -> str:
    """Why a request cannot be taken as it is; empty: it can.

    Whoever stands before or behind us must not understand a request as another one than we do: of which
    host it is, and where its body ends.
    """
    by_name = dict(headers)
    host = by_name.get(b"host")
    several = len(by_name) < len(headers)
    if (host is None and version != "1.0") or (several and _count(headers, b"host") > 1):
        hosts = _count(headers, b"host")
        return f"A request names its host in exactly one Host header; this one has {hosts}."
    if host and not _HOST.fullmatch(host):
        return "The Host header holds no single host."
    if target[:1] != b"/":
        # A target with a host of its own, which other servers may follow instead (RFC 9112, 3.2.2).
        authority = target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
        if authority.lower() not in {b"", (host or b"").lower()}:
            return "The target of the request and its Host header name different hosts."
    if b"transfer-encoding" in by_name:
        codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
        if codings != [b"chunked"] or version == "1.0":
            return "The only transfer coding that is understood is chunked, in HTTP/1.1."
        if b"content-length" in by_name:
            return "A request has either a Content-Length or a transfer coding, not both."
    if several and _count(headers, b"content-length") > 1:
        return "A request has at most one Content-Length."
    if version not in {"1.0", "1.1"}:
        return f"HTTP/{version} is not spoken here, but HTTP/1.1."
    if method == b"CONNECT":
        return "This is no proxy: CONNECT is not understood."
    return ""


def asks_for_web_socket(version: str, method: bytes, headers: Sequence[Header]) -> bool:
    """Whether what follows the head is to be a WebSocket (RFC 6455, 4.1)."""
    named = {name for name, _ in headers}
    return (
        version == "1.1"
        and method == b"GET"
        and b"transfer-encoding" not in named
        and all(value == b"0" for name, value in headers if name == b"content-length")
        and b"websocket" in _tokens(headers, b"upgrade")
    )


def without_offer(headers: Sequence[Header]) -> list[Header]:
    """The headers without the offer of another protocol, which a server may ignore (RFC 9110, section
    7.8)."""
    kept = [header for header in headers if header[0] not in _OFFER | {b"connection"}]
    options = [token for token in _tokens(headers, b"connection") if token not in _OFFER]
    return [*kept, (b"connection", b", ".join(options))] if options else kept


def _count(headers: Sequence[Header], wanted: bytes) -> int:
    return sum(1 for name, _ in headers if name == wanted)


def _tokens(headers: Sequence[Header], wanted: bytes) -> list[bytes]:
    return [token.strip().lower() for name, value in headers if name == wanted for token in value.split(b",")]
