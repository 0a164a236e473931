"""Functions and variables: made, changed, listed, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.services.functions.project import FunctionsProject

SECRET = "a-value-that-is-nowhere-in-clear"


def refusal(project: FunctionsProject, method: str, path: str, status: int, **arguments: Any) -> str:
    """Type of the error that a request gets."""
    return str(project.request(method, path, status, **arguments)["type"])


def test_a_function_begins_with_the_documented_settings(project: FunctionsProject) -> None:
    made = project.function("begins")
    assert made == {
        **made,
        "$id": "begins",
        "execute": [],
        "enabled": True,
        "live": True,
        "logging": True,
        "timeout": 15,
        "schedule": "",
        "events": [],
        "vars": [],
        "version": "v5",
        "deploymentId": "",
        "latestDeploymentStatus": "",
        "runtimeSpecification": "s-1vcpu-512mb",
    }
    assert project.get("/functions/begins") == made
    again = {"functionId": "begins", "name": "B", "runtime": made["runtime"]}
    assert refusal(project, "POST", "/functions", 409, json=again) == "function_already_exists"


def test_an_update_replaces_all_settings_but_those_of_the_code(project: FunctionsProject) -> None:
    made = project.function(
        "replaced", execute=["users"], timeout=60, commands="true", runtimeSpecification="s-1vcpu-1gb"
    )
    changed = project.request("PUT", "/functions/replaced", json={"name": "New"})
    assert changed["name"] == "New"
    assert (changed["execute"], changed["timeout"], changed["commands"]) == ([], 15, "")
    kept = ("runtime", "entrypoint", "runtimeSpecification")
    assert [changed[name] for name in kept] == [made[name] for name in kept]
    assert changed["live"] is False


@pytest.mark.parametrize(
    ("settings", "status", "error"),
    [
        ({"runtime": "cobol-85"}, 404, "function_runtime_unsupported"),
        ({"events": ["functions.*.executions.*.create"]}, 400, "general_argument_invalid"),
        ({"events": ["no.such.event"]}, 400, "general_argument_invalid"),
        ({"schedule": "61 * * * *"}, 400, "general_argument_invalid"),
        ({"schedule": "* * * * * *"}, 400, "general_argument_invalid"),
        ({"execute": ["everybody"]}, 400, "general_argument_invalid"),
        ({"timeout": 901}, 400, "general_argument_invalid"),
        ({"scopes": ["no.such"]}, 400, "general_argument_invalid"),
        ({"installationId": "i1"}, 404, "installation_not_found"),
        ({"runtimeSpecification": "s-64vcpu"}, 400, "general_argument_invalid"),
    ],
)
def test_settings_that_are_wrong(
    project: FunctionsProject, settings: dict[str, Any], status: int, error: str
) -> None:
    body = {"functionId": "wrong", "name": "Wrong", "runtime": project.runtime(), **settings}
    assert refusal(project, "POST", "/functions", status, json=body) == error
    assert refusal(project, "GET", "/functions/wrong", 404) == "function_not_found"


def test_which_specifications_there_are_is_said(project: FunctionsProject) -> None:
    body = {"functionId": "wrong", "name": "Wrong", "runtime": project.runtime()}
    answer = project.post("/functions", 400, **body, buildSpecification="s-64vcpu")
    said = "Invalid `buildSpecification` param: Specification must be one of: "
    assert answer["message"].startswith(said)
    slugs = [each["slug"] for each in project.get("/functions/specifications")["specifications"]]
    assert answer["message"].removeprefix(said).removesuffix(".").split(", ") == slugs


@pytest.mark.parametrize("wrong", ["no.such.event", "functions.*.executions.*.create"])
def test_which_event_is_wrong_is_said(project: FunctionsProject, wrong: str) -> None:
    body = {"functionId": "wrong", "name": "Wrong", "runtime": project.runtime()}
    answer = project.post("/functions", 400, **body, events=["users.*.create", wrong])
    assert repr(wrong) in answer["message"]


def test_lists_are_filtered_and_searched(project: FunctionsProject) -> None:
    project.function("listed-a", name="Alpha-listed", enabled=False)
    project.function("listed-b", name="Beta-listed")
    disabled = json.dumps({"method": "equal", "attribute": "enabled", "values": [False]})
    found = project.get("/functions", params={"queries[]": disabled, "search": "listed"})
    assert [each["$id"] for each in found["functions"]] == ["listed-a"]


def test_what_there_is_to_choose_from(project: FunctionsProject) -> None:
    assert project.get("/functions/specifications")["total"] == 9
    with project.guest() as guest:
        assert guest.get("/v1/functions/templates").json() == {"total": 0, "templates": []}
        assert guest.get("/v1/functions/templates/any").json()["type"] == "function_template_not_found"


def test_what_needs_a_git_host_is_refused(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    path = f"/functions/{function_id}/deployments"
    git = {"type": "branch", "reference": "main"}
    assert refusal(project, "POST", f"{path}/vcs", 404, json=git) == "installation_not_found"
    template = {**git, "repository": "r", "owner": "o", "rootDirectory": "."}
    assert refusal(project, "POST", f"{path}/template", 404, json=template) == "provider_repository_not_found"


def test_no_job_is_reported_from_elsewhere(project: FunctionsProject) -> None:
    with project.guest() as guest:
        assert guest.post("/v1/jobs/event", json={}).json()["type"] == "user_unauthorized"


@pytest.mark.parametrize("owner", ["function", "project"])
def test_variables(project: FunctionsProject, owner: str) -> None:
    function_id = project.function()["$id"]
    path = f"/functions/{function_id}/variables" if owner == "function" else "/project/variables"
    made = project.post(path, variableId="unique()", key=f"KEY_{owner}", value=SECRET)
    assert made["secret"] is True
    assert made["value"] == ""
    assert (made["resourceType"], made["resourceId"]) == (owner, function_id if owner == "function" else "")
    one = f"{path}/{made['$id']}"
    body: dict[str, Any] = {"variableId": "unique()", "key": f"KEY_{owner}", "value": "2"}
    assert refusal(project, "POST", path, 409, json=body) == "variable_already_exists"
    unset = {"secret": False}
    assert refusal(project, "PUT", one, 400, json=unset) == "variable_cannot_unset_secret"
    assert refusal(project, "PUT", one, 400, json={}) == "general_argument_invalid"
    assert project.request("PUT", one, json={"key": f"NEW_{owner}"})["key"] == f"NEW_{owner}"
    shown = project.post(path, variableId="unique()", key=f"OPEN_{owner}", value="plain", secret=False)
    assert shown["value"] == "plain"
    secret = json.dumps({"method": "equal", "attribute": "secret", "values": [True]})
    listed = project.get(path, params={"queries[]": secret})
    assert [each["$id"] for each in listed["variables"]] == [made["$id"]]
    assert project.get(f"/functions/{function_id}")["live"] is False
    project.request("DELETE", one, 204)
    project.request("DELETE", f"{path}/{shown['$id']}", 204)
    assert refusal(project, "GET", one, 404) == "variable_not_found"


def test_values_are_nowhere_in_clear(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    project.post(f"/functions/{function_id}/variables", variableId="unique()", key="K", value=SECRET)
    files = [path for path in project.server.data_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(SECRET.encode() in path.read_bytes() for path in files)


def test_a_deleted_function_takes_its_variables_with_it(project: FunctionsProject) -> None:
    project.function("goes")
    project.post("/functions/goes/variables", variableId="goes-too", key="K", value="v")
    project.request("DELETE", "/functions/goes", 204)
    project.function("goes")
    assert project.get("/functions/goes")["vars"] == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_users_and_guests_have_nothing_to_do_with_functions(project: FunctionsProject, method: str) -> None:
    with project.guest() as guest:
        assert guest.request(method, "/v1/functions").json()["type"] == "general_unauthorized_scope"
