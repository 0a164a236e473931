"""Each server SDK and the command line of the ecosystem set a fresh instance up, and realtime shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import websockets
from appwrite.client import Client
from appwrite.id import ID
from appwrite.services.account import Account
from appwrite.services.organization import Organization
from appwrite.services.teams import Teams
from appwrite.services.users import Users

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.server import TidewireServer

EMAIL, PASSWORD = "admin@example.com", "correct horse"
SCOPES = ["users.read", "users.write", "teams.read", "teams.write", "sessions.write"]


class Tool(Protocol):
    """A way to set an instance up."""

    def platform(self) -> tuple[str, str]:
        """From nothing: console account, organisation, project, key. Returns project and key."""

    def person(self, project: str, key: str) -> tuple[str, str]:
        """A user with a session: their id and the encoded session."""

    def live(self, project: str, key: str, user: str) -> None:
        """Rename the user, make them a member of a new team, sign them in once more."""


class Node:
    """node-appwrite."""

    def __init__(self, server: TidewireServer) -> None:
        self.endpoint = server.endpoint

    def platform(self) -> tuple[str, str]:
        made = run_node("setup.mjs", self.endpoint, "platform")
        return made["project"], made["key"]

    def person(self, project: str, key: str) -> tuple[str, str]:
        made = run_node("setup.mjs", self.endpoint, "person", json.dumps({"project": project, "key": key}))
        return made["user"], made["session"]

    def live(self, project: str, key: str, user: str) -> None:
        given = {"project": project, "key": key, "user": user}
        run_node("setup.mjs", self.endpoint, "live", json.dumps(given))


class Python:
    """The Python package ``appwrite``."""

    def __init__(self, server: TidewireServer) -> None:
        self.endpoint = server.endpoint

    def client(self, project: str) -> Client:
        made = Client()
        made.set_endpoint(self.endpoint).set_project(project)
        return made

    def platform(self) -> tuple[str, str]:
        Account(self.client("console")).create(ID.unique(), EMAIL, PASSWORD, "Admin")
        cookie = console_cookie(self.endpoint)
        console = self.client("console")
        console.add_header("cookie", cookie)
        Teams(console).create("org", "Organisation")
        console.add_header("x-appwrite-organization", "org")
        organization = Organization(console)
        project = organization.create_project("shop", "Shop")
        # This generation of the SDK makes no lasting keys, only ones that expire.
        made = self.client(project.id)
        made.add_header("cookie", cookie)
        made.add_header("x-appwrite-mode", "admin")
        key = made.call(
            "post",
            "/project/keys",
            {"content-type": "application/json", "X-Appwrite-Project": project.id},
            {"keyId": ID.unique(), "name": "Server", "scopes": SCOPES},
        )
        return project.id, key["secret"]

    def person(self, project: str, key: str) -> tuple[str, str]:
        users = Users(self.client(project).set_key(key))
        user = users.create(ID.unique(), email="ada@example.com", password=PASSWORD, name="Ada")
        return user.id, users.create_session(user.id).secret

    def live(self, project: str, key: str, user: str) -> None:
        users, teams = Users(self.client(project).set_key(key)), Teams(self.client(project).set_key(key))
        users.update_name(user, "Ada Lovelace")
        team = teams.create(ID.unique(), "Analysts")
        teams.create_membership(team.id, ["editor"], user_id=user)
        users.create_session(user)


class CommandLine:
    """appwrite-cli, with a home and a folder of its own."""

    def __init__(self, server: TidewireServer, folder: Path) -> None:
        self.endpoint = server.endpoint
        self.folder = folder

    def run(self, *arguments: str) -> Any:
        program = JAVASCRIPT / "node_modules" / ".bin" / "appwrite"
        environment = {**os.environ, "HOME": str(self.folder), "NO_COLOR": "1"}
        done = subprocess.run(
            [program, *arguments, "--json"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"^\{.*^\}", done.stdout, re.DOTALL | re.MULTILINE)
        return json.loads(found[0]) if found else None

    def link(self, project: str) -> None:
        linked = {"projectId": project, "endpoint": self.endpoint}
        (self.folder / "appwrite.config.json").write_text(json.dumps(linked))

    def platform(self) -> tuple[str, str]:
        # Signing up is for the console's web pages; the command line begins with signing in.
        body = {"userId": "unique()", "email": EMAIL, "password": PASSWORD, "name": "Admin"}
        httpx.post(
            f"{self.endpoint}/account", json=body, headers={"x-appwrite-project": "console"}
        ).raise_for_status()
        # So is founding an organisation: the command line acts in admin mode, which the console has not.
        httpx.post(
            f"{self.endpoint}/teams",
            json={"teamId": "org", "name": "Organisation"},
            headers={"x-appwrite-project": "console", "cookie": console_cookie(self.endpoint)},
        ).raise_for_status()
        self.run("login", "--endpoint", self.endpoint, "--email", EMAIL, "--password", PASSWORD)
        self.run("projects", "create", "--project-id", "shop", "--name", "Shop", "--team-id", "org")
        key = self.run(
            "projects", "create-key", "--project-id", "shop", "--name", "Server", "--scopes", *SCOPES
        )
        return "shop", key["secret"]

    def person(self, project: str, key: str) -> tuple[str, str]:  # noqa: ARG002 - it signs in instead
        self.link(project)
        person = ("--email", "ada@example.com", "--password", PASSWORD, "--name", "Ada")
        user = self.run("users", "create", "--user-id", "ada", *person)
        return user["$id"], self.run("users", "create-session", "--user-id", "ada")["secret"]

    def live(self, project: str, key: str, user: str) -> None:  # noqa: ARG002
        self.run("users", "update-name", "--user-id", user, "--name", "Ada Lovelace")
        self.run("teams", "create", "--team-id", "analysts", "--name", "Analysts")
        member = ("--team-id", "analysts", "--user-id", user, "--roles", "editor")
        self.run("teams", "create-membership", *member)
        self.run("users", "create-session", "--user-id", user)


def console_cookie(endpoint: str) -> str:
    """The console's session, as a browser would keep it."""
    answer = httpx.post(
        f"{endpoint}/account/sessions/email",
        json={"email": EMAIL, "password": PASSWORD},
        headers={"x-appwrite-project": "console", "origin": "http://localhost"},
    )
    return f"a_session_console={answer.cookies['a_session_console']}"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TidewireServer]:
    """An instance on which nobody has signed up."""
    running = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.1"]).start()
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("name", ["node-appwrite", "appwrite for Python", "appwrite-cli"])
async def test_a_fresh_instance_is_set_up_and_realtime_shows_it(
    fresh: TidewireServer, tmp_path: Path, name: str
) -> None:
    tools: dict[str, Tool] = {
        "node-appwrite": Node(fresh),
        "appwrite for Python": Python(fresh),
        "appwrite-cli": CommandLine(fresh, tmp_path),
    }
    tool = tools[name]
    project, key = tool.platform()
    user, session = tool.person(project, key)
    async with websockets.connect(f"{fresh.realtime}?project={project}") as socket:
        assert json.loads(await socket.recv())["type"] == "connected"
        await socket.send(json.dumps({"type": "authentication", "data": {"session": session}}))
        assert json.loads(await socket.recv())["data"]["user"]["$id"] == user
        rows = [{"subscriptionId": "all", "channels": ["account", "teams", "memberships"]}]
        await socket.send(json.dumps({"type": "subscribe", "data": rows}))
        assert json.loads(await socket.recv())["data"]["success"]
        tool.live(project, key, user)
        seen = [json.loads(await socket.recv())["data"] for _ in range(3)]
    assert f"users.{user}.update.name" in seen[0]["events"]
    assert re.fullmatch(r"teams\.\w+\.memberships\.\w+\.create", seen[1]["events"][0])
    assert seen[1]["payload"]["userId"] == user
    assert re.fullmatch(rf"users\.{user}\.sessions\.\w+\.create", seen[2]["events"][0])
    assert seen[2]["payload"]["secret"] == ""
