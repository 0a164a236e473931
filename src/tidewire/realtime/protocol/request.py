"""The opening request of a connection, and the credentials and parameters in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.http11 import Request

from tidewire.core.addresses import network_of
from tidewire.core.forwarding import Hops
from tidewire.core.query_string import parse_query_string
from tidewire.identity.credentials import (
    NO_PARAMETERS,
    Impersonated,
    read_credentials,
    read_impersonated,
    text,
)
from tidewire.identity.heads import Head
from tidewire.identity.paths import plain_path
from tidewire.realtime.protocol.url_subscriptions import encoded_once

CONSOLE: Final = "console"
"""The id of the project in which users manage the other projects."""


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
    return unquote(plain_path(path))


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a client when it connects."""

    project_id: str
    session: str
    """Encoded session; empty without one."""
    jwt: str
    """The JWT; empty without one."""
    admin: bool
    """Whether the session is one of the console."""
    key: str
    """API key; counts only together with ``key_user``."""
    key_user: str
    """The console user whose key it is."""
    dev_key: str
    impersonated: Impersonated
    origin: str | None
    """The origin of the web page or app; other programs send none."""
    network: str
    """The address, or network of addresses, that limits for an address count."""
    parameters: dict[str, Any]
    """The parameters of the query string, channels and queries among them."""


def read_inputs(
    request: Request, peer: str, hops: Hops | None, said: Mapping[str, str] = NO_PARAMETERS
) -> Inputs:
    """Collect the inputs from wherever the SDKs put them. ``peer`` is the address of the socket.

    ``said``: parameters, and credentials, that the client names in its first message; they come first.
    """
    pairs = ((name.lower().encode("latin-1"), _raw(value)) for name, value in request.headers.raw_items())
    head = Head(pairs, peer, "ws", hops)
    parameters = {**parse_query_string(encoded_once(request.path.partition("?")[2])), **said}
    project_id = text(parameters, "project") or head.header(b"x-appwrite-project") or CONSOLE
    admin = (head.header(b"x-appwrite-mode") or text(parameters, "mode")) == "admin"
    shown = read_credentials(head, CONSOLE if admin else project_id, parameters)
    return Inputs(
        project_id=project_id,
        session=said.get("session") or shown.session,
        jwt=said.get("jwt") or shown.jwt,
        admin=admin,
        key=said.get("key") or shown.key,
        key_user=head.header(b"x-appwrite-user"),
        dev_key=shown.dev_key,
        impersonated=read_impersonated(head, parameters),
        origin=head.header(b"origin") or None,
        network=network_of(head.client_ip),
        parameters=parameters,
    )


def _raw(value: str) -> bytes:
    return value.encode("latin-1", "replace")
