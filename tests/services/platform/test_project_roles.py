"""Roles of people of an organisation on single projects of it, and lists that show selected fields."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.services.platform.people import Person, Program, join, sign_up, unique_id
from tests.support.api import ApiServer
from tidewire.core.project_roles import base_role, is_confined, is_team_role, roles_on


def team_of(person: Person, project: str) -> str:
    return str(person.done("GET", f"/projects/{project}")["teamId"])


def invite(person: Person, team: str, member: Person, *roles: str) -> Any:
    """Ask somebody into an organisation by the API; it counts once they accept."""
    email = f"{member.user_id}@example.com"
    body = {"email": email, "roles": list(roles), "url": "http://localhost/join"}
    return person.call("POST", f"/teams/{team}/memberships", body)


def test_a_role_on_one_project_counts_there_alone(api: ApiServer, person: Person) -> None:
    team = person.team()
    theirs, other = person.project(team), person.project(team)
    member = sign_up(api)
    join(api, member, team, f"project-{theirs}-developer")
    listed = member.done("GET", "/projects")
    assert (listed["total"], [each["$id"] for each in listed["projects"]]) == (1, [theirs])
    of_team = member.done("GET", "/organization/projects", X_Appwrite_Organization=team)
    assert [each["$id"] for each in of_team["projects"]] == [theirs]
    assert member.done("PATCH", f"/projects/{theirs}", {"name": "Mine"})["name"] == "Mine"
    assert member.done("GET", f"/projects/{theirs}/keys")["total"] == 0
    assert member.admin(theirs).done("GET", "/users")["total"] == 0
    for method, path, body in (
        ("PATCH", f"/projects/{other}", {"name": "Mine too"}),
        ("GET", f"/projects/{other}", None),
        ("GET", f"/projects/{other}/keys", None),
        ("DELETE", f"/projects/{other}", None),
    ):
        assert member.refused(method, path, body) == "project_not_found", (method, path)
    assert member.admin(other).refused("GET", "/users") == "project_not_found"
    new = {"projectId": unique_id(), "name": "P", "teamId": team}
    assert member.refused("POST", "/projects", new) == "general_unauthorized_scope"
    assert (
        member.refused("PATCH", f"/projects/{theirs}/team", {"teamId": member.team()}) == "user_unauthorized"
    )


def test_the_whole_id_is_compared(api: ApiServer, person: Person) -> None:
    team, short = person.team(), unique_id()
    begins = person.project(team, projectId=short)
    longer = person.project(team, projectId=f"{short}-b")
    member, owner = sign_up(api), sign_up(api)
    join(api, member, team, f"project-{longer}-owner")
    join(api, owner, team, f"project-{begins}-owner")
    assert [each["$id"] for each in member.done("GET", "/projects")["projects"]] == [longer]
    assert member.refused("GET", f"/projects/{begins}") == "project_not_found"
    assert owner.refused("GET", f"/projects/{longer}") == "project_not_found"
    assert owner.admin(longer).refused("GET", "/project") == "project_not_found"
    assert owner.admin(begins).done("GET", "/project")["$id"] == begins


def test_roles_are_given_by_invitation_and_taken_back(api: ApiServer, person: Person, project: str) -> None:
    team, member = team_of(person, project), sign_up(api)
    longest = f"project-{'a' * 36}-developer"
    invited = invite(person, team, member, f"project-{project}-admin", longest)
    assert invited.status_code == 201, invited.text
    assert invited.json()["roles"] == [f"project-{project}-admin", longest]
    for role in (f"project-{project}-king", "project--owner", "visitor", f"project-{'a' * 37}-owner"):
        refused = invite(person, team, sign_up(api), role)
        assert refused.json()["type"] == "general_argument_invalid", role
    other = sign_up(api)
    join(api, other, team, f"project-{project}-owner")
    page = person.done("GET", f"/teams/{team}/memberships")["memberships"]
    (place,) = [each["$id"] for each in page if each["userId"] == other.user_id]
    assert other.admin(project).done("GET", "/users")["total"] == 0
    elsewhere = {"roles": [f"project-{unique_id()}-owner"]}
    person.done("PATCH", f"/teams/{team}/memberships/{place}", elsewhere)
    assert other.admin(project).refused("GET", "/users") == "project_not_found"


def test_an_admin_works_in_projects_and_does_not_see_the_projects_themselves(
    api: ApiServer, person: Person, project: str
) -> None:
    team, admin, one = team_of(person, project), sign_up(api), sign_up(api)
    join(api, admin, team, "admin")
    join(api, one, team, f"project-{project}-admin")
    for member in (admin, one):
        assert member.done("GET", "/projects")["total"] == 0
        assert member.refused("PATCH", f"/projects/{project}", {"name": "No"}) == "project_not_found"
        assert member.admin(project).done("GET", "/users")["total"] == 0


def test_what_roles_mean() -> None:
    assert roles_on(["owner"], "a") == ["owner"]
    assert roles_on(["project-a-owner"], "a") == ["owner"]
    assert roles_on(["project-a-owner"], "ab") is None
    assert roles_on(["project-ab-owner"], "a") is None
    assert roles_on(["project-a-owner", "developer"], "b") == ["developer"]
    assert roles_on([], "a") == []
    assert base_role("project-a-b-developer") == "developer"
    assert is_confined(["project-a-owner"])
    assert not is_confined([])
    assert not is_confined(["project-a-owner", "admin"])
    assert not is_team_role("project-a-owner ")
    assert not is_team_role("project-a-owner\n")


def plain(program: Program, path: str) -> httpx.Response:
    """An answer whose fields are not held against the catalog, as it shows some of them only."""
    with httpx.Client(base_url=program.api.url + "/v1", timeout=20) as client:
        return client.get(path, headers=program.headers)


def select(*names: str) -> str:
    values = ",".join(f'"{name}"' for name in names)
    return f'queries[]={{"method":"select","values":[{values}]}}'


@pytest.mark.parametrize("path", ["/projects", "/organization/projects"])
def test_lists_show_the_selected_fields(api: ApiServer, path: str) -> None:
    person = sign_up(api)
    team = person.team()
    person.project(team)
    person.headers["x-appwrite-organization"] = team
    whole = plain(person, path).json()["projects"][0]
    system = {name for name in whole if name.startswith("$")}
    for names, shown in (
        (("name",), {"name"}),
        (("$id", "teamId", "region"), {"teamId", "region"}),
        (("platforms", "description"), set()),
        (("*",), set(whole)),
        (("name", "*"), set(whole)),
    ):
        answer = plain(person, f"{path}?{select(*names)}").json()
        assert answer["total"] == 1
        assert set(answer["projects"][0]) == shown | system, names
    refused = plain(person, f"{path}?{select('name', 'secretive')}")
    assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")
    assert refused.json()["message"].endswith("Invalid query: Attribute not found in schema: secretive")
