"""Real SDKs of earlier versions read the models that they were made for, and are understood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.node import run_node
from tests.support.server import TidewireServer

SERVER_SDKS = {
    "node-appwrite-13": "1.5.0",
    "node-appwrite-14": "1.6.0",
    "node-appwrite-17": "1.7.0",
    "node-appwrite-22": "1.8.0",
    "node-appwrite-23": "1.9.0",
    "node-appwrite-24": "1.9.1",
    "node-appwrite-24.1": "1.9.4",
    "node-appwrite": "1.9.5",
}
WEB_SDKS = {"appwrite-24": "1.9.1", "appwrite-25": "1.9.2", "appwrite-28": "2.3.0"}
OLDER_WEBHOOK = {"security", "httpUser", "httpPass", "signatureKey"}
WEBHOOK = {"tls", "authUsername", "authPassword", "secret"}


def before(version: str, other: str) -> bool:
    return tuple(map(int, version.split("."))) < tuple(map(int, other.split(".")))


@pytest.mark.parametrize("sdk", SERVER_SDKS)
def test_server_sdks(server: TidewireServer, sdk: str) -> None:
    project = server.command("project", "create")
    key = server.command("key", "create", "--project", project, "--scopes", "all")
    answers = run_node("older.mjs", sdk, server.endpoint, project, key)
    version = SERVER_SDKS[sdk]
    assert answers["format"] == version

    for name in ("user", "listedUser"):
        assert ("impersonator" in answers[name]) is not before(version, "1.9.0")
        assert answers[name]["name"] == "Ada"
        assert {"targets", "mfa"} <= answers[name].keys()
    for name in ("membership", "listedMembership"):
        assert ("userPhone" in answers[name]) is not before(version, "1.9.2")
        assert answers[name]["roles"] == ["member"]
    for name in ("session", "listedSession"):
        assert {"factors", "secret"} <= answers[name].keys()
    assert answers["session"]["secret"] and answers["token"]["secret"]

    number = int if before(version, "1.9.0") else str
    for name in ("document", "read", "listed", "all"):
        assert type(answers[name]["$sequence"]) is number
        assert answers[name]["name"] == "Tides"
    for name in ("read", "listed"):
        # Before 1.8 related documents came unasked.
        assert (answers[name].get("author", {}).get("name") == "Ada") is before(version, "1.8.0")
    assert answers["chosen"].keys() & {"name", "author"} == {"name"}
    assert type(answers["all"]["author"]["$sequence"]) is number
    assert answers["all"]["author"]["$permissions"] == []

    if "webhook" in answers:
        older = before(version, "1.9.1")
        for name, user in (("webhook", "reader"), ("updatedWebhook", "writer"), ("listedWebhook", "writer")):
            assert (answers[name].keys() & (OLDER_WEBHOOK | WEBHOOK)) == (OLDER_WEBHOOK if older else WEBHOOK)
            assert answers[name]["security" if older else "tls"] is True
            assert answers[name]["httpUser" if older else "authUsername"] == user
        assert answers["webhook"]["signatureKey" if older else "secret"]
    if "platform" in answers:
        assert answers["platform"]["bundleIdentifier"] == "com.example.app"
        project_ = answers["protocol"]
        if before(version, "1.9.5"):
            assert project_["protocolStatusForGraphql"] is False
            assert project_["platforms"][0]["bundleIdentifier"] == "com.example.app"
            assert [each["scopes"] for each in project_["keys"]]
            assert "protocols" not in project_
            assert ("smtpReplyTo" in project_) is before(version, "1.9.2")
        else:
            assert {"$id": "graphql", "enabled": False} in project_["protocols"]
            assert "platforms" not in project_
    if "ephemeral" in answers:
        assert answers["ephemeral"]["secret"]
    if "mock" in answers:
        assert answers["mock"]["number"] == "+15005550001"


@pytest.mark.parametrize("sdk", WEB_SDKS)
def test_web_sdks(server: TidewireServer, sdk: str) -> None:
    project = server.command("project", "create")
    key = server.command("key", "create", "--project", project, "--scopes", "all")
    answers = run_node("older_web.mjs", sdk, server.endpoint, project, key)
    version = WEB_SDKS[sdk]
    assert answers["format"] == version
    assert answers["account"]["name"] == "ada"
    assert "impersonator" in answers["account"]
    assert ("userPhone" in answers["member"]) is not before(version, "1.9.2")
    if before(version, "1.9.3"):
        assert answers["ephemeral"].keys() == {"projectId", "jwt", "scopes"}
        assert (answers["ephemeral"]["projectId"], answers["ephemeral"]["scopes"]) == (
            project,
            ["users.read"],
        )
    else:
        assert answers["ephemeral"]["secret"]
    whole = answers["project"]
    assert ("authEmailPassword" in whole) is before(version, "1.9.5")
    assert ("authMethods" in whole) is not before(version, "1.9.5")
    assert ("smtpReplyTo" in whole) is before(version, "1.9.2")
    # Both were there in versions from 1.9.2 until the rules of a project moved to its policies.
    between = not before(version, "1.9.2") and before(version, "1.9.5")
    assert ("authMembershipsUserPhone" in whole) is between


@pytest.fixture(scope="module")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK for Python of 1.4."""
    folder = tmp_path_factory.mktemp("older")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "appwrite==4.0.0"], check=True)
    return folder


