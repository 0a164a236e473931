"""Providers: each kind is made, changed and shown, and nothing secret is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.messaging.people import Person, refused
from tests.support.api import ApiServer
from tidewire.core.ids import unique_id
from tidewire.services.messaging.provider_kinds import KINDS, ProviderKind, Value

PROVIDERS = "/v1/messaging/providers"


def _sample(name: str, value: Value) -> Any:
    samples = {
        "port": 2525,
        "isEuRegion": True,
        "autoTLS": False,
        "sandbox": True,
        "encryption": "tls",
        "from": "+15005550006",
        "fromEmail": "news@example.com",
        "replyToEmail": "answers@example.com",
        "serviceAccountJSON": {"project_id": "p", "private_key": "very secret indeed"},
    }
    return samples.get(name, f"secret {name}")


def whole(kind: ProviderKind) -> dict[str, Any]:
    """A provider with everything that its kind knows."""
    values = {name: _sample(name, value) for name, value in kind.values.items()}
    return {"providerId": unique_id(), "name": "Sender", "enabled": True, **values}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind(program: httpx.Client, api: ApiServer, kind: ProviderKind) -> None:
    body = whole(kind)
    path = f"{PROVIDERS}/{kind.name}"
    made = program.post(path, json=body)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["provider"], shown["type"], shown["enabled"]) == (kind.name, kind.type, True)
    assert shown["credentials"] == dict.fromkeys(kind.credentials, "")
    assert shown["options"] == {name: body[name] for name in kind.options}

    one = f"{PROVIDERS}/{body['providerId']}"
    assert program.get(one).json() == shown
    changed = program.patch(f"{path}/{body['providerId']}", json={"name": "Other", "enabled": False})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["enabled"]) == ("Other", False)
    again = program.patch(f"{path}/{body['providerId']}", json={"enabled": True})
    assert again.json()["enabled"] is True  # what it needs was kept
    stored = b"".join(file.read_bytes() for file in Path(api.settings.data_dir).rglob("*.sqlite3*"))
    secrets = [value for name, value in body.items() if name in kind.credentials and isinstance(value, str)]
    assert not [secret for secret in secrets if secret.encode() in stored]
    assert b"very secret indeed" not in stored
    assert program.delete(one).status_code == 204
    refused(program.get(one), 404, "provider_not_found")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_what_is_incomplete_is_not_enabled(program: httpx.Client, kind: ProviderKind) -> None:
    needed = [name for name, value in kind.values.items() if value.needed][-1]
    body = {name: value for name, value in whole(kind).items() if name != needed}
    made = program.post(f"{PROVIDERS}/{kind.name}", json=body)
    assert (made.status_code, made.json()["enabled"]) == (201, False)
    path = f"{PROVIDERS}/{kind.name}/{body['providerId']}"
    refused(program.patch(path, json={"enabled": True}), 400, "provider_missing_credentials")
    given = {"enabled": True, needed: whole(kind)[needed]}
    assert program.patch(path, json=given).json()["enabled"] is True


def test_ids_and_kinds(program: httpx.Client) -> None:
    body = whole(KINDS["twilio"])
    program.post(f"{PROVIDERS}/twilio", json=body).raise_for_status()
    refused(program.post(f"{PROVIDERS}/twilio", json=body), 409, "provider_already_exists")
    wrong = program.patch(f"{PROVIDERS}/vonage/{body['providerId']}", json={"name": "x"})
    refused(wrong, 400, "provider_incorrect_type")
    refused(program.patch(f"{PROVIDERS}/vonage/nobody", json={"name": "x"}), 404, "provider_not_found")
    refused(program.post(f"{PROVIDERS}/pigeon", json=body), 404, "general_route_not_found")


def test_options_have_defaults(program: httpx.Client) -> None:
    body = {"providerId": unique_id(), "name": "Mails", "host": "localhost", "encryption": "tls"}
    options = program.post(f"{PROVIDERS}/smtp", json=body).json()["options"]
    texts = dict.fromkeys(("mailer", "fromName", "fromEmail", "replyToName", "replyToEmail"), "")
    assert options == {"encryption": "tls", "autoTLS": True, **texts}
    changed = program.patch(f"{PROVIDERS}/smtp/{body['providerId']}", json={"encryption": "none"})
    assert changed.json()["options"] == {"encryption": "", "autoTLS": True, **texts}


def test_lists(program: httpx.Client) -> None:
    body = whole(KINDS["sendgrid"]) | {"name": unique_id()}
    program.post(f"{PROVIDERS}/sendgrid", json=body).raise_for_status()
    found = program.get(PROVIDERS, params={"search": body["name"]}).json()
    assert [each["$id"] for each in found["providers"]] == [body["providerId"]]
    query = json.dumps({"method": "equal", "attribute": "provider", "values": ["sendgrid"]})
    listed = program.get(PROVIDERS, params={"queries[0]": query}).json()["providers"]
    assert {each["provider"] for each in listed} == {"sendgrid"}


def test_people_may_not(ada: Person) -> None:
    refused(ada.client.get(PROVIDERS), 401, "general_unauthorized_scope")
    refused(
        ada.client.post(f"{PROVIDERS}/smtp", json=whole(KINDS["smtp"])), 401, "general_unauthorized_scope"
    )
