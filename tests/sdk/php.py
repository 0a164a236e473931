"""Requests as the SDK for PHP makes them, byte for byte, for there is neither npm nor PyPI package of it.

The SDK hands everything to cURL: the order of headers, names without a blank behind the colon, the
boundary and the wait for ``100 Continue`` are cURL's; the query string is that of
``http_build_query``, the body that of ``json_encode``.
"""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any, TypeAlias
from urllib.parse import quote_plus

JSON = "application/json"
FORM = "multipart/form-data"
WAITS_ABOVE = 1024 * 1024
"""Bytes of a body from which on cURL asks before it sends."""
CHUNK = 5 * 1024 * 1024
"""Bytes that the SDK sends at once of a file."""
SDK = {"x-sdk-name": "PHP", "x-sdk-platform": "server", "x-sdk-language": "php", "x-sdk-version": "17.1.0"}

Value: TypeAlias = str | int | bool | list[Any] | dict[str, Any] | None


@dataclass(frozen=True)
class Upload:
    """A file in a form, a ``CURLFile``."""

    content: bytes
    kind: str
    name: str


@dataclass
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    asked_first: bool = False
    """The request waited for ``100 Continue`` and got it."""

    def json(self) -> Any:
        return json.loads(self.body)


def leaves(name: str, value: Any) -> list[tuple[str, str]]:
    """A parameter as PHP writes it into query strings and forms: ``name[0]`` and so on, no nulls, 1 and 0."""
    match value:
        case None:
            return []
        case bool():
            return [(name, str(int(value)))]
        case list():
            return [leaf for at, each in enumerate(value) for leaf in leaves(f"{name}[{at}]", each)]
        case dict():
            return [leaf for key, each in value.items() for leaf in leaves(f"{name}[{key}]", each)]
    return [(name, str(value))]


def query_string(parameters: dict[str, Value]) -> str:
    """As of ``http_build_query``."""
    pairs = [leaf for name, value in parameters.items() for leaf in leaves(name, value)]
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def encoded(parameters: dict[str, Value]) -> bytes:
    """As of ``json_encode``: PHP has one type for lists and maps, so no parameters at all are a list."""

    def native(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: native(each) for key, each in value.items()} or []
        return [native(each) for each in value] if isinstance(value, list) else value

    text = json.dumps(native(parameters), separators=(",", ":"))
    return text.replace("/", "\\/").encode("ascii")


def form(parameters: dict[str, Value | Upload], boundary: str) -> bytes:
    """As cURL writes a form; quotes in names of files are escaped as browsers do."""
    parts = b""
    for name, value in parameters.items():
        if isinstance(value, Upload):
            file_name = value.name.replace('"', "%22")
            parts += (
                f"--{boundary}\r\n"
                f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
                f"Content-Type: {value.kind}\r\n\r\n"
            ).encode() + value.content
            parts += b"\r\n"
            continue
        for leaf, text in leaves(name, value):
            parts += (
                f'--{boundary}\r\nContent-Disposition: form-data; name="{leaf}"\r\n\r\n{text}\r\n'
            ).encode()
    return parts + f"--{boundary}--\r\n".encode()


@dataclass
class PhpClient:
    """Sends requests to a server, each over a connection of its own."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    """Of every request, such as the project and the key."""
    cookie: str = ""
    """What cURL's own jar holds."""

    def request(
        self,
        method: str,
        path: str,
        parameters: dict[str, Any],
        content_type: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[bytes, bytes]:
        """Head and body."""
        if method == "GET" and parameters:
            path += "?" + query_string(parameters)
        lines = [
            f"{method} /v1{path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "User-Agent: Linux-6.1.0-28-amd64:php-8.2.36",
            "Accept: */*",
        ]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        # An empty header is one that cURL is to leave out, and it puts that of a form last.
        if content_type == JSON:
            lines.append(f"content-type:{JSON}")
        own = {
            "x-sdk-name": "PHP",
            "x-sdk-platform": "server",
            "x-sdk-language": "php",
            "x-sdk-version": "17.1.0",
        }
        lines += [f"{name}:{value}" for name, value in {**own, **self.headers, **(headers or {})}.items()]
        body = b""
        if method != "GET":
            boundary = "-" * 24 + secrets.token_hex(8)
            if content_type == FORM:
                body = form(parameters, boundary)
            elif content_type == JSON:
                body = encoded(parameters)
            else:
                body = query_string(parameters).encode()
            lines.append(f"Content-Length: {len(body)}")
            if content_type == FORM:
                lines.append(f"Content-Type: {FORM}; boundary={boundary}")
            if len(body) > WAITS_ABOVE:
                lines.append("Expect: 100-continue")
        return "\r\n".join([*lines, "", ""]).encode(), body

    def call(
        self,
        method: str,
        path: str,
        parameters: dict[str, Any] | None = None,
        content_type: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send it and read the answer."""
        head, body = self.request(method, path, parameters or {}, content_type, headers)
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(head)
            asked_first = b"\r\nExpect:" in head
            if asked_first:
                go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
                assert connection.recv(len(go_on), socket.MSG_WAITALL) == go_on
            connection.sendall(body)
            response = HTTPResponse(connection, method=method)
            response.begin()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read(), asked_first)
