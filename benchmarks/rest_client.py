"""HTTP for the set-up of a measurement: whole requests as bytes, and a small REST client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final

import msgspec

BOUNDARY: Final = "benchmark-boundary"


class RequestFailedError(Exception):
    """A request of the set-up was refused; the text is the answer."""


def http_request(
    method: str, path: str, headers: Mapping[str, str], body: Mapping[str, object] | bytes
) -> bytes:
    """A whole keep-alive HTTP/1.1 request. A mapping is sent as JSON, for a GET nothing is."""
    content = body if isinstance(body, bytes) else b"" if method == "GET" else msgspec.json.encode(body)
    lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers}
    if method != "GET":
        lines["Content-Length"] = str(len(content))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def multipart_upload(
    path: str, headers: Mapping[str, str], content: bytes, file_id: str = "unique()"
) -> bytes:
    """A whole request that uploads one text file, by default with an id made by the server."""
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="fileId"\r\n\r\n{file_id}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="small.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    body = parts.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return http_request(
        "POST", path, {**headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body
    )


@dataclass(frozen=True)
class Rest:
    """A REST client that sends the same headers every time."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Mapping[str, object]) -> Any:
        """The decoded JSON answer. Raises :class:`RequestFailedError` for any status but 2xx."""
        return self.exchange(method, path, body)[0]

    def exchange(self, method: str, path: str, body: Mapping[str, object]) -> tuple[Any, Mapping[str, str]]:
        """As :meth:`call`, with the answer's headers, their names in lower case."""
        content, headers = self._exchange(method, path, body)
        return msgspec.json.decode(content), headers

    def text(self, method: str, path: str) -> str:
        """The text of an answer that is not JSON. Raises :class:`RequestFailedError` as the others do."""
        return self._exchange(method, path, {})[0].decode()

    def _exchange(
        self, method: str, path: str, body: Mapping[str, object]
    ) -> tuple[bytes, Mapping[str, str]]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, msgspec.json.encode(body), {"Content-Type": "application/json", **self.headers}
            )
            response = connection.getresponse()
            content = response.read()
            if response.status // 100 != 2:
                raise RequestFailedError(
                    f"{method} {path}: {response.status} {content.decode(errors='replace')}"
                )
            return content, {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()
