"""The opening request of a connection, and what it says about its sender."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request

from tidewire.core.query_string import parse_query_string
from tidewire.store.credentials import decode_session

CONSOLE: Final = "console"
"""The project that people manage the other projects in."""


def parse_request(head: bytes) -> Request:
    """Read the head of a request that an HTTP server has already found to be well formed.

    ``websockets`` could do it, but only with lines up to 8 KB: older SDKs put all their queries into the
    URL. Raises ValueError, or an InvalidHandshake of ``websockets``.
    """
    request_line, *lines = head.decode("iso-8859-1").split("\r\n")
    method, target, _ = request_line.split(" ", 2)
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip(" \t")
    return Request(target, headers, method)


def path_of(request: Request) -> str:
    """The path that is asked for, decoded."""
    path = request.path.partition("?")[0]
    if "://" in path:  # a proxy's form, with scheme and host
        path = "/" + path.partition("://")[2].partition("/")[2]
    return unquote(path)


@dataclass(frozen=True, slots=True)
class Impersonated:
    """Whom a user wants to act as; the first that is not empty counts."""

    user_id: str
    email: str
    phone: str

    def __bool__(self) -> bool:
        return bool(self.user_id or self.email or self.phone)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a client says about itself when it connects."""

    project_id: str
    session: str
    """Encoded session; empty without one."""
    jwt: str
    """Empty without one."""
    admin: bool
    """The session is one of the console."""
    key: str
    """API key; counts only together with ``key_user``."""
    key_user: str
    """The console user whose key it is."""
    dev_key: str
    impersonated: Impersonated
    origin: str | None
    """Of the web page or app; other programs send none."""
    ip: str
    parameters: dict[str, Any]
    """Of the query string, channels and queries among them."""


def read_inputs(request: Request, peer: str, *, trust_proxy: bool) -> Inputs:
    """Collect the inputs from wherever the SDKs put them. ``peer`` is the address of the socket."""
    headers = request.headers
    parameters = parse_query_string(request.path.partition("?")[2])
    project_id = _first(headers, "x-appwrite-project") or _text(parameters, "project") or CONSOLE
    mode = _text(parameters, "mode") or _first(headers, "x-appwrite-mode")
    # The last entry is the proxy's own; what stands before it is what the client claims.
    forwarded = ",".join(headers.get_all("x-forwarded-for")).rpartition(",")[2].strip() if trust_proxy else ""
    return Inputs(
        project_id=project_id,
        session=_session(headers, f"a_session_{CONSOLE if mode == 'admin' else project_id}"),
        jwt=_first(headers, "x-appwrite-jwt") or _text(parameters, "jwt"),
        admin=mode == "admin",
        key=_first(headers, "x-appwrite-key"),
        key_user=_first(headers, "x-appwrite-user"),
        dev_key=_first(headers, "x-appwrite-dev-key") or _text(parameters, "devKey"),
        impersonated=Impersonated(
            *(_impersonated(headers, parameters, what) for what in ("id", "email", "phone"))
        ),
        origin=_first(headers, "origin") or None,
        ip=forwarded or peer,
        parameters=parameters,
    )


def _impersonated(headers: Headers, parameters: dict[str, Any], what: str) -> str:
    return (
        _first(headers, f"x-appwrite-impersonate-user-{what}")
        or _text(parameters, f"impersonateuser{what}")
        or _text(parameters, f"impersonateUser{what.capitalize()}")
    )


def _session(headers: Headers, key: str) -> str:
    """The first that is one: a place that holds something else than a session is passed over, as in REST."""
    cookies = _cookies(headers)
    places = (
        cookies.get(key, ""),
        cookies.get(f"{key}_legacy", ""),
        _first(headers, "x-appwrite-session"),
        _fallback_cookie(headers, key),
    )
    return next((text for text in places if text and decode_session(text)), "")


def _cookies(headers: Headers) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for header in headers.get_all("cookie"):
        for pair in header.split(";"):
            name, _, value = pair.strip(" \t").partition("=")
            cookies.setdefault(name, unquote(value.strip('"')))
    return cookies


def _fallback_cookie(headers: Headers, key: str) -> str:
    """What web SDKs keep themselves when the browser refuses the cookie."""
    try:
        value = msgspec.json.decode(_first(headers, "x-fallback-cookies"), type=dict[str, Any]).get(key)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def _first(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    return values[0] if values else ""


def _text(parameters: dict[str, Any], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""
