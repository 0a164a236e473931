"""People who use messaging."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id


@dataclass
class Person:
    """Somebody who is signed in, with a client that shows it."""

    id: str
    client: httpx.Client

    @property
    def email_target(self) -> str:
        """The id of the target of the mail address."""
        targets = self.client.get("/v1/account").raise_for_status().json()["targets"]
        return str(targets[0]["$id"])


@contextmanager
def sign_up(api: ApiServer) -> Iterator[Person]:
    """Somebody new, signed in."""
    person = unique_id()
    account = {"userId": person, "email": f"{person}@example.com", "password": "correct horse", "name": "P"}
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}, timeout=20) as client:
        client.post("/v1/account", json=account).raise_for_status()
        client.post("/v1/account/sessions/email", json=account).raise_for_status()
        yield Person(person, client)


def refused(response: httpx.Response, status: int, type_: str) -> None:
    """Check that a request was refused in this way."""
    assert (response.status_code, response.json()["type"]) == (status, type_), response.text
