"""The Python SDK manages a project: its models refuse answers that lack anything they need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from appwrite.client import Client
from appwrite.enums.project_auth_method_id import ProjectAuthMethodId
from appwrite.enums.project_key_scopes import ProjectKeyScopes
from appwrite.enums.project_policy_id import ProjectPolicyId
from appwrite.enums.project_protocol_id import ProjectProtocolId
from appwrite.enums.project_service_id import ProjectServiceId
from appwrite.exception import AppwriteException
from appwrite.services.project import Project
from appwrite.services.webhooks import Webhooks

from tests.support.server import TidewireServer

POLICIES = [
    *("password-dictionary", "password-history", "password-strength", "password-personal-data"),
    *("session-alert", "session-duration", "session-invalidation", "session-limit", "user-limit"),
    *("membership-privacy", "mfa-factors"),
]


@pytest.fixture
def client(server: TidewireServer) -> Iterator[Client]:
    """A client with all scopes on a project of its own."""
    project = server.command("project", "create")
    key = server.command("key", "create", "--project", project, "--scopes", "all")
    yield Client().set_endpoint(server.endpoint).set_project(project).set_key(key)


def test_project(client: Client) -> None:
    project = Project(client)
    assert project.get().smtpenabled is False
    assert project.list_keys().total == 1
    ephemeral = project.create_ephemeral_key([ProjectKeyScopes.PROJECT_READ], 60)
    client.set_key(ephemeral.secret)
    assert project.get().id
    with pytest.raises(AppwriteException, match="scope"):
        project.list_keys()


def test_platforms(client: Client) -> None:
    project = Project(client)
    project.create_web_platform("web", "Web", "app.example.com")
    project.create_apple_platform("apple", "Apple", "com.example.app")
    project.create_android_platform("android", "Android", "com.example.app")
    project.create_windows_platform("windows", "Windows", "com.example.app")
    project.create_linux_platform("linux", "Linux", "com.example.app")
    assert project.list_platforms().total == 5
    for name in ("web", "apple", "android", "windows", "linux"):
        assert type(project.get_platform(name)).__name__.lower() == f"platform{name}"


def test_settings(client: Client) -> None:
    project = Project(client)
    assert project.list_policies().total == len(POLICIES)
    for policy in POLICIES:
        assert project.get_policy(ProjectPolicyId(policy)).id == policy
    assert project.update_password_strength_policy(min=10).min == 10
    assert project.update_service(ProjectServiceId.TEAMS, False).id
    assert project.update_protocol(ProjectProtocolId.GRAPHQL, False).id
    assert project.update_auth_method(ProjectAuthMethodId.JWT, False).id
    assert project.create_mock_phone("+15005550001", "123456").otp == "123456"
    assert project.get_mock_phone("+15005550001").otp == "123456"
    project.delete_mock_phone("+15005550001")
    assert project.list_mock_phones().total == 0
    changed = project.update_smtp(
        host="mail.example.com", port=25, sender_email="me@example.com", enabled=False
    )
    assert (changed.smtphost, changed.smtpenabled) == ("mail.example.com", False)


def test_webhooks(client: Client) -> None:
    webhooks = Webhooks(client)
    created = webhooks.create("unique()", "https://receiver.example.com/", "Hook", ["users.*"])
    assert created.secret
    assert webhooks.update_secret(created.id).secret != created.secret
    assert webhooks.update(created.id, "New", "https://other.example.com/", ["users.*"]).name == "New"
    assert webhooks.list().total == 1
    webhooks.delete(created.id)
    assert webhooks.list().total == 0


def test_deletion(client: Client) -> None:
    project = Project(client)
    project.delete()
    with pytest.raises(AppwriteException) as refused:
        project.get()
    assert refused.value.type == "project_not_found"
