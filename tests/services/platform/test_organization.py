"""Organisations and the console: projects by organization key, and what tools ask about the server."""

from __future__ import annotations

from tests.services.platform.people import Person, Program, sign_up, unique_id
from tests.support.api import ApiServer
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.store.records.api_keys import KeyOwner, insert_api_key


def organization_key(api: ApiServer, team_id: str, *scopes: str) -> Program:
    """A program with a key of the organisation."""
    owner = KeyOwner(team_id=team_id)
    _, secret = api.run(
        lambda: api.instance.database.write(
            lambda transaction: insert_api_key(transaction.connection, owner, "Key", scopes, 0)
        )
    )
    return Program(api, {"x-appwrite-project": "console", "x-appwrite-key": secret})


def test_projects_by_organization_key(api: ApiServer, person: Person) -> None:
    team = person.team()
    foreign = person.project()
    key = organization_key(api, team, "projects.read", "projects.write")
    body = {"projectId": unique_id(), "name": "By key", "teamId": person.team()}
    created = key.done("POST", "/organization/projects", body)
    assert created["teamId"] == team
    path = f"/organization/projects/{created['$id']}"
    assert key.done("GET", path) == created
    assert key.done("PATCH", path, {"name": "Renamed"})["name"] == "Renamed"
    assert [each["$id"] for each in key.done("GET", "/organization/projects")["projects"]] == [created["$id"]]
    assert [each["$id"] for each in key.done("GET", "/projects")["projects"]] == [created["$id"]]
    for method in ("GET", "DELETE"):
        assert key.refused(method, f"/organization/projects/{foreign}") == "project_not_found"
    key.done("DELETE", path)
    assert key.refused("GET", path) == "project_not_found"


def test_organization_keys_have_only_their_scopes(api: ApiServer, person: Person) -> None:
    team = person.team()
    reader = organization_key(api, team, "projects.read", "users.read")
    body = {"projectId": unique_id(), "name": "P"}
    assert reader.refused("POST", "/organization/projects", body) == "general_unauthorized_scope"
    assert reader.refused("GET", "/users") == "general_unauthorized_scope"
    project = person.project(team)
    assert reader.refused("GET", "/users", x_appwrite_project=project) == "general_unauthorized_scope"


def test_organization_keys_need_name_neither_project_nor_organisation(api: ApiServer, person: Person) -> None:
    team, other = person.team(), person.team()
    project, foreign = person.project(team), person.project(other)
    named = organization_key(api, team, "projects.read", "projects.write", "users.read", "databases.read")
    bare = Program(api, {"x-appwrite-key": named.headers["x-appwrite-key"]})
    for key in (named, bare):
        for headers in ({}, {"x_appwrite_organization": team}):
            for path in ("/organization/projects", "/projects"):
                listed = key.done("GET", path, **headers)["projects"]
                assert [each["$id"] for each in listed] == [project]
            refused = key.refused("GET", f"/organization/projects/{foreign}", **headers)
            assert refused == "project_not_found"
            for path in ("/databases", "/webhooks"):
                assert key.refused("GET", path, **headers) == "general_access_forbidden"
            assert key.refused("GET", "/users", **headers) == "general_unauthorized_scope"
        wrong = key.call("GET", "/organization/projects", x_appwrite_organization=other)
        assert (wrong.status_code, wrong.json()["type"]) == (403, "organization_id_missing")
    assert bare.refused("GET", "/databases", x_appwrite_project=project) == "general_unauthorized_scope"


def test_people_name_the_organisation(api: ApiServer, person: Person) -> None:
    team = person.team()
    project = person.project(team)
    assert person.refused("GET", "/organization/projects") == "team_not_found"
    named = Program(api, person.headers | {"x-appwrite-organization": team})
    assert [each["$id"] for each in named.done("GET", "/organization/projects")["projects"]] == [project]
    stranger = sign_up(api)
    nosy = Program(api, stranger.headers | {"x-appwrite-organization": team})
    assert nosy.refused("GET", "/organization/projects") == "team_not_found"
    assert nosy.refused("DELETE", f"/organization/projects/{project}") != ""
    assert person.done("GET", f"/projects/{project}")["$id"] == project


def test_variables(api: ApiServer, person: Person) -> None:
    variables = person.done("GET", "/console/variables")
    assert variables["_APP_STORAGE_LIMIT"] == api.settings.max_file_bytes
    guest = Program(api, {"x-appwrite-project": "console"})
    assert guest.refused("GET", "/console/variables") == "general_unauthorized_scope"


def test_scopes_to_choose_from(api: ApiServer) -> None:
    guest = Program(api, {"x-appwrite-project": "console"})
    listed = guest.done("GET", "/console/scopes/project")
    assert {each["$id"] for each in listed["scopes"]} == PROJECT_KEY_SCOPES
    assert listed["total"] == len(PROJECT_KEY_SCOPES)
    organization = guest.done("GET", "/console/scopes/organization")["scopes"]
    assert [each["$id"] for each in organization if not each["deprecated"]] == [
        "projects.read",
        "projects.write",
    ]


def test_host_names_of_the_server_are_taken(person: Person) -> None:
    taken = person.refused("GET", "/console/resources?type=rules&value=localhost")
    assert taken == "resource_already_exists"
    person.done("GET", "/console/resources?type=RULES&value=free.example.com")
