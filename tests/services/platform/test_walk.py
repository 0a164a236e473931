"""The way that tools and test suites set an instance up: from nothing, over REST alone, call by call."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.mail_server import running_mail_server
from tests.support.responses import checked_client
from tests.support.server import TidewireServer

SCOPES = [
    *("users.read", "users.write", "teams.read", "teams.write", "databases.read", "databases.write"),
    *("collections.read", "collections.write", "tables.read", "tables.write", "documents.read"),
    *("documents.write", "rows.read", "rows.write", "attributes.read", "attributes.write", "columns.read"),
    *("columns.write", "indexes.read", "indexes.write", "files.read", "files.write", "buckets.read"),
    *("buckets.write", "functions.read", "functions.write", "sites.read", "sites.write", "execution.read"),
    *("execution.write", "log.read", "log.write", "locale.read", "avatars.read", "health.read"),
    *("rules.read", "rules.write", "sessions.read", "sessions.write", "targets.read", "targets.write"),
    *("providers.read", "providers.write", "messages.read", "messages.write", "topics.read"),
    *("topics.write", "subscribers.read", "subscribers.write", "migrations.read", "migrations.write"),
    *("tokens.read", "tokens.write", "project.read", "project.write", "keys.read", "keys.write"),
    *("platforms.read", "platforms.write", "webhooks.read", "webhooks.write", "users.read", "users.write"),
]
"""As suites list them: older names and repetitions included."""

CAPABILITIES = {
    "supportForRelationships",
    "supportForOperators",
    "supportForSpatials",
    "supportForSpatialIndexNull",
    "supportForFulltextWildcard",
    "supportForMultipleFulltextIndexes",
    "supportForAttributes",
    "maxIndexLength",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A fresh instance."""
    running = TidewireServer(tmp_path_factory.mktemp("walk") / "data")
    running.environment["TIDEWIRE_WEBHOOK_PRIVATE_ADDRESSES"] = "on"  # for catchers beside the server
    running.start()
    try:
        yield running
    finally:
        running.stop()


def unique_id() -> str:
    """As SDKs make ids."""
    return secrets.token_hex(10)


