"""Webhooks as they are registered; their delivery is tested elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.services.platform.people import Person, Program, unique_id
from tests.services.platform.test_settings import events
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
        store = await api.instance.project(project)
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
    changed = admin.done("PUT", path, {"name": "New", "url": "https://a.example.com/", "events": ["users.*"]})
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


def test_each_change_is_later_than_what_was_before(
    api: ApiServer, admin: Program, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries know a changed webhook by this, also within one millisecond or with a clock set back."""
    path = f"/webhooks/{admin.done('POST', '/webhooks', new_webhook())['$id']}"
    monkeypatch.setattr("tidewire.store.records.webhooks.now", lambda: 1_000_000)
    changes = [stored(api, project).updated_at]
    for method, at, body in 2 * (("PUT", path, new_webhook()), ("PATCH", f"{path}/secret", None)):
        admin.done(method, at, body)
        changes.append(stored(api, project).updated_at)
    assert changes == sorted(set(changes))


def test_secrets_are_sealed_and_stay_out_of_the_log(api: ApiServer, admin: Program, project: str) -> None:
    created = admin.done("POST", "/webhooks", new_webhook(authPassword="pass-word"))
    row = stored(api, project)
    assert api.instance.encryption.open(row.secret) == created["secret"]
    assert api.instance.encryption.open(row.auth_password) == "pass-word"
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
        {"url": "http://localhost/"},
        {"url": "http://LOCALHOST:8080/"},
        {"url": "http://api.localhost/"},
        {"url": "http://printer.local/"},
        {"url": "https://neighbour/hook"},
        {"url": "http://metadata.google.internal/"},
        {"url": "http://10.0.0.1:80/"},
        {"url": "http://169.254.169.254/latest"},
        {"url": "http://127.1/"},
        {"url": "http://2130706433/"},
        {"url": "http://0x7f.1/"},
        {"url": "http://[::1]:8080/hook"},
        {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": "http://[fd00::2]/"},
        {"enabled": "yes"},
    ],
)
def test_webhooks_that_make_no_sense(admin: Program, fields: dict[str, Any]) -> None:
    assert admin.refused("POST", "/webhooks", new_webhook(**fields)) == "general_argument_invalid"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c#d",
        "http://8.8.8.8:8080/",
        "http://[2606:4700::1111]/",
        "http://receiver:5000/",
        "http://Receiver:5000/",
        "http://10.1.2.3/",
        "http://[fd00::1]/",
    ],
)
def test_public_hosts_and_those_of_the_setting_can_be_registered(admin: Program, url: str) -> None:
    created = admin.done("POST", "/webhooks", new_webhook(url=url))
    assert created["url"] == url
    changed = {"name": "Hook", "events": ["users.*"], "url": url}
    assert admin.done("PUT", f"/webhooks/{created['$id']}", changed)["url"] == url


def test_an_update_to_an_internal_host_is_refused(admin: Program) -> None:
    created = admin.done("POST", "/webhooks", new_webhook())
    path = f"/webhooks/{created['$id']}"
    for url in ("http://localhost/", "http://192.168.0.1/", "http://router.lan/"):
        changed = {"name": "Hook", "events": ["users.*"], "url": url}
        assert admin.refused("PUT", path, changed) == "general_argument_invalid"
    assert admin.done("GET", path)["url"] == created["url"]


def test_an_update_keeps_the_password_unless_one_is_given(
    api: ApiServer, admin: Program, project: str
) -> None:
    def password() -> str:
        sealed = stored(api, project).auth_password
        return api.instance.encryption.open(sealed) if sealed else ""

    created = admin.done("POST", "/webhooks", new_webhook(authUsername="me", authPassword="pass-word"))
    path = f"/webhooks/{created['$id']}"
    shown = admin.done("GET", path)
    body = {key: shown[key] for key in ("name", "url", "events", "enabled", "tls", "authUsername")}
    admin.done("PUT", path, body)
    assert password() == "pass-word"
    admin.done("PUT", path, {**body, "authPassword": None})
    assert password() == "pass-word"
    admin.done("PUT", path, {**body, "authPassword": "another"})
    assert password() == "another"
    admin.done("PUT", path, {**body, "authUsername": "", "authPassword": ""})
    assert password() == stored(api, project).auth_username == ""


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


def test_lists_are_filtered_by_what_webhooks_have(admin: Program) -> None:
    plain = admin.done("POST", "/webhooks", new_webhook())["$id"]
    secure = admin.done("POST", "/webhooks", new_webhook(tls=True, authUsername="me"))["$id"]
    for attribute, value, wanted in (
        ("tls", "true", [secure]),
        ("security", "false", [plain]),
        ("authUsername", '"me"', [secure]),
        ("httpUser", '"me"', [secure]),
    ):
        query = f'{{"method":"equal","attribute":"{attribute}","values":[{value}]}}'
        listed = admin.done("GET", f"/webhooks?queries[]={query}")
        assert [each["$id"] for each in listed["webhooks"]] == wanted, attribute
