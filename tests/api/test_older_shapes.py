"""Shapes of earlier versions over HTTP: of the oldest, and for programs that name no version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id

OLDER = {"X-Appwrite-Response-Format": "1.4.0"}
OLDEST = {"X-Appwrite-Response-Format": "1.3.8"}
NEWER = {"X-Appwrite-Response-Format": "1.9.5"}


@pytest.fixture(scope="module")
def older_by_default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server that takes programs which name no version for those of 1.8."""
    arguments = ["--response-format", "1.8.0", "--drain-seconds", "0.2"]
    running = TidewireServer(tmp_path_factory.mktemp("older") / "data", arguments).start()
    yield running
    assert running.stop() == 0


def client_of(server: TidewireServer) -> httpx.Client:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    return httpx.Client(base_url=server.endpoint, headers=headers, timeout=20)


def ok(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()


def test_a_server_for_programs_that_name_no_version(older_by_default: TidewireServer) -> None:
    with client_of(older_by_default) as program:
        user = {"userId": unique_id(), "name": "Ada"}
        assert "impersonator" not in ok(program.post("/users", json=user))
        place = f"/users/{user['userId']}"
        assert "impersonator" in ok(program.get(place, headers=NEWER))

        # Names of parameters too: those of 1.8 need no id, and know a password of the receiver as httpPass.
        hook = {"name": "Hook", "url": "https://receiver.example.com/", "events": ["users.*"]}
        made = ok(program.post("/webhooks", json={**hook, "security": True, "httpUser": "reader"}))
        assert (made["security"], made["httpUser"]) == (True, "reader")
        shown = ok(program.get(f"/webhooks/{made['$id']}", headers=NEWER))
        assert (shown["tls"], shown["authUsername"]) == (True, "reader")
        refused = program.post("/webhooks", json={**hook, "tls": True}, headers=NEWER)
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")

        project = ok(program.get("/project"))
        assert project["authEmailPassword"] is True and "authMethods" not in project
        assert "authMethods" in ok(program.get("/project", headers=NEWER))


def test_a_server_does_not_start_for_what_is_no_version(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tidewire", "serve", "--data-dir", str(tmp_path / "data"), "--port", "0"]
    ended = subprocess.run(
        [*command, "--response-format", "newest"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "response" in ended.stderr and "Traceback" not in ended.stderr


def test_shapes_of_1_4(server: TidewireServer, api_key: str) -> None:
    with client_of(server) as program:
        name = unique_id()
        user = {"userId": name, "email": f"{name}@example.com", "password": "correct horse", "name": "Ada"}
        made = ok(program.post("/users", json=user, headers=OLDER))
        assert not made.keys() & {"targets", "mfa", "impersonator", "impersonatorUserId"}
        assert made["hash"] == "argon2" and made["prefs"] == {}

        token = ok(program.post(f"/users/{name}/tokens", headers=OLDER))
        assert token["secret"] and "phrase" not in token
        session = ok(program.post(f"/users/{name}/sessions", headers=OLDER))
        assert not session.keys() & {"factors", "secret"}
        [listed] = ok(program.get(f"/users/{name}/sessions", headers=OLDER))["sessions"]
        assert listed["$id"] == session["$id"] and not listed.keys() & {"factors", "secret"}

        team = ok(program.post("/teams", json={"teamId": unique_id(), "name": "Team"}, headers=OLDER))
        member = {"userId": name, "roles": ["member"]}
        joined = ok(program.post(f"/teams/{team['$id']}/memberships", json=member, headers=OLDER))
        assert joined["roles"] == ["member"] and not joined.keys() & {"mfa", "userPhone"}

        hook = {
            "name": "Hook",
            "url": "https://receiver.example.com/",
            "events": ["users.*"],
            "security": True,
        }
        webhook = ok(program.post("/webhooks", json=hook, headers=OLDER))
        assert webhook["signatureKey"] and webhook["security"] is True
        assert not webhook.keys() & {"enabled", "logs", "attempts", "tls", "secret"}
        assert program.delete(f"/webhooks/{webhook['$id']}", headers=OLDER).status_code == 204

        for headers, with_mfa in ((OLDER, False), (NEWER, True)):
            assert ("mfa" in ok(program.get(f"/users/{name}", headers=headers))) is with_mfa


def test_providers_of_a_project_by_key_and_by_name(server: TidewireServer, api_key: str) -> None:
    with client_of(server) as program:
        older, oldest = (ok(program.get("/project", headers=each)) for each in (OLDER, OLDEST))
        for project in (older, oldest):
            assert not project.keys() & {"oAuthProviders", "devKeys", "authMockNumbers", "authSessionAlerts"}
        assert "domains" not in older and oldest["domains"] == []
        for each, former in zip(older["providers"], oldest["providers"], strict=True):
            assert former.keys() == {"name", "appId", "secret", "enabled"}
            assert each.keys() == {"key", *former}
        keys = [each["key"] for each in older["providers"]]
        assert keys[keys.index("github")] == "github"
        assert "Github" in [each["name"] for each in oldest["providers"]]
