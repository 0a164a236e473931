"""Webhooks as they are registered; their delivery is tested elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.platform.people import Person, Program, unique_id
from tests.platform.test_settings import events
from tests.support.api import ApiServer
from tidewire.store.schema import webhooks


def new_webhook(**fields: Any) -> dict[str, Any]:
    return {
        "webhookId": unique_id(),
        "name": "Hook",
        "url": "http://receiver:5000/path",
        "events": ["buckets.*.files.*.create"],
        **fields,
    }


def stored(api: ApiServer, project: str) -> Any:
    async def work() -> Any:
        store = await api.stores.project(project)
        assert store is not None
        return await store.database.read(lambda connection: connection.execute(select(webhooks)).one())

    return api.run(work)


def test_life_of_a_webhook(api: ApiServer, admin: Program, project: str) -> None:
    sent = new_webhook(authUsername="me", authPassword="pass-word", tls=True)
    created = admin.done("POST", "/webhooks", sent)
    assert created["secret"]
    assert created["authPassword"] == ""
    assert (created["enabled"], created["tls"], created["attempts"]) == (True, True, 0)
    shown = {**created, "secret": ""}
    path = f"/webhooks/{created['$id']}"
    assert admin.done("GET", path) == shown
    assert admin.done("GET", "/webhooks") == {"total": 1, "webhooks": [shown]}
    assert admin.refused("POST", "/webhooks", sent) == "webhook_already_exists"
    changed = admin.done("PUT", path, {"name": "New", "url": "https://a.example/", "events": ["users.*"]})
    assert (changed["name"], changed["events"], changed["authUsername"]) == ("New", ["users.*"], "")
    rotated = admin.done("PATCH", f"{path}/secret", {"secret": "chosen by me"})
    assert rotated["secret"] == "chosen by me"
    assert admin.done("PATCH", f"{path}/secret")["secret"] not in {"", "chosen by me", created["secret"]}
    admin.done("DELETE", path)
    for method, at, body in (
        ("GET", path, None),
        ("PUT", path, new_webhook()),
        ("PATCH", f"{path}/secret", None),
        ("DELETE", path, None),
    ):
        assert admin.refused(method, at, body) == "webhook_not_found"
    assert [event.pattern.rpartition(".")[2] for event in events(api, project)] == [
        *("create", "update", "update", "update", "delete")
    ]


def test_secrets_are_sealed_and_stay_out_of_the_log(api: ApiServer, admin: Program, project: str) -> None:
    created = admin.done("POST", "/webhooks", new_webhook(authPassword="pass-word"))
    row = stored(api, project)
    assert api.stores.encryption.open(row.secret) == created["secret"]
    assert api.stores.encryption.open(row.auth_password) == "pass-word"
    everything = str(row) + str(events(api, project))
    assert created["secret"] not in everything
    assert "pass-word" not in everything


def test_older_clients(person: Person, project: str) -> None:
    base = f"/projects/{project}/webhooks"
    body = {
        "name": "Hook",
        "url": "http://receiver/",
        "events": ["users.*.create"],
        "security": True,
        "httpUser": "me",
        "httpPass": "pass-word",
    }
    created = person.done("POST", base, body)
    assert (created["tls"], created["authUsername"]) == (True, "me")
    path = f"{base}/{created['$id']}"
    assert person.done("GET", path)["$id"] == created["$id"]
    assert person.done("PATCH", f"{path}/signature")["secret"]
    assert person.done("PUT", path, {**body, "security": False})["tls"] is False
    person.done("DELETE", path)
    assert person.done("GET", base)["total"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "ftp://receiver/"},
        {"url": "receiver"},
        {"url": "http://"},
        {"url": "http://me:secret@receiver/"},
        {"url": "http://receiver:99999/"},
        {"url": "http://rece iver/"},
        {"url": "http://receiver\\@evil.example/"},
        {"url": "http://receiver/" + "a" * 3000},
        {"url": "javascript:alert(1)"},
        {"events": ["everything"]},
        {"events": ["users"]},
        {"events": ["users.*.explode"]},
        {"events": ["users.*.sessions.*.update"]},
        {"events": ["*"]},
        {"events": "users.*"},
        {"events": ["users.*"] * 101},
        {"name": ""},
        {"secret": "short"},
        {"authUsername": ""},
        {"enabled": "yes"},
    ],
)
def test_webhooks_that_make_no_sense(admin: Program, fields: dict[str, Any]) -> None:
    assert admin.refused("POST", "/webhooks", new_webhook(**fields)) == "general_argument_invalid"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://10.0.0.1:80/",
        "http://[::1]:8080/hook",
        "https://hooks.example.com/a?b=c#d",
    ],
)
def test_any_host_can_be_registered(admin: Program, url: str) -> None:
    """Whether it may be called is found out when it is: names can change their addresses."""
    assert admin.done("POST", "/webhooks", new_webhook(url=url))["url"] == url


def test_enabled_again_a_webhook_begins_with_what_happens_then(
    api: ApiServer, admin: Program, project: str
) -> None:
    created = admin.done("POST", "/webhooks", new_webhook())
    path = f"/webhooks/{created['$id']}"
    begun = stored(api, project).position
    body = {"name": "Hook", "url": "http://receiver/", "events": ["users.*"]}
    admin.done("PUT", path, {**body, "enabled": False})
    assert stored(api, project).position == begun
    admin.done("PUT", path, {**body, "enabled": True})
    assert stored(api, project).position > begun


def test_scopes_and_projects(api: ApiServer, person: Person, project: str, admin: Program) -> None:
    created = admin.done("POST", "/webhooks", new_webhook())
    reader = person.key(project, "webhooks.read")
    assert reader.done("GET", "/webhooks")["total"] == 1
    assert reader.refused("POST", "/webhooks", new_webhook()) == "general_unauthorized_scope"
    elsewhere = person.key(person.project(), "webhooks.read", "webhooks.write")
    assert elsewhere.refused("GET", f"/webhooks/{created['$id']}") == "webhook_not_found"
    guest = Program(api, {"x-appwrite-project": project})
    assert guest.refused("GET", "/webhooks") == "general_unauthorized_scope"
