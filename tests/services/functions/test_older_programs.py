"""Functions as programs read and make them that were written for earlier versions of the API."""

from __future__ import annotations

from typing import Any

from tests.services.functions.project import FunctionsProject


def test_one_specification_for_builds_and_runs(project: FunctionsProject) -> None:
    body = {"name": "One", "runtime": project.runtime(), "specification": "s-1vcpu-1gb"}
    with project.unchecked(**{"X-Appwrite-Response-Format": "1.8.0"}) as http:
        made = http.post("/v1/functions", json={"functionId": "one-specification", **body}).json()
        assert made["specification"] == "s-1vcpu-1gb"
        assert not {"buildSpecification", "runtimeSpecification"} & made.keys()
        body["specification"] = "s-2vcpu-2gb"
        http.put("/v1/functions/one-specification", json=body)
        listed = http.get("/v1/functions").json()["functions"]
        assert [each["specification"] for each in listed if each["$id"] == made["$id"]] == ["s-2vcpu-2gb"]
    now = project.get("/functions/one-specification")
    assert (now["buildSpecification"], now["runtimeSpecification"]) == ("s-2vcpu-2gb", "s-2vcpu-2gb")
    assert "specification" not in now


def test_before_there_were_secrets_and_latest_deployments(project: FunctionsProject) -> None:
    function_id = project.deployed()
    path = f"/v1/functions/{function_id}"
    with project.unchecked(**{"X-Appwrite-Response-Format": "1.6.0"}) as http:
        variable = http.post(f"{path}/variables", json={"key": "PLAIN", "value": "seen"}).json()
        assert "secret" not in variable
        function: dict[str, Any] = http.get(path).json()
        deployment = http.get(f"{path}/deployments/{function['deployment']}").json()
    assert [(each["value"], "secret" in each) for each in function["vars"]] == [("seen", False)]
    assert not [name for name in function if name.startswith("latest") or name == "deploymentId"]
    assert deployment["size"] > 0
    assert deployment["buildTime"] >= 0
    assert project.get(f"/functions/{function_id}/variables/{variable['$id']}")["value"] == "seen"


def test_before_functions_had_scopes(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    with project.unchecked(**{"X-Appwrite-Response-Format": "1.5.0"}) as http:
        function = http.get(f"/v1/functions/{function_id}").json()
        runtimes = http.get("/v1/functions/runtimes").json()["runtimes"]
    assert not {"scopes", "specification", "buildSpecification", "runtimeSpecification"} & function.keys()
    assert all("key" not in each and each["$id"] for each in runtimes)
