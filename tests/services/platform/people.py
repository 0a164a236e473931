"""People of the console and the programs that they let in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import insert

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.time import now
from tidewire.store.schema import memberships

PASSWORD = "correct horse battery"


def unique_id() -> str:
    """As SDKs make ids."""
    return secrets.token_hex(10)


@dataclass
class Program:
    """Something that calls the API with headers of its own and keeps no cookies."""

    api: ApiServer
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a call; in the names of headers underscores stand for hyphens."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        with checked_client(base_url=self.api.url + "/v1", timeout=20) as client:
            return client.request(method, path, json=body, headers=self.headers | named)

    def done(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Send a call that must succeed; return what it answers, nothing for an empty answer."""
        response = self.call(method, path, body, **headers)
        assert response.is_success, response.text
        is_json = response.headers["content-type"].startswith("application/json")
        return response.json() if is_json and response.content else {}

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        """Send a call that must be refused; return the type of the error."""
        response = self.call(method, path, body, **headers)
        assert response.status_code >= 400, response.text
        return str(response.json()["type"])


@dataclass
class Person(Program):
    """Somebody who is signed in to the console."""

    user_id: str = ""

    def team(self) -> str:
        """Found an organisation."""
        return str(self.done("POST", "/teams", {"teamId": unique_id(), "name": "Team"})["$id"])

    def project(self, team_id: str = "", **fields: Any) -> str:
        """Create a project, with an organisation of its own unless one is given."""
        body = {"projectId": unique_id(), "name": "Project", "teamId": team_id or self.team(), **fields}
        return str(self.done("POST", "/projects", body)["$id"])

    def admin(self, project_id: str) -> Program:
        """The person, acting on a project."""
        mode = {"x-appwrite-project": project_id, "x-appwrite-mode": "admin"}
        return Program(self.api, self.headers | mode)

    def key(self, project_id: str, *scopes: str) -> Program:
        """A program with a new API key."""
        body = {"keyId": "unique()", "name": "Key", "scopes": list(scopes)}
        secret = self.done("POST", f"/projects/{project_id}/keys", body)["secret"]
        return Program(self.api, {"x-appwrite-project": project_id, "x-appwrite-key": secret})


def sign_up(api: ApiServer, project_id: str = "console") -> Person:
    """A new account, signed in."""
    program = Program(api, {"x-appwrite-project": project_id})
    user_id = unique_id()
    person = {"email": f"{user_id}@example.com", "password": PASSWORD}
    program.done("POST", "/account", {"userId": user_id, "name": "Somebody", **person})
    session = program.call("POST", "/account/sessions/email", person)
    assert session.status_code == 201, session.text
    name = f"a_session_{project_id}"
    return Person(api, program.headers | {"cookie": f"{name}={session.cookies[name]}"}, user_id)


def join(api: ApiServer, person: Person, team_id: str, *roles: str, confirmed: bool = True) -> None:
    """Make a person a member of an organisation."""
    moment = now()
    row = {
        "id": unique_id(),
        "created_at": moment,
        "updated_at": moment,
        "team_id": team_id,
        "user_id": person.user_id,
        "roles": list(roles),
        "invited_at": moment,
        "joined_at": moment if confirmed else 0,
        "confirmed": confirmed,
    }

    async def work() -> None:
        await api.instance.database.write(
            lambda transaction: transaction.connection.execute(insert(memberships), row) and None
        )

    api.run(work)
