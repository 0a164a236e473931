"""The stages of a project's onboarding."""

from __future__ import annotations

from typing import Any

from tests.services.platform.people import PASSWORD, Person, Program, join, sign_up, unique_id
from tests.support.api import ApiServer
from tidewire.core.onboarding import STAGES


def stages(person: Person, project: str) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in person.done("GET", f"/projects/{project}/stages")["stages"]}


def test_the_first_success_completes_a_stage(
    api: ApiServer, person: Person, project: str, admin: Program
) -> None:
    before = stages(person, project)
    assert tuple(before) == STAGES
    assert {each["status"] for each in before.values()} == {"pending"}
    assert {each["sdk"] for each in before.values()} == set(before)
    key = person.key(project, "users.write", "databases.write")
    refused = key.call("POST", "/users", {"userId": "x", "email": "nothing"})
    assert refused.status_code == 400
    assert stages(person, project)["users.create"]["status"] == "pending"
    key.done("POST", "/users", {"userId": unique_id()})
    guest = Program(api, {"x-appwrite-project": project})
    login = {"email": f"{unique_id()}@example.com", "password": PASSWORD}
    guest.done("POST", "/account", {"userId": unique_id(), **login})
    admin.done("POST", "/storage/buckets", {"bucketId": unique_id(), "name": "B"})
    after = stages(person, project)
    done = {name: each["actorType"] for name, each in after.items() if each["status"] == "completed"}
    assert done == {
        "project.createKey": "admin",
        "users.create": "keyProject",
        "account.create": "guest",
        "storage.createBucket": "admin",
    }
    assert after["users.create"]["at"]
    key.done("POST", "/users", {"userId": unique_id()})
    assert stages(person, project) == after
    shown = admin.done("GET", "/project")["onboarding"]
    assert set(shown) == set(done)
    assert shown["account.create"]["status"] == "completed"


def test_stages_are_skipped(person: Person, project: str, admin: Program) -> None:
    path = f"/projects/{project}/stages"
    kept = person.done("PATCH", f"{path}/teams.create", {"skip": False})
    assert (kept["status"], kept["at"], kept["actorType"]) == ("pending", "", "")
    skipped = person.done("PATCH", f"{path}/teams.create", {"skip": True})
    assert (skipped["status"], skipped["actorType"]) == ("skipped", "user")
    assert stages(person, project)["teams.create"] == skipped
    # One that is skipped stays so; one that is completed too.
    admin.done("POST", "/teams", {"teamId": unique_id(), "name": "T"})
    assert stages(person, project)["teams.create"]["status"] == "skipped"
    admin.done("POST", "/storage/buckets", {"bucketId": unique_id(), "name": "B"})
    assert person.done("PATCH", f"{path}/storage.createBucket", {})["status"] == "completed"
    for wrong in ("nothing", "users.list", "x" * 129):
        assert person.refused("PATCH", f"{path}/{wrong}", {}) == "general_argument_invalid"
    assert person.refused("PATCH", f"{path}/users.create", {"skip": "perhaps"}) == "general_argument_invalid"


def test_who_may_see_and_skip_stages(api: ApiServer, person: Person) -> None:
    team = person.team()
    project = person.project(team)
    path = f"/projects/{project}/stages"
    guest = Program(api, {"x-appwrite-project": "console"})
    assert guest.refused("GET", path) == "general_unauthorized_scope"
    stranger = sign_up(api)
    assert stranger.call("GET", path).status_code in {401, 404}
    assert stranger.call("PATCH", f"{path}/users.create", {}).status_code in {401, 404}
    helper = sign_up(api)
    join(api, helper, team, "developer")
    assert helper.call("GET", path).status_code == person.call("GET", path).status_code == 200
