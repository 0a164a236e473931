"""Where a client puts its credentials: cookies, headers where cookies do not travel, and the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tidewire.core.query_string import parse_query_string
from tidewire.identity.heads import Head
from tidewire.store.secrets.credentials import decode_session

NO_PARAMETERS: Final[Mapping[str, Any]] = {}


class Credentials(msgspec.Struct, frozen=True):
    """All that a request shows of who makes it; empty texts for what it does not show."""

    session: str
    """Encoded."""
    jwt: str
    key: str
    """Secret of an API key."""
    dev_key: str


@dataclass(frozen=True, slots=True)
class Impersonated:
    """Whom a user wants to act as; the first that is not empty counts."""

    user_id: str
    email: str
    phone: str

    def __bool__(self) -> bool:
        return bool(self.user_id or self.email or self.phone)


NOBODY: Final = Impersonated("", "", "")


def read_credentials(
    head: Head, project_id: str, parameters: Mapping[str, Any] = NO_PARAMETERS
) -> Credentials:
    """Collect what a request shows; ``project_id`` is that of the sessions that are looked for.

    ``parameters`` of the query string count on wires where pages cannot set headers.
    """
    if parameters:
        shown = _in_headers(head, project_id)
        jwt = shown.jwt or text(parameters, "jwt")
        return Credentials(shown.session, jwt, shown.key, shown.dev_key or text(parameters, "devKey"))
    found: Credentials | None = head.found.get((Credentials, project_id))
    if found is None:
        found = head.found[Credentials, project_id] = _in_headers(head, project_id)
    return found


def _in_headers(head: Head, project_id: str) -> Credentials:
    return Credentials(
        find_session(head, project_id),
        head.header(b"x-appwrite-jwt"),
        head.header(b"x-appwrite-key"),
        head.header(b"x-appwrite-dev-key"),
    )


def find_session(head: Head, project_id: str) -> str:
    """The encoded session of a request, or an empty text.

    Looked for in the cookie, its twin, ``X-Appwrite-Session`` and ``X-Fallback-Cookies``, in this
    order; a place that holds something else than a session is passed over.
    """
    headers = head.headers
    name = f"a_session_{project_id}"
    if b"cookie" in headers:
        cookies = read_cookies(head.header(b"cookie"))
        for cookie in (name, f"{name}_legacy"):
            if cookie in cookies and decode_session(cookies[cookie]):
                return cookies[cookie]
    if b"x-appwrite-session" in headers:
        value = head.header(b"x-appwrite-session")
        if decode_session(value):
            return value
    if b"x-fallback-cookies" in headers:
        return _in_fallback(headers[b"x-fallback-cookies"], name)
    return ""


def read_impersonated(head: Head, parameters: Mapping[str, Any]) -> Impersonated:
    """Whom the user wants to act as: headers, and the query string for addresses that stand in pages."""
    return Impersonated(
        _impersonated(head, parameters, b"id", "userId"),
        _impersonated(head, parameters, b"email", "email"),
        _impersonated(head, parameters, b"phone", "phone"),
    )


def read_parameters(query_string: str) -> Mapping[str, Any]:
    """The parameters of a query string; none if they cannot be read."""
    try:
        return parse_query_string(query_string)
    except ValueError:
        return NO_PARAMETERS


def text(parameters: Mapping[str, Any], name: str) -> str:
    """A parameter that is a text; empty if it is absent or nests."""
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _impersonated(head: Head, parameters: Mapping[str, Any], in_header: bytes, in_query: str) -> str:
    return (
        head.header(b"x-appwrite-impersonate-user-" + in_header)
        or text(parameters, f"impersonate{in_query.lower()}")
        or text(parameters, f"impersonate{in_query[0].upper()}{in_query[1:]}")
    )


def read_cookies(header: str) -> dict[str, str]:
    """Cookies by name; of several with one name the first, which has the longest path (RFC 6265, 5.4)."""
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, separator, value = pair.strip(" \t").partition("=")
        if separator:
            cookies.setdefault(name, unquote(value.strip('"')))
    return cookies


def _in_fallback(header: bytes, name: str) -> str:
    """What web SDKs keep themselves when the browser refuses the cookie; of whatever else they keep there."""
    try:
        value = msgspec.json.decode(header, type=dict[str, Any]).get(name)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return value if isinstance(value, str) and decode_session(value) else ""