def test_the_sdk_for_python_of_1_4(server: TidewireServer, older_python: Path) -> None:
    project = server.command("project", "create")
    key = server.command("key", "create", "--project", project, "--scopes", "all")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("older_sdk.py")), server.endpoint, project, key],
        env={**os.environ, "PYTHONPATH": str(older_python)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers["format"] == "1.4.0"
    for name in ("user", "listed_user"):
        assert answers[name]["name"] == "Ada"
        assert not answers[name].keys() & {"targets", "mfa", "impersonator"}
    assert not answers["membership"].keys() & {"mfa", "userPhone"}
    assert type(answers["document"]["$sequence"]) is int


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TidewireServer]:
    """A server without a console account."""
    running = TidewireServer(tmp_path / "data").start()
    yield running
    assert running.stop() == 0


def test_an_older_console(fresh: TidewireServer) -> None:
    answers: dict[str, Any] = run_node("older_console.mjs", "console-2", fresh.endpoint)
    assert answers["format"] == "1.8.0"
    assert "impersonator" not in answers["account"]

    assert answers["created"]["platforms"] == []
    web, app = answers["platforms"]
    assert (web["type"], web["hostname"], web["key"], web["store"]) == ("web", "app.example.com", "", "")
    assert (app["type"], app["hostname"], app["key"], app["store"]) == ("apple", "", "com.example.app", "")
    assert (answers["web"]["store"], answers["app"]["key"]) == ("", "com.example.app")
    assert answers["webhook"]["signatureKey"] and answers["webhook"]["httpUser"] == "reader"
    assert [each["security"] for each in answers["webhooks"]] == [True]
    assert answers["jwt"].keys() == {"projectId", "jwt", "scopes"}
    assert (answers["jwt"]["projectId"], answers["jwt"]["scopes"]) == ("shop", ["users.read"])

    assert (answers["limit"]["authLimit"], answers["unlimited"]["authLimit"]) == (100, 0)
    assert (answers["history"]["authPasswordHistory"], answers["forgotten"]["authPasswordHistory"]) == (5, 0)
    for project in (answers["project"], answers["listed"]):
        assert project["authSessionAlerts"] is True
        assert (project["authAnonymous"], project["authEmailPassword"]) == (False, True)
        assert (project["serviceStatusForLocale"], project["serviceStatusForTeams"]) == (False, True)
        assert [project[f"authMemberships{what}"] for what in ("UserName", "UserEmail", "Mfa")] == [True] * 3
        [mock] = project["authMockNumbers"]
        assert (mock["phone"], mock["otp"]) == ("+15005550001", "123456")
        assert [each["key"] for each in project["platforms"]] == ["", "com.example.app"]
        assert [(each["name"], each["secret"]) for each in project["keys"]] == [("Server", "")]
        assert [(each["name"], each["tls"]) for each in project["webhooks"]] == [("Hook", True)]
        assert len(project["oAuthProviders"]) == 47
        assert project["devKeys"] == []
        assert project["smtpReplyTo"] == ""
        gone = {"authMethods", "services", "protocols", "smtpReplyToEmail", "smtpReplyToName"}
        assert not project.keys() & (gone | {"protocolStatusForRest", "authMembershipsUserId"})
