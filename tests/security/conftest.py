"""A server with two organisations that must be nothing to each other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from tests.support.api import ApiServer, running_api
from tests.support.by_graphql import asked_by_graphql
from tests.support.responses import checked_client
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, ProjectStore

PASSWORD = "a password of nobody else"


def fresh(prefix: str) -> str:
    """An id that nothing has yet."""
    return f"{prefix}{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API, shared: tests make what they break."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("security")),
        synchronous="normal",
        rate_limits=False,
        console_signup="open",
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@dataclass
class Caller:
    """Sends requests with credentials of the test's choice and no others."""

    api: ApiServer
    http: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)
    protocol: str = "rest"

    def with_headers(self, **headers: str) -> Caller:
        """The same with further headers; underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request."""
        self.http.cookies.clear()
        sent = self.with_headers(**headers).headers
        if self.protocol == "graphql":
            answer = asked_by_graphql(self.http, method, path, body, sent)
            if answer is not None:
                return answer
        return self.http.request(method, f"/v1{path}", json=body, headers=sent)

    def error(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and type of an answer that must be an error."""
        answer = self(method, path, body, **headers)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, str(answer.json()["type"])

    def whoami(self, **headers: str) -> str:
        """The id of the account that the credentials are taken for; empty for a guest."""
        answer = self("GET", "/account", **headers)
        if answer.status_code == 401 and answer.json()["type"] == "general_unauthorized_scope":
            return ""
        assert answer.status_code == 200, answer.text
        return str(answer.json()["$id"])


@dataclass
class Person:
    """A user of a project, or of the console, with a session."""

    project_id: str
    user_id: str
    email: str
    session: str
    """Encoded."""
    call: Caller
    """As this user."""

    @property
    def cookie(self) -> str:
        return f"a_session_{self.project_id}={self.session}"


@dataclass
class Organization:
    """A team of the console with a project, and the person who owns both."""

    owner: Person
    team_id: str
    project_id: str
    key: str
    """With scopes for users and teams."""


@dataclass
class World:
    """Everybody."""

    api: ApiServer
    http: httpx.Client
    protocol: str = "rest"
    """How operations are called: ``rest``, or ``graphql`` where there is a field for what is asked."""

    def guest(self, project_id: str) -> Caller:
        """Somebody without credentials."""
        return Caller(self.api, self.http, {"X-Appwrite-Project": project_id}, self.protocol)

    def person(self, project_id: str, user_id: str = "") -> Person:
        """Somebody new, signed in."""
        guest = self.guest(project_id)
        body = {
            "userId": user_id or fresh("u"),
            "email": f"{fresh('m')}@example.com",
            "password": PASSWORD,
            "name": "Somebody",
        }
        answer = guest("POST", "/account", body)
        assert answer.status_code == 201, answer.text
        session = self.sign_in(project_id, body["email"])
        call = guest.with_headers(Cookie=f"a_session_{project_id}={session}")
        return Person(project_id, body["userId"], body["email"], session, call)

    def sign_in(self, project_id: str, email: str, password: str = PASSWORD) -> str:
        """The encoded session of a new sign-in."""
        answer = self.guest(project_id)(
            "POST", "/account/sessions/email", {"email": email, "password": password}
        )
        assert answer.status_code == 201, answer.text
        (cookie,) = (
            each
            for each in answer.headers.get_list("set-cookie")
            if each.startswith(f"a_session_{project_id}=")
        )
        return cookie.partition("=")[2].partition(";")[0]

    def organization(self) -> Organization:
        """A team with a project."""
        owner = self.person(CONSOLE_PROJECT_ID)
        team_id, project_id = fresh("t"), fresh("p")
        answer = owner.call("POST", "/teams", {"teamId": team_id, "name": "Team"})
        assert answer.status_code == 201, answer.text
        body = {"projectId": project_id, "name": "Project", "teamId": team_id}
        answer = owner.call("POST", "/projects", body)
        assert answer.status_code == 201, answer.text
        scopes = ["users.read", "users.write", "teams.read", "teams.write"]
        answer = owner.call(
            "POST",
            f"/projects/{project_id}/keys",
            {"keyId": "unique()", "name": "Key", "scopes": scopes},
        )
        assert answer.status_code == 201, answer.text
        return Organization(owner, team_id, project_id, answer.json()["secret"])

    def admin(self, person: Person, project_id: str) -> Caller:
        """A console user who acts as an admin of a project."""
        return Caller(
            self.api,
            self.http,
            {"X-Appwrite-Project": project_id, "X-Appwrite-Mode": "admin", "Cookie": person.cookie},
            self.protocol,
        )

    def store(self, project_id: str) -> ProjectStore:
        """What a project stores."""
        found = self.api.run(lambda: self.api.instance.project(project_id))
        assert found is not None
        return found

    def change(self, project_id: str, statement: Any) -> None:
        """Execute a statement on the database of a project."""
        database = self.store(project_id).database

        def execute(connection: Connection) -> None:
            connection.execute(statement)

        self.api.run(lambda: database.write(lambda transaction: execute(transaction.connection)))


by_both_protocols = pytest.mark.parametrize("world", ["rest", "graphql"], indirect=True)
"""For tests whose attacks are tried by REST and by GraphQL."""


@pytest.fixture
def world(api: ApiServer, request: pytest.FixtureRequest) -> Iterator[World]:
    """The server and a client that keeps no cookies; every answer by REST is held against the catalog."""
    with checked_client(base_url=api.url, timeout=30) as http:
        yield World(api, http, getattr(request, "param", "rest"))


@pytest.fixture(scope="session")
def organizations(api: ApiServer) -> Iterator[tuple[Organization, Organization]]:
    """Two that have nothing to do with each other."""
    with checked_client(base_url=api.url, timeout=30) as http:
        world = World(api, http)
        yield world.organization(), world.organization()


@pytest.fixture
def own(organizations: tuple[Organization, Organization]) -> Organization:
    """The organisation of the attacker."""
    return organizations[0]


@pytest.fixture
def other(organizations: tuple[Organization, Organization]) -> Organization:
    """The organisation that is attacked."""
    return organizations[1]