class Walker:
    """Calls as the suites send them, each with just its own headers."""

    def __init__(self, server: TidewireServer) -> None:
        self.http = checked_client(base_url=server.endpoint, timeout=20)
        self.cookie = ""

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a call with exactly these headers, underscores standing for hyphens."""
        self.http.cookies.clear()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path, json=body, headers=named)

    def console(
        self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """A call of the console: with its cookie once there is one."""
        known = {
            "origin": "http://localhost",
            "content-type": "application/json",
            "x_appwrite_project": "console",
        }
        if self.cookie:
            known["cookie"] = f"a_session_console={self.cookie}"
        return self.call(method, path, body, **{**known, **headers})


@pytest.fixture(scope="module")
def walk(server: TidewireServer) -> Iterator[dict[str, Any]]:
    """The answers of the walk, by what they made."""
    walker = Walker(server)
    with walker.http:
        yield follow(walker)


def follow(walker: Walker) -> dict[str, Any]:
    """Take the walk; every call must succeed."""
    found: dict[str, Any] = {"walker": walker}

    def done(response: httpx.Response, status: int) -> dict[str, Any]:
        assert response.status_code == status, response.text
        body: dict[str, Any] = response.json()
        return body

    person = {"email": "root@example.com", "password": "password of root"}
    body = {"userId": unique_id(), **person, "name": "Root"}
    found["account"] = done(walker.console("POST", "/account", body), 201)
    assert (found["account"]["name"], found["account"]["email"]) == ("Root", "root@example.com")

    session = walker.console("POST", "/account/sessions/email", person)
    assert session.status_code == 201, session.text
    cookies = session.headers.get_list("set-cookie")
    (cookie,) = (each for each in cookies if each.startswith("a_session_console="))
    found["set-cookie"] = cookie
    walker.cookie = cookie.partition("=")[2].partition(";")[0]

    assert done(walker.console("GET", "/account"), 200)["$id"] == body["userId"]

    team = {"teamId": unique_id(), "name": "Demo Team"}
    found["team"] = done(walker.console("POST", "/teams", team), 201)
    assert found["team"]["$id"] == team["teamId"]

    project = {
        "projectId": unique_id(),
        "region": "default",
        "name": "Demo Project",
        "teamId": team["teamId"],
        "description": "Demo Project Description",
        "url": "https://appwrite.io",
    }
    found["project"] = done(walker.console("POST", "/projects", project), 201)
    assert found["project"]["$id"] == project["projectId"]

    key = {"keyId": unique_id(), "name": "Demo Project Key", "scopes": SCOPES}
    found["key"] = done(walker.console("POST", f"/projects/{project['projectId']}/keys", key), 201)
    assert found["key"]["secret"]

    webhook = {
        "webhookId": "unique()",
        "name": "Webhook Test",
        "events": ["databases.*", "functions.*", "buckets.*", "teams.*", "users.*"],
        "url": "http://request-catcher-webhook:5000/",
        "tls": False,
    }
    admin = {"x_appwrite_project": project["projectId"], "x_appwrite_mode": "admin"}
    found["webhook"] = done(walker.console("POST", "/webhooks", webhook, **admin), 201)
    assert found["webhook"]["$id"]
    assert found["webhook"]["secret"]

    smtp = {
        "enabled": True,
        "senderEmail": "mailer@appwrite.io",
        "senderName": "Mailer",
        "host": "localhost",
        "username": "user",
        "password": "password",
    }
    with running_mail_server(password="password") as server:  # which is tried out
        smtp["port"] = server.port
        found["smtp"] = done(walker.console("PATCH", f"/projects/{project['projectId']}/smtp", smtp), 200)
        assert server.logins == [("user", "password")]
    found["port"] = server.port
    found["variables"] = done(walker.console("GET", "/console/variables"), 200)
    return found


def test_the_cookie_is_for_this_host_and_plain_http(walk: dict[str, Any]) -> None:
    attributes = {part.strip().lower().partition("=")[0] for part in walk["set-cookie"].split(";")[1:]}
    assert "secure" not in attributes
    assert "domain" not in attributes
    assert "httponly" in attributes


def test_mail_settings_are_kept_without_showing_the_password(walk: dict[str, Any]) -> None:
    project = walk["smtp"]
    assert project["smtpEnabled"] is True
    assert (project["smtpHost"], project["smtpPort"]) == ("localhost", walk["port"])
    assert (project["smtpSenderEmail"], project["smtpSenderName"]) == ("mailer@appwrite.io", "Mailer")
    assert project["smtpPassword"] == ""


def test_variables_tell_what_is_built(walk: dict[str, Any]) -> None:
    assert walk["variables"].keys() >= CAPABILITIES


def test_users_sign_up_and_in_with_the_cookie_of_their_project(walk: dict[str, Any]) -> None:
    walker: Walker = walk["walker"]
    project = walk["project"]["$id"]
    page = {"origin": "http://localhost", "x_appwrite_project": project}
    person = {"email": "user@example.com", "password": "password of a user"}
    created = walker.call("POST", "/account", {"userId": unique_id(), **person, "name": "User"}, **page)
    assert created.status_code == 201, created.text
    session = walker.call("POST", "/account/sessions/email", person, **page)
    assert session.status_code == 201, session.text
    value = session.cookies[f"a_session_{project}"]
    account = walker.call("GET", "/account", cookie=f"a_session_{project}={value}", **page)
    assert account.json()["email"] == "user@example.com"


def test_servers_work_with_the_key(walk: dict[str, Any]) -> None:
    walker: Walker = walk["walker"]
    headers = {"x_appwrite_project": walk["project"]["$id"], "x_appwrite_key": walk["key"]["secret"]}
    user = {"userId": unique_id(), "email": "made@example.com", "password": "password of another"}
    assert walker.call("POST", "/users", user, **headers).status_code == 201
    assert walker.call("POST", "/teams", {"teamId": "crew", "name": "Crew"}, **headers).status_code == 201
    assert walker.call("GET", "/project", **headers).json()["$id"] == walk["project"]["$id"]


def test_people_of_the_console_act_as_admins(walk: dict[str, Any]) -> None:
    walker: Walker = walk["walker"]
    admin = {"x_appwrite_project": walk["project"]["$id"], "x_appwrite_mode": "admin"}
    listed = walker.console("GET", "/users", **admin)
    assert listed.status_code == 200, listed.text
    assert walker.console("GET", "/webhooks", **admin).json()["total"] == 1


def test_an_instance_has_one_first_account(walk: dict[str, Any]) -> None:
    walker: Walker = walk["walker"]
    second = {"userId": unique_id(), "email": "second@example.com", "password": "password of a second"}
    refused = walker.call("POST", "/account", second, x_appwrite_project="console")
    assert refused.status_code == 501
    assert refused.json()["type"] == "user_console_count_exceeded"


def test_all_of_it_survives_a_restart(server: TidewireServer, walk: dict[str, Any]) -> None:
    server.stop()
    server.start()
    walker: Walker = walk["walker"]
    assert walker.console("GET", "/account").json()["name"] == "Root"
    assert walker.console("GET", f"/projects/{walk['project']['$id']}").json()["smtpHost"] == "localhost"
