"""People in browsers, which keep cookies and follow links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from tests.oauth.stand import Stand, returned
from tests.support.api import ApiServer

SUCCESS, FAILURE = "http://localhost/in", "http://localhost/out"


@dataclass
class Visitor:
    """A browser that is at a page of the project."""

    client: httpx.Client
    api: ApiServer
    project: str
    stand: Stand

    @classmethod
    @contextmanager
    def open(cls, api: ApiServer, project: str, stand: Stand) -> Iterator[Self]:
        base = api.url.replace("127.0.0.1", "localhost") + "/v1"
        with httpx.Client(base_url=base, timeout=20) as client:
            yield cls(client, api, project, stand)

    def begin(self, provider: str = "google", kind: str = "sessions", **given: Any) -> str:
        """Go to where one signs in at the provider; returns that address."""
        answer = self.begun(provider, kind, **given)
        assert answer.status_code == 301, answer.text
        assert "no-store" in answer.headers["cache-control"]
        return answer.headers["location"]

    def begun(self, provider: str = "google", kind: str = "sessions", **given: Any) -> httpx.Response:
        """What a link to the provider is answered with."""
        parameters = {"project": self.project, "success": SUCCESS, "failure": FAILURE, **given}
        return self.client.get(f"/account/{kind}/oauth2/{provider}", params=parameters)

    def come_back(self, there: str, **told: str) -> httpx.Response:
        """Come back from a provider, in two steps."""
        back = self.client.get(returned(there, **told))
        assert back.status_code == 301, back.text
        return self.client.get(self.at(back.headers["location"]))

    def at(self, url: str) -> str:
        """An address that must be one of the server."""
        assert url.startswith((str(self.client.base_url), self.api.url)), url
        return url

    def sign_in(self, provider: str = "google", kind: str = "sessions", **given: Any) -> dict[str, str]:
        """Sign in at a provider; returns what the last address says, with ``url`` for the address itself."""
        there = self.begin(provider, kind, **given)
        return told_by(self.come_back(there, code=self.stand.code_for(there)))

    def account(self) -> dict[str, Any]:
        """Who is signed in."""
        return self.get("")

    def get(self, path: str) -> dict[str, Any]:
        """Read something of the own account."""
        answer = self.client.get(f"/account{path}", headers={"X-Appwrite-Project": self.project})
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def get_refused(self) -> str:
        """Why nobody is signed in."""
        answer = self.client.get("/account", headers={"X-Appwrite-Project": self.project})
        return str(answer.json()["type"])

    def patch(self, path: str) -> dict[str, Any]:
        """Renew something of the own account."""
        headers = {"X-Appwrite-Project": self.project}
        answer = self.client.patch(f"/account{path}", json={}, headers=headers)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Call something of the own account."""
        return self.client.post(f"/account{path}", json=body, headers={"X-Appwrite-Project": self.project})


def told_by(answer: httpx.Response) -> dict[str, str]:
    """Where a redirection leads to, and what its query says."""
    assert answer.status_code == 301, answer.text
    address = urlsplit(answer.headers["location"])
    return {**dict(parse_qsl(address.query)), "url": address._replace(query="").geturl()}


def error_of(told: dict[str, str]) -> str:
    """The type of the error that a redirection tells."""
    assert told["url"] == FAILURE, told
    error: dict[str, Any] = msgspec.json.decode(told["error"])
    return str(error["type"])
