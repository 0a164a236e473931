"""What a function is given: the request, the ways to answer it, and where its logs go."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


class Request:
    """The request, with names and meanings of the reference's runtime."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.headers = headers
        self.body_binary = body
        self.path, _, self.query_string = target.partition("?")
        self.query = {
            key: value
            for key, _, value in (each.partition("=") for each in self.query_string.split("&"))
            if key
        }
        self.scheme = headers.get("x-forwarded-proto", "http")
        usual = 443 if self.scheme == "https" else 80
        named = headers.get("host", "")
        self.host, colon, port = named.rpartition(":")
        if not colon or not port.isdigit():
            self.host, port = named, str(usual)
        self.port = int(port)
        place = self.host if self.port == usual else f"{self.host}:{port}"
        self.url = f"{self.scheme}://{place}{target if self.query_string else self.path}"

    @property
    def body_text(self) -> str:
        return self.body_binary.decode()

    @property
    def body_raw(self) -> str:
        return self.body_text

    @property
    def body_json(self) -> Any:
        return json.loads(self.body_binary)

    @property
    def body(self) -> Any:
        if self.headers.get("content-type", "").lower().startswith("application/json"):
            return self.body_json if self.body_binary else {}
        try:
            return self.body_text
        except UnicodeDecodeError:
            return self.body_binary


Answer = dict[str, Any]
Headers = Mapping[str, str]


class Response:
    """The ways to answer."""

    def binary(self, bytes: bytes, statusCode: int = 200, headers: Headers = {}) -> Answer:  # noqa: A002, B006, N803
        return {"body": bytes, "statusCode": statusCode, "headers": dict(headers)}

    def text(self, body: str, statusCode: int = 200, headers: Headers = {}) -> Answer:  # noqa: B006, N803
        return self.binary(str(body).encode(), statusCode, headers)

    def send(self, body: Any, statusCode: int = 200, headers: Headers = {}) -> Answer:  # noqa: B006, N803
        return self.binary(body if isinstance(body, bytes) else str(body).encode(), statusCode, headers)

    def json(self, obj: Any, statusCode: int = 200, headers: Headers = {}) -> Answer:  # noqa: B006, N803
        encoded = json.dumps(obj, separators=(",", ":"))
        return self.text(encoded, statusCode, {**headers, "content-type": "application/json"})

    def empty(self) -> Answer:
        return self.text("", 204)

    def redirect(self, url: str, statusCode: int = 301, headers: Headers = {}) -> Answer:  # noqa: B006, N803
        return self.text("", statusCode, {**headers, "location": url})


class Context:
    """What ``main`` is called with."""

    res = Response()

    def __init__(self, request: Request, write: Callable[[str, tuple[object, ...]], None]) -> None:
        self.req = request
        self._write = write

    def log(self, *messages: object) -> None:
        self._write("log", messages)

    def error(self, *messages: object) -> None:
        self._write("error", messages)
