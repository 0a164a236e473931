"""API keys: made by people, never stronger than who makes them, gone when deleted."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.services.platform.people import Person, Program, unique_id
from tests.support.api import ApiServer

FIELDS = {
    *("$id", "$createdAt", "$updatedAt", "name", "expire", "scopes", "secret", "accessedAt", "sdks"),
}


def new_key(**fields: Any) -> dict[str, Any]:
    return {"keyId": unique_id(), "name": "Key", "scopes": ["users.read"], **fields}


def with_secret(api: ApiServer, project: str, secret: str) -> Program:
    return Program(api, {"x-appwrite-project": project, "x-appwrite-key": secret})


@pytest.mark.parametrize("older", [False, True])
def test_both_generations(person: Person, project: str, older: bool) -> None:
    caller, base = (
        (person, f"/projects/{project}/keys") if older else (person.admin(project), "/project/keys")
    )
    created = caller.done("POST", base, new_key(scopes=["users.read", "users.read", "documents.read"]))
    assert created.keys() == FIELDS
    assert created["secret"].startswith("standard_")
    assert created["scopes"] == ["users.read", "users.read", "documents.read"]
    path = f"{base}/{created['$id']}"
    assert caller.done("GET", path) == {**created, "secret": ""}
    assert caller.done("GET", base) == {"total": 1, "keys": [{**created, "secret": ""}]}
    changed = caller.done("PUT", path, {"name": "New", "scopes": [], "expire": "2099-01-01T00:00:00.000Z"})
    assert (changed["name"], changed["scopes"]) == ("New", [])
    assert changed["expire"] == "2099-01-01T00:00:00.000+00:00"
    caller.done("DELETE", path)
    assert caller.refused("GET", path) == "key_not_found"
    assert caller.refused("DELETE", path) == "key_not_found"


def test_older_clients_choose_no_id(person: Person, project: str) -> None:
    created = person.done("POST", f"/projects/{project}/keys", {"name": "Key", "scopes": ["users.read"]})
    assert created["$id"]
    refused = person.admin(project).refused("POST", "/project/keys", {"name": "Key", "scopes": []})
    assert refused == "general_argument_invalid"


def test_ids_are_taken_once_a_project(person: Person, project: str, admin: Program) -> None:
    body = new_key()
    admin.done("POST", "/project/keys", body)
    assert admin.refused("POST", "/project/keys", body) == "key_already_exists"
    person.admin(person.project()).done("POST", "/project/keys", body)


def test_only_listed_scopes(admin: Program) -> None:
    for scope in ("account", "users", "*", "projects.write", ""):
        assert admin.refused("POST", "/project/keys", new_key(scopes=[scope])) == "general_argument_invalid"


def test_bodies_cannot_set_what_the_server_decides(api: ApiServer, person: Person, project: str) -> None:
    other = person.project()
    sent = new_key(secret="standard_known", projectId=other, type="organization", accessedAt="2020-01-01")
    created = person.done("POST", f"/projects/{project}/keys", sent)
    assert created["secret"] != "standard_known"
    assert created["accessedAt"] == ""
    assert person.admin(other).refused("GET", f"/project/keys/{sent['keyId']}") == "key_not_found"
    assert with_secret(api, other, created["secret"]).refused("GET", "/users") == "general_unauthorized_scope"


def test_keys_of_other_projects_are_out_of_reach(person: Person, admin: Program) -> None:
    key = admin.done("POST", "/project/keys", new_key())
    elsewhere = person.admin(person.project())
    path = f"/project/keys/{key['$id']}"
    for method, body in (("GET", None), ("PUT", {"name": "N", "scopes": []}), ("DELETE", None)):
        assert elsewhere.refused(method, path, body) == "key_not_found"
    assert admin.done("GET", path)["$id"] == key["$id"]


def test_a_key_does_what_its_scopes_say(person: Person, project: str) -> None:
    key = person.key(project, "users.read")
    assert key.done("GET", "/users")["total"] == 0
    assert key.refused("POST", "/users", {"userId": "u"}) == "general_unauthorized_scope"
    assert key.refused("GET", "/project") == "general_unauthorized_scope"


def test_changes_count_at_once(api: ApiServer, person: Person, project: str, admin: Program) -> None:
    created = admin.done("POST", "/project/keys", new_key())
    key = with_secret(api, project, created["secret"])
    assert key.done("GET", "/users")["total"] == 0
    path = f"/project/keys/{created['$id']}"
    admin.done("PUT", path, {"name": "Key", "scopes": ["teams.read"]})
    assert key.refused("GET", "/users") == "general_unauthorized_scope"
    admin.done("PUT", path, {"name": "Key", "scopes": ["users.read"], "expire": "2020-01-01T00:00:00Z"})
    assert key.refused("GET", "/users") == "project_key_expired"
    admin.done("PUT", path, {"name": "Key", "scopes": ["users.read"], "expire": None})
    assert key.done("GET", "/users")["total"] == 0
    admin.done("DELETE", path)
    assert key.refused("GET", "/users") == "general_unauthorized_scope"


def test_keys_make_no_keys(person: Person, project: str) -> None:
    key = person.key(project, "keys.read", "keys.write")
    assert key.refused("POST", "/project/keys", new_key(scopes=["keys.read"])) == "key_creation_denied"
    assert key.done("GET", "/project/keys")["total"] == 1


def test_keys_give_away_no_more_than_they_have(person: Person, project: str, admin: Program) -> None:
    key = person.key(project, "keys.read", "keys.write", "teams.read")
    (own,) = admin.done("GET", "/project/keys")["keys"]
    stronger = {"name": "Stronger", "scopes": ["keys.write", "users.write"]}
    assert key.refused("PUT", f"/project/keys/{own['$id']}", stronger) == "key_creation_denied"
    body = {"scopes": ["users.write"], "duration": 60}
    assert key.refused("POST", "/project/keys/ephemeral", body) == "key_creation_denied"
    assert admin.done("GET", f"/project/keys/{own['$id']}")["scopes"] == own["scopes"]
    weaker = {"name": "Weaker", "scopes": ["keys.write"]}
    assert key.done("PUT", f"/project/keys/{own['$id']}", weaker)["scopes"] == ["keys.write"]


@pytest.mark.parametrize("older", [False, True])
def test_ephemeral_keys(api: ApiServer, person: Person, project: str, older: bool) -> None:
    caller, path = (
        (person, f"/projects/{project}/jwts") if older else (person.admin(project), "/project/keys/ephemeral")
    )
    created = caller.done("POST", path, {"scopes": ["users.read"], "duration": 60})
    assert created["secret"].startswith("ephemeral_")
    key = with_secret(api, project, created["secret"])
    assert key.done("GET", "/users")["total"] == 0
    assert key.refused("GET", "/teams") == "general_unauthorized_scope"
    elsewhere = with_secret(api, person.project(), created["secret"])
    assert elsewhere.refused("GET", "/users") == "general_unauthorized_scope"
    # It is stored nowhere.
    assert person.admin(project).done("GET", "/project/keys")["total"] == 0


def test_ephemeral_keys_end(api: ApiServer, admin: Program, project: str) -> None:
    created = admin.done("POST", "/project/keys/ephemeral", {"scopes": ["users.read"], "duration": 1})
    time.sleep(1.1)
    key = with_secret(api, project, created["secret"])
    assert key.refused("GET", "/users") in {"project_key_expired", "general_unauthorized_scope"}


def test_forged_ephemeral_keys(api: ApiServer, admin: Program, project: str) -> None:
    created = admin.done("POST", "/project/keys/ephemeral", {"scopes": ["users.read"], "duration": 60})
    head, body, signature = created["secret"].removeprefix("ephemeral_").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = base64.urlsafe_b64encode(
        json.dumps({**claims, "scopes": ["users.write", "users.read"]}).encode()
    ).decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (
        f"{head}.{forged.rstrip('=')}.{signature}",
        f"{none}.{forged.rstrip('=')}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
    ):
        refused = with_secret(api, project, f"ephemeral_{token}").refused("GET", "/users")
        assert refused == "general_unauthorized_scope"


@pytest.mark.parametrize("duration", [0, 3601, -1, "soon"])
def test_bounds_of_ephemeral_keys(admin: Program, duration: object) -> None:
    body = {"scopes": ["users.read"], "duration": duration}
    assert admin.refused("POST", "/project/keys/ephemeral", body) == "general_argument_invalid"


def test_filters(admin: Program) -> None:
    for name, scopes in (("A", ["users.read"]), ("B", ["teams.read"])):
        admin.done("POST", "/project/keys", new_key(name=name, scopes=scopes))
    query = '{"method":"contains","attribute":"scopes","values":["teams.read"]}'
    (only,) = admin.done("GET", f"/project/keys?queries[0]={query}")["keys"]
    assert only["name"] == "B"


def test_dev_keys_are_made_by_the_operator(api: ApiServer, person: Person, project: str) -> None:
    base = f"/projects/{project}/dev-keys"
    body = {"name": "Laptop", "expire": "2099-01-01T00:00:00Z"}
    assert person.refused("POST", base, body) == "dev_key_gone"
    secret = api.run(lambda: api.instance.create_dev_key(project, "Laptop", 4_000_000_000_000))
    (key,) = person.done("GET", base)["devKeys"]
    assert (key["name"], key["secret"]) == ("Laptop", secret)
    path = f"{base}/{key['$id']}"
    assert person.done("GET", path) == key
    page = {"x-appwrite-project": project, "origin": "https://unknown.example"}
    assert Program(api, page).refused("GET", "/ping") == "general_unknown_origin"
    with_dev_key = Program(api, {**page, "x-appwrite-dev-key": secret})
    with_dev_key.done("GET", "/ping")
    changed = person.done("PUT", path, {"name": "Desk", "expire": "2020-01-01T00:00:00Z"})
    assert changed["name"] == "Desk"
    assert with_dev_key.refused("GET", "/ping") == "general_unknown_origin"
    person.done("DELETE", path)
    assert person.refused("GET", path) == "key_not_found"
