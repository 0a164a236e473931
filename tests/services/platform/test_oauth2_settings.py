"""Settings of the providers that users sign in with, in both generations of paths; secrets stay secret."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from tests.services.platform.people import Person, Program
from tests.support.api import ApiServer
from tidewire.core.oauth_providers import OAUTH_PROVIDERS
from tidewire.oauth.fields import FIELDS
from tidewire.oauth.table import PROVIDERS
from tidewire.store.schema import projects

SECRET = "s3cret-of-the-app"
VALUES: dict[str, Any] = {
    "endpoint": "id.example.com",
    "realmName": "realm",
    "tenant": "common",
    "domain": "trial-1.okta.com",
    "wellKnownURL": "https://id.example.com/.well-known/openid-configuration",
    "keyId": "K1",
    "teamId": "T1",
}
UNTRIED = sorted(key for key in FIELDS if not PROVIDERS[key].probe)


def complete(key: str) -> dict[str, Any]:
    """All that a provider cannot be used without, and what the tests know of the rest."""
    fields = FIELDS[key]
    values = {each.name: VALUES[each.name] for each in fields.options if each.name in VALUES}
    if key == "gitlab":
        values["endpoint"] = "https://gitlab.example.com"
    return {fields.client_id.name: f"id of {key}", fields.secret.name: SECRET, **values}


def as_before(version: str, program: Program, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """What a program of before a version is answered, which the catalog does not describe."""
    headers = {**program.headers, "X-Appwrite-Response-Format": version}
    answer = httpx.request(method, f"{program.api.url}/v1{path}", json=body, headers=headers, timeout=20)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_the_tables_are_about_the_same_providers() -> None:
    assert PROVIDERS.keys() == OAUTH_PROVIDERS.keys()
    assert OAUTH_PROVIDERS.keys() - FIELDS.keys() == {"yammer", "mock", "mock-unverified"}


@pytest.mark.parametrize("key", UNTRIED)
def test_a_provider_that_is_complete_is_switched_on(admin: Program, key: str) -> None:
    fields, given = FIELDS[key], complete(key)
    changed = admin.done("PATCH", f"/project/oauth2/{key}", given)
    assert changed["enabled"] is True
    assert (
        changed
        in admin.done("GET", "/project/oauth2?queries[]=" + '{"method":"limit","values":[50]}')["providers"]
    )
    if key != "appwrite":  # which the catalog does not count among the answers
        assert changed == admin.done("GET", f"/project/oauth2/{key}")
    assert (changed["$id"], changed[fields.client_id.name]) == (key, f"id of {key}")
    assert {name: changed[name] for name in given} == {**given, fields.secret.name: ""}
    cleared = admin.done("PATCH", f"/project/oauth2/{key}", {fields.secret.name: ""})
    assert cleared["enabled"] is False
    refused = admin.call("PATCH", f"/project/oauth2/{key}", {"enabled": True})
    assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")
    assert fields.secret.name in refused.json()["message"]


@pytest.mark.parametrize("key", [key for key in UNTRIED if any(f.needed for f in FIELDS[key].options)])
def test_what_a_provider_needs_is_asked_for(admin: Program, key: str) -> None:
    needed = next(each.name for each in FIELDS[key].options if each.needed)
    without = {name: value for name, value in complete(key).items() if name != needed}
    assert admin.done("PATCH", f"/project/oauth2/{key}", without)["enabled"] is False
    refused = admin.call("PATCH", f"/project/oauth2/{key}", {"enabled": True})
    assert refused.status_code == 400
    assert needed in refused.json()["message"]
    whole = admin.done("PATCH", f"/project/oauth2/{key}", {needed: VALUES[needed], "enabled": True})
    assert whole["enabled"] is True


def test_secrets_are_sealed_and_in_no_answer(
    api: ApiServer, person: Person, project: str, admin: Program
) -> None:
    admin.done("PATCH", "/project/oauth2/google", complete("google"))
    older = {
        "provider": "auth0",
        "appId": "a",
        "secret": msgspec.json.encode({"clientSecret": SECRET}).decode(),
    }
    person.done("PATCH", f"/projects/{project}/oauth2", older)
    wanted = select(projects.c.settings).where(projects.c.id == project)
    stored: Any = api.run(lambda: api.instance.database.read(lambda connection: connection.scalar(wanted)))
    assert SECRET not in str(stored)
    for key in ("google", "auth0"):
        assert api.instance.encryption.open(stored["oauth"][key]["secret"]) == SECRET
    for path in ("/project/oauth2", "/project/oauth2/google", "/project/oauth2/auth0", "/project"):
        assert SECRET not in admin.call("GET", path).text
    assert SECRET not in str(as_before("1.9.4", person, "GET", f"/projects/{project}"))


def test_null_keeps_and_a_switch_stays_off(admin: Program) -> None:
    path = "/project/oauth2/microsoft"
    assert admin.done("PATCH", path, {**complete("microsoft"), "enabled": False})["enabled"] is False
    kept = admin.done("PATCH", path, {"tenant": "contoso", "applicationId": None, "enabled": None})
    assert (kept["applicationId"], kept["tenant"], kept["enabled"]) == ("id of microsoft", "contoso", True)
    assert admin.done("PATCH", path, {"enabled": False})["enabled"] is False


def test_prompts(admin: Program) -> None:
    path = "/project/oauth2/google"
    assert admin.done("GET", path)["prompt"] == ["consent"]
    for wrong in ([], ["none", "consent"], ["login"]):
        assert admin.refused("PATCH", path, {"prompt": wrong}) == "general_argument_invalid"
    assert admin.done("PATCH", path, {"prompt": ["none"]})["prompt"] == ["none"]
    oidc = admin.done("PATCH", "/project/oauth2/oidc", {"maxAge": 60, "prompt": ["login"]})
    assert (oidc["maxAge"], oidc["prompt"], oidc["enabled"]) == (60, ["login"], False)


def test_openid_connect_needs_its_configuration_or_three_addresses(admin: Program) -> None:
    path, app = "/project/oauth2/oidc", {"clientId": "a", "clientSecret": SECRET}
    two = {"authorizationURL": "https://a.example/a", "tokenURL": "https://a.example/t"}
    assert admin.done("PATCH", path, {**app, **two})["enabled"] is False
    refused = admin.call("PATCH", path, {"enabled": True})
    assert (refused.status_code, "userInfoURL" in refused.json()["message"]) == (400, True)
    assert admin.done("PATCH", path, {"userInfoURL": "https://a.example/u"})["enabled"] is True
    assert admin.refused("PATCH", path, {"tokenURL": "javascript:alert(1)"}) == "general_argument_invalid"


@pytest.mark.parametrize(
    "host", ["id.example.com/path", "me@id.example.com", "id.example.com#", "https://a.b"]
)
def test_what_is_no_host_is_not_used_as_one(admin: Program, host: str) -> None:
    given = {**complete("keycloak"), "endpoint": host}
    assert admin.done("PATCH", "/project/oauth2/keycloak", given)["enabled"] is False
    assert admin.refused("PATCH", "/project/oauth2/keycloak", {"enabled": True}) == "general_argument_invalid"


def test_lists(admin: Program) -> None:
    page = admin.done("GET", "/project/oauth2?queries[]=" + '{"method":"limit","values":[3]}')
    assert (page["total"], [each["$id"] for each in page["providers"]]) == (
        44,
        ["github", "discord", "figma"],
    )
    assert len(admin.done("GET", "/project/oauth2")["providers"]) == 44
    assert admin.done("GET", "/project/oauth2?total=false")["total"] == 0
    assert admin.refused("GET", "/project/oauth2/nothing") == "general_argument_invalid"
    assert admin.refused("GET", "/project/oauth2/mock") == "project_provider_unsupported"
    assert admin.call("PATCH", "/project/oauth2/nothing", {}).status_code == 404


def test_older_paths_and_shapes(person: Person, project: str, admin: Program) -> None:
    path = f"/projects/{project}/oauth2"
    p8 = msgspec.json.encode({"p8": SECRET, "keyID": "K", "teamID": "T"}).decode()
    for key, secret in {"apple": p8, "github": SECRET, "mock": "123456"}.items():
        changed = person.done(
            "PATCH", path, {"provider": key, "appId": "1", "secret": secret, "enabled": True}
        )
        assert changed["$id"] == project
    apple = admin.done("GET", "/project/oauth2/apple")
    assert (apple["serviceId"], apple["keyId"], apple["teamId"], apple["p8File"]) == ("1", "K", "T", "")
    oidc = msgspec.json.encode(
        {"userinfoEndpoint": "https://a.example/u", "tokenEndpoint": "https://a.example/t"}
    )
    person.done("PATCH", path, {"provider": "oidc", "appId": "1", "secret": oidc.decode()})
    written = admin.done("GET", "/project/oauth2/oidc")
    assert (written["userInfoURL"], written["tokenURL"]) == ("https://a.example/u", "https://a.example/t")
    told = as_before("1.9.4", person, "GET", f"/projects/{project}")["oAuthProviders"]
    shown = {each["key"]: each for each in told}
    assert len(shown) == 47
    assert shown["mock"] == {"key": "mock", "name": "Mock", "appId": "1", "secret": "", "enabled": True}
    assert shown["google"]["enabled"] is False
    assert person.refused("PATCH", path, {"provider": "nothing"}) == "general_argument_invalid"


def test_words_of_before_1_9_4(admin: Program) -> None:
    given = {"tokenUrl": "https://a.example/t", "userInfoUrl": "https://a.example/u"}
    answer = as_before("1.9.3", admin, "PATCH", "/project/oauth2/oidc", given)
    assert {name: answer[name] for name in given} == given
    now = admin.done("GET", "/project/oauth2/oidc")
    assert (now["tokenURL"], now["userInfoURL"]) == ("https://a.example/t", "https://a.example/u")


def test_what_can_be_set_up_is_told_to_anybody(person: Person) -> None:
    told = person.done("GET", "/console/oauth2-providers")
    assert told["total"] == len(told["oAuth2Providers"]) == 44
    by_id = {each["$id"]: each["parameters"] for each in told["oAuth2Providers"]}
    assert by_id["github"][0] == {
        "$id": "clientId",
        "name": "OAuth2 app Client ID, or App ID",
        "example": "e4d87900000000540733",
        "hint": "Example of wrong value: 370006",
    }
    assert [each["$id"] for each in by_id["apple"]] == ["serviceId", "keyId", "teamId", "p8File"]
    assert not {"mock", "yammer"} & by_id.keys()


def test_scopes(person: Person, project: str) -> None:
    reader = person.key(project, "project.oauth2.read")
    assert reader.done("GET", "/project/oauth2/google")["enabled"] is False
    assert reader.refused("PATCH", "/project/oauth2/google", {}) == "general_unauthorized_scope"
    writer = person.key(project, "project.oauth2.write")
    assert writer.done("PATCH", "/project/oauth2/google", complete("google"))["enabled"] is True
    assert writer.refused("GET", "/project/oauth2") == "general_unauthorized_scope"
