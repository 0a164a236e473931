"""A project with people in it, seen from outside: HTTP requests, and what reaches mailboxes and phones."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from sqlalchemy import Row, select, update

from tests.support.api import ApiServer
from tests.support.messages import waiting_messages
from tests.support.responses import checked_client
from tidewire.core.events import Event
from tidewire.core.time import now
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.schema import sessions, tokens, users

T = TypeVar("T")

PASSWORD = "correct horse battery"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)

_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with a browser of their own."""

    site: Site
    client: httpx.Client
    id: str = ""
    email: str = ""

    def call(self, method: str, path: str, /, **body: Any) -> httpx.Response:
        """Make a request; the answer is held against the catalog."""
        url = f"/v1/account{path}"
        if method == "GET":
            return self.client.get(url, params=body)
        return self.client.request(method, url, json=body)

    def expect(self, status: int, method: str, path: str, /, **body: Any) -> Any:
        """Make a request that is answered with this status; return the body."""
        response = self.call(method, path, **body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def refused(self, error: str, method: str, path: str, /, **body: Any) -> str:
        """Make a request that is refused with this type of error; return its message."""
        response = self.call(method, path, **body)
        content = response.json()
        assert response.status_code >= 400, response.text
        assert content["type"] == error, content
        return str(content["message"])

    def sign_in(self, email: str = "", password: str = PASSWORD) -> Any:
        """Sign in by password."""
        return self.expect(201, "POST", "/sessions/email", email=email or self.email, password=password)


@dataclass
class Site:
    """A project of its own."""

    api: ApiServer
    project_id: str
    store: ProjectStore
    _clients: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(cls, api: ApiServer) -> Site:
        project_id = f"site{next(_numbers)}"
        api.run(lambda: api.instance.create_project(project_id, f"Project {project_id}"))
        return cls(api, project_id, cls._store(api, project_id))

    @staticmethod
    def _store(api: ApiServer, project_id: str) -> ProjectStore:
        store = api.run(lambda: api.instance.project(project_id))
        assert store is not None
        return store

    def close(self) -> None:
        self._clients.close()

    def visitor(self, **headers: str) -> Person:
        """Somebody who is not signed in."""
        client = checked_client(
            base_url=self.api.url,
            headers={"X-Appwrite-Project": self.project_id, "User-Agent": CHROME, **headers},
            timeout=30,
        )
        return Person(self, self._clients.enter_context(client))

    def server(self, *scopes: str) -> Person:
        """A program with an API key."""
        _, secret = self.api.run(
            lambda: self.api.instance.create_key(self.project_id, "test", frozenset(scopes), 0)
        )
        return self.visitor(**{"X-Appwrite-Key": secret})

    def person(self, *, signed_in: bool = True, **given: Any) -> Person:
        """Somebody who has signed up."""
        person = self.visitor()
        person.email = given.pop("email", f"person{next(_numbers)}@example.com")
        account = person.expect(
            201,
            "POST",
            "",
            **({"userId": "unique()", "email": person.email, "password": PASSWORD, "name": "Ada"} | given),
        )
        person.id = account["$id"]
        if signed_in:
            person.sign_in(password=given.get("password", PASSWORD))
        return person

    def program(self, *scopes: str) -> httpx.Client:
        """A program with an API key; its answers are checked."""
        key = self.api.run(
            lambda: self.api.instance.create_key(self.project_id, "key", frozenset(scopes), 0)
        )[1]
        headers = {"X-Appwrite-Project": self.project_id, "X-Appwrite-Key": key}
        client = checked_client(base_url=self.api.url, headers=headers, timeout=20)
        return self._clients.enter_context(client)

    def change_settings(self, **settings: Any) -> None:
        """Change settings of the project."""

        def change(project: Any) -> Any:
            replaced = msgspec.structs.replace(project.settings, **settings)
            return type(project)(**{**project.__dict__, "settings": replaced})

        self.api.run(lambda: self.api.instance.update_project(self.project_id, change))

    def read(self, unit: Callable[[Connection], T]) -> T:
        return self.api.run(lambda: self.store.database.read(unit))

    def write(self, unit: Callable[[Transaction], T]) -> T:
        return self.api.run(lambda: self.store.database.write(unit))

    def messages(self) -> list[Any]:
        """Everything that waits to be sent, the oldest first."""
        return self.read(lambda connection: waiting_messages(connection, self.api.instance.encryption))

    def message_to(self, recipient: str) -> Any:
        """The newest message to an address or number."""
        return [message for message in self.messages() if message.recipient == recipient][-1]

    def link_to(self, address: str) -> dict[str, str]:
        """The parameters of the link in the newest mail to an address; ``url`` is the rest of it."""
        message = self.message_to(address)
        found = re.search(r'<a href="([^"]+)"', message.html)
        assert found
        link = found[1].replace("&amp;", "&")
        assert link in message.text
        query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        return {"url": link.partition("?")[0], **query}

    def code_to(self, recipient: str) -> str:
        """The code in the newest message to an address or number."""
        found = re.search(r"\b\d{6}\b", self.message_to(recipient).text)
        assert found
        return found[0]

    def events(self) -> list[Event]:
        """Everything in the log, oldest first."""
        logged = self.read(lambda connection: event_log.read_after(connection, 0, 10_000))
        return [each.event for each in logged]

    def event(self, pattern: str) -> Event:
        """The newest event of this pattern."""
        return [event for event in self.events() if event.pattern == pattern][-1]

    def user(self, user_id: str) -> Row[Any]:
        """The row of a user."""
        return self.read(
            lambda connection: connection.execute(select(users).where(users.c.id == user_id)).one()
        )

    def change_user(self, user_id: str, **values: Any) -> None:
        """Change a user behind the scenes."""
        statement = update(users).where(users.c.id == user_id).values(**values)
        self.write(lambda transaction: transaction.connection.execute(statement) and None)

    def expire(self, table: Any = tokens) -> None:
        """Let all tokens (or rows of another table) expire."""
        statement = update(table).values(expires_at=now() - 1)
        self.write(lambda transaction: transaction.connection.execute(statement) and None)

    def session_ids(self, user_id: str) -> list[str]:
        """Ids of the sessions of a user, the oldest first."""
        statement = select(sessions.c.id).where(sessions.c.user_id == user_id).order_by(sessions.c.sequence)
        return self.read(lambda connection: list(connection.scalars(statement)))


def payload(event: Event) -> dict[str, Any]:
    """What the event tells."""
    decoded: dict[str, Any] = msgspec.json.decode(event.payload)
    return decoded


def other_code(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def sites(api: ApiServer) -> Iterator[Site]:
    """A project for one test."""
    site = Site.open(api)
    yield site
    site.close()
