"""Projects: who may create, see, change and delete them, and what goes with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.services.platform.people import Person, Program, join, sign_up, unique_id
from tests.support.api import ApiServer


def test_projects_belong_to_organisations(person: Person) -> None:
    team = person.team()
    created = person.done(
        "POST",
        "/projects",
        {"projectId": "Unique()".lower(), "name": "Mine", "teamId": team, "region": "DEFAULT"},
    )
    assert (created["name"], created["teamId"], created["region"]) == ("Mine", team, "default")
    assert created["status"] == "active"
    assert all(each["enabled"] for each in created["services"] + created["protocols"])
    shown = person.done("GET", f"/projects/{created['$id']}")
    assert shown == created


@pytest.mark.parametrize("project_id", ["console", "Upper", "-dash", "dots.in.it", "a" * 37, ""])
def test_ids_of_projects(person: Person, project_id: str) -> None:
    body = {"projectId": project_id, "name": "P", "teamId": person.team()}
    assert person.refused("POST", "/projects", body) in {
        "general_argument_invalid",
        "project_reserved_project",
    }


def test_ids_are_taken_once(person: Person, project: str) -> None:
    body = {"projectId": project, "name": "P", "teamId": person.team()}
    assert person.refused("POST", "/projects", body) == "project_already_exists"


def test_path_and_header_that_name_different_projects(person: Person, project: str) -> None:
    other = person.project()
    requests: tuple[tuple[str, str, object], ...] = (
        ("PATCH", f"/projects/{project}/team", {"teamId": person.team()}),
        ("PATCH", f"/projects/{project}", {"name": "Changed"}),
        ("POST", f"/projects/{project}/keys", {"keyId": "k", "name": "K", "scopes": []}),
        ("DELETE", f"/projects/{project}", None),
        ("GET", f"/projects/{project}", None),
        ("DELETE", f"/organization/projects/{project}", None),
    )
    before = person.done("GET", f"/projects/{project}")
    key = person.key(other, "users.read")
    for method, path, body in requests:
        for caller in (
            person.admin(other),
            Program(person.api, {**person.headers, "x-appwrite-project": other}),
            key,
        ):
            assert caller.refused(method, path, body) == "user_unauthorized", (method, path)
        in_query = {"x_appwrite_project": ""}
        assert person.refused(method, f"{path}?project={other}", body, **in_query) == "user_unauthorized"
        assert person.refused(method, path, body, x_appwrite_project="none") == "user_unauthorized"
    assert person.done("GET", f"/projects/{project}") == before
    for header in ("", "console", project):
        shown = person.done("GET", f"/projects/{project}", x_appwrite_project=header, x_appwrite_mode="admin")
        assert shown["$id"] == project


def test_strangers_see_nothing(api: ApiServer, person: Person, project: str) -> None:
    stranger = sign_up(api)
    stranger.team()
    team = person.done("GET", f"/projects/{project}")["teamId"]
    body = {"projectId": unique_id(), "name": "P", "teamId": team}
    assert stranger.refused("POST", "/projects", body) == "team_not_found"
    for method, path, sent in (
        ("GET", f"/projects/{project}", None),
        ("PATCH", f"/projects/{project}", {"name": "Mine now"}),
        ("PATCH", f"/projects/{project}/team", {"teamId": stranger.team()}),
        ("PATCH", f"/projects/{project}/smtp", {"enabled": False}),
        ("GET", f"/projects/{project}/keys", None),
        ("POST", f"/projects/{project}/keys", {"keyId": "k", "name": "K", "scopes": ["users.read"]}),
        ("GET", f"/projects/{project}/dev-keys", None),
        ("DELETE", f"/projects/{project}", None),
    ):
        assert stranger.refused(method, path, sent) == "project_not_found", (method, path)
        refused = stranger.admin(project).refused(method, path, sent)
        assert refused in {"project_not_found", "general_access_forbidden"}, (method, path)
    assert project not in [each["$id"] for each in stranger.done("GET", "/projects")["projects"]]
    assert stranger.admin(project).refused("GET", "/project") == "project_not_found"


def test_invitations_that_are_not_accepted_count_for_nothing(
    api: ApiServer, person: Person, project: str
) -> None:
    invited = sign_up(api)
    join(api, invited, person.done("GET", f"/projects/{project}")["teamId"], "owner", confirmed=False)
    assert invited.refused("GET", f"/projects/{project}") == "project_not_found"
    assert invited.done("GET", "/projects")["total"] == 0


def test_roles_in_the_organisation(api: ApiServer, person: Person, project: str) -> None:
    team = person.done("GET", f"/projects/{project}")["teamId"]
    developer, visitor = sign_up(api), sign_up(api)
    join(api, developer, team, "developer")
    join(api, visitor, team, "visitor")
    assert developer.done("PATCH", f"/projects/{project}", {"name": "Renamed"})["name"] == "Renamed"
    assert developer.admin(project).done("GET", "/project")["name"] == "Renamed"
    # Who has a team elsewhere brings no rights from there.
    own = visitor.team()
    assert visitor.done("GET", "/projects")["total"] == 0
    new = {"projectId": unique_id(), "name": "P", "teamId": team}
    assert visitor.refused("POST", "/projects", new) == "general_unauthorized_scope"
    for method, path, sent in (
        ("PATCH", f"/projects/{project}", {"name": "Mine"}),
        ("PATCH", f"/projects/{project}/team", {"teamId": own}),
    ):
        assert visitor.refused(method, path, sent) == "project_not_found", (method, path)
    for method, path in (("GET", f"/projects/{project}/keys"), ("DELETE", f"/projects/{project}")):
        assert visitor.refused(method, path) == "general_unauthorized_scope", (method, path)


def test_only_owners_hand_projects_over(api: ApiServer, person: Person, project: str) -> None:
    developer = sign_up(api)
    join(api, developer, person.done("GET", f"/projects/{project}")["teamId"], "developer")
    theirs = developer.team()
    body = {"teamId": theirs}
    assert developer.refused("PATCH", f"/projects/{project}/team", body) == "user_unauthorized"
    assert person.refused("PATCH", f"/projects/{project}/team", body) == "team_not_found"
    other = person.team()
    moved = person.done("PATCH", f"/projects/{project}/team", {"teamId": other})
    assert moved["teamId"] == other
    assert developer.refused("GET", f"/projects/{project}") == "project_not_found"


def test_teams_of_a_project_are_no_organisations(api: ApiServer, person: Person, project: str) -> None:
    """Users of a project may found teams with any id, also that of an organisation."""
    victim = person.done("GET", f"/projects/{project}")["teamId"]
    attacker = sign_up(api, person.project())
    attacker.done("POST", "/teams", {"teamId": victim, "name": "Same id"})
    assert attacker.refused("GET", "/projects") == "general_access_forbidden"
    body = {"projectId": unique_id(), "name": "P", "teamId": victim}
    assert attacker.refused("POST", "/projects", body) == "general_access_forbidden"
    assert attacker.refused("PATCH", f"/projects/{project}", {"name": "M"}) == "user_unauthorized"


def test_the_console_project_is_nobodys(person: Person) -> None:
    person.team()
    for method, path, sent in (
        ("GET", "/project", None),
        ("GET", "/projects/console", None),
        ("PATCH", "/projects/console", {"name": "Mine"}),
        ("GET", "/projects/console/keys", None),
        ("POST", "/webhooks", {"webhookId": "w", "name": "W", "events": ["users.*"], "url": "http://a/"}),
        ("GET", "/users", None),
        ("GET", "/ping", None),
        ("PATCH", "/project/services/account", {"enabled": False}),
    ):
        refused = person.refused(method, path, sent)
        none = {"project_not_found", "general_unauthorized_scope", "general_access_forbidden"}
        assert refused in none, path
    assert person.admin("console").refused("GET", "/users") == "general_bad_request"


def test_bodies_change_only_what_the_operation_is_for(person: Person, project: str) -> None:
    before = person.done("GET", f"/projects/{project}")
    sent = {
        "name": "Renamed",
        "$id": "other",
        "teamId": person.team(),
        "status": "paused",
        "pingCount": 99,
        "settings": {"user_limit": 1},
        "wafEnabled": True,
        "labels": ["admin"],
        "description": "Not kept",
        "legalName": "Not kept",
    }
    after = person.done("PATCH", f"/projects/{project}", sent)
    assert after == {**before, "name": "Renamed", "$updatedAt": after["$updatedAt"]}


def test_lists(person: Person) -> None:
    team = person.team()
    ids = [person.project(team, name=name) for name in ("Alpha", "Beta", "Gamma")]
    mine = json.dumps({"method": "equal", "attribute": "teamId", "values": [team]})

    def listed(*queries: str, **others: str) -> list[str]:
        parameters = {f"queries[{place}]": query for place, query in enumerate((mine, *queries))}
        query_string = "&".join(f"{name}={value}" for name, value in {**parameters, **others}.items())
        return [each["$id"] for each in person.done("GET", f"/projects?{query_string}")["projects"]]

    assert listed() == ids
    assert listed('{"method":"orderDesc","attribute":"name"}') == ids[::-1]
    assert listed('{"method":"limit","values":[1]}', '{"method":"offset","values":[1]}') == [ids[1]]
    assert listed(search="beta") == [ids[1]]
    assert person.refused(
        "GET", '/projects?queries[0]={"method":"equal","attribute":"settings","values":["a"]}'
    )


def test_labels(admin: object, person: Person, project: str) -> None:
    body = {"labels": ["one", "two", "one"]}
    assert person.admin(project).done("PUT", "/project/labels", body)["labels"] == ["one", "two"]
    bad = {"labels": ["no spaces"]}
    assert person.refused("PUT", f"/projects/{project}/labels", bad) == "general_argument_invalid"


def test_deletion_takes_everything(api: ApiServer, person: Person, project: str) -> None:
    key = person.key(project, "users.read", "users.write", "buckets.write", "files.write")
    key.done("POST", "/users", {"userId": "u", "email": "u@example.com"})
    visitor = sign_up(api, project)
    directory = Path(api.settings.data_dir) / "projects" / project
    assert directory.exists()
    person.done("DELETE", f"/projects/{project}")
    assert not directory.exists()
    assert person.refused("GET", f"/projects/{project}") == "project_not_found"
    assert key.refused("GET", "/users") == "project_not_found"
    assert visitor.refused("GET", "/account") == "project_not_found"
    # A project of the same id begins empty, and the old key does not open it.
    again = person.project(projectId=project)
    assert again == project
    assert person.admin(project).done("GET", "/users")["total"] == 0
    assert person.admin(project).done("GET", "/project/keys")["total"] == 0
    assert key.refused("GET", "/users") == "general_unauthorized_scope"
    assert visitor.refused("GET", "/account") == "general_unauthorized_scope"


def test_ping(person: Person, project: str, api: ApiServer) -> None:
    guest = Person(api, {"x-appwrite-project": project})
    answer = guest.call("GET", "/ping")
    assert (answer.status_code, answer.text) == (200, "Pong!")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    first = person.done("GET", f"/projects/{project}")
    assert first["pingCount"] == 1
    assert first["pingedAt"]
    guest.done("GET", "/ping")
    assert person.done("GET", f"/projects/{project}") == first  # only the first is kept
    assert person.refused("GET", "/ping") == "project_not_found"
