"""What becomes of warm processes when that changes which they were started for."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.functions.project import FunctionsProject, eventually
from tests.support.server import TidewireServer

ALL = ["functions.read", "functions.write", "executions.read", "executions.write"]
SHOWN = """
import os, time, uuid

ME = uuid.uuid4().hex

def main(context):
    time.sleep(float(context.req.query.get("seconds", "0")))
    return context.res.json({"process": ME, "value": os.environ.get("VALUE"),
                             "memory": os.environ["APPWRITE_FUNCTION_MEMORY"]})
"""

VISITOR = """
from urllib.request import urlopen

def main(context):
    urlopen("http://127.0.0.1:PORT/" + context.req.headers["x-appwrite-execution-id"], timeout=10).close()
    return context.res.empty()
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server of two processes."""
    folder = tmp_path_factory.mktemp("server")
    arguments = ["--workers", "2", "--drain-seconds", "0.2", "--synchronous", "normal"]
    arguments += ["--functions-executions-at-once", "2"]
    running = TidewireServer(folder / "data", arguments, errors=folder / "errors")
    running.environment["TIDEWIRE_CONSOLE_SIGNUP"] = "open"
    running.environment["TIDEWIRE_METRICS_KEY"] = "a key"
    running.start()
    yield running
    assert running.stop() == 0
    assert running.errors is not None
    assert "Traceback" not in running.errors.read_text()


@pytest.fixture
def project(several: TidewireServer) -> Iterator[FunctionsProject]:
    with FunctionsProject.of(several) as reached:
        yield reached
        for function in reached.get("/functions")["functions"]:
            reached.request("DELETE", f"/functions/{function['$id']}", 204)
    eventually(lambda: of_functions(several), lambda found: not found)


def anew(
    project: FunctionsProject, function_id: str, path: str = "/", *, later: bool = False
) -> httpx.Response:
    """The answer to an execution over a connection of its own: by any of the server's processes."""
    with httpx.Client(base_url=project.http.base_url, headers=project.http.headers, timeout=60) as http:
        body = {"path": path, "async": later}
        return http.post(f"/v1/functions/{function_id}/executions", json=body)


def shown(project: FunctionsProject, function_id: str) -> dict[str, Any]:
    answer = anew(project, function_id)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = json.loads(answer.json()["responseBody"])
    return found


def warm_in_all(project: FunctionsProject, function_id: str) -> set[str]:
    """The processes of a function, of which each process of the server has one."""
    seen: set[str] = set()

    def look() -> set[str]:
        seen.add(shown(project, function_id)["process"])
        return seen

    eventually(look, lambda found: len(found) > 1)
    return seen


def descendants(number: int | str) -> list[int]:
    """Processes that a process started, and those that they did."""
    try:
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [each for child in children for each in (int(child), *descendants(child))]


def of_functions(server: TidewireServer) -> int:
    """How many processes of the machine are those of functions."""
    return sum(len(descendants(worker)) for worker in server.workers())


def test_a_variable_counts_from_the_next_execution_on(project: FunctionsProject) -> None:
    function_id = project.deployed(SHOWN)
    before = warm_in_all(project, function_id)
    path = f"/functions/{function_id}/variables"
    variable = project.post(path, variableId="unique()", key="VALUE", value="first")["$id"]
    found = [shown(project, function_id) for _ in range(12)]
    assert {each["value"] for each in found} == {"first"}
    assert not before & {each["process"] for each in found}
    project.request("PUT", f"{path}/{variable}", json={"value": "second"})
    assert {shown(project, function_id)["value"] for _ in range(12)} == {"second"}
    project.request("DELETE", f"{path}/{variable}", 204)
    assert {shown(project, function_id)["value"] for _ in range(12)} == {None}
    shared = project.post("/project/variables", variableId="unique()", key="VALUE", value="shared")["$id"]
    assert {shown(project, function_id)["value"] for _ in range(12)} == {"shared"}
    project.request("DELETE", f"/project/variables/{shared}", 204)


def test_specification_and_deployment_count_from_the_next_execution_on(project: FunctionsProject) -> None:
    function_id = project.deployed(SHOWN)
    warm_in_all(project, function_id)
    changed = {"name": "Function", "runtimeSpecification": "s-1vcpu-1gb"}
    project.request("PUT", f"/functions/{function_id}", json=changed)
    assert {shown(project, function_id)["memory"] for _ in range(12)} == {"1024"}
    source = SHOWN.replace('os.environ.get("VALUE")', '"of the second"')
    assert project.built(function_id, project.upload(function_id, source)["$id"])["status"] == "ready"
    assert {shown(project, function_id)["value"] for _ in range(12)} == {"of the second"}


def test_what_is_outdated_ends_though_nobody_runs_it(
    several: TidewireServer, project: FunctionsProject
) -> None:
    function_id = project.deployed(SHOWN)
    warm_in_all(project, function_id)
    path = f"/functions/{function_id}/variables"
    project.post(path, variableId="unique()", key="VALUE", value="first")
    eventually(lambda: of_functions(several), lambda found: not found)


def test_an_execution_that_is_under_way_is_not_cut_off_by_a_change(project: FunctionsProject) -> None:
    function_id = project.deployed(SHOWN)
    warm_in_all(project, function_id)
    with running(project, function_id, seconds=2) as answers:
        path = f"/functions/{function_id}/variables"
        project.post(path, variableId="unique()", key="VALUE", value="changed")
        assert shown(project, function_id)["value"] == "changed"
    assert [answer.json()["status"] for answer in answers] == ["completed"] * 4


@pytest.mark.parametrize("what", ["function", "deployment"])
def test_code_ends_with_what_is_deleted(
    several: TidewireServer, project: FunctionsProject, what: str
) -> None:
    function_id = project.deployed(SHOWN, timeout=120)
    warm_in_all(project, function_id)
    waiting = project.execute(function_id, 202, path="/?seconds=100", **{"async": True})["$id"]
    with running(project, function_id) as answers:
        path = f"/functions/{function_id}"
        if what == "deployment":
            path += f"/deployments/{project.get(path)['deploymentId']}"
        project.request("DELETE", path, 204)
        eventually(lambda: of_functions(several), lambda found: not found)
    for answer in answers:
        if what == "function":
            assert (answer.status_code, answer.json()["type"]) == (404, "function_not_found")
        else:
            assert (answer.status_code, answer.json()["status"]) == (201, "failed"), answer.text
    if what == "deployment":
        assert project.ended(function_id, waiting)["status"] == "failed"


def test_code_ends_with_its_project(several: TidewireServer) -> None:
    with console(several) as http, another_project(http, several) as project:
        function_id = project.deployed(SHOWN, timeout=120)
        warm_in_all(project, function_id)
        builds = project.function(commands="sleep 100")["$id"]
        project.upload(builds, SHOWN)
        project.execute(function_id, 202, path="/?seconds=100", **{"async": True})
        with running(project, function_id) as answers:
            project_id = project.http.headers["X-Appwrite-Project"]
            assert http.delete(f"/v1/projects/{project_id}").status_code == 204
            eventually(lambda: of_functions(several), lambda found: not found)
        assert {answer.status_code for answer in answers} == {404}, [each.text for each in answers]
    eventually(lambda: list((several.data_dir / "builds").iterdir()), lambda found: found == [])


def test_each_execution_in_line_runs_once(project: FunctionsProject) -> None:
    """Both processes of the server put executions in line, and are told of what they do."""
    with visits() as (port, seen):
        source = VISITOR.replace("PORT", str(port))
        function_id = project.deployed(source)
        asked = [anew(project, function_id, later=True).json()["$id"] for _ in range(24)]
        ended = [project.ended(function_id, each)["status"] for each in asked]
    assert ended == ["completed"] * len(asked)
    assert Counter(seen) == Counter(asked)


def test_projects_take_turns(several: TidewireServer, project: FunctionsProject) -> None:
    many = project.deployed(SHOWN)
    with console(several) as http, another_project(http, several) as other:
        few = other.deployed(SHOWN)
        other.execute(few)  # its process is warm
        for _ in range(24):
            project.execute(many, 202, path="/?seconds=0.5", **{"async": True})
        later = other.execute(few, 202, **{"async": True})["$id"]
        assert other.ended(few, later)["status"] == "completed"
        waiting = {"queries[]": '{"method":"equal","attribute":"status","values":["waiting"]}'}
        assert len(project.executions(many, **waiting)) > 0  # though they were asked for before


@contextmanager
def visits() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine, and the paths that it is asked for in the block, without the slash."""
    seen: list[str] = []

    class Visit(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path[1:])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Visit) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, seen
        server.shutdown()
        thread.join()


@contextmanager
def another_project(http: httpx.Client, server: TidewireServer) -> Iterator[FunctionsProject]:
    """A project of somebody who is signed in to the console."""
    project_id = f"other-{uuid.uuid4().hex[:8]}"
    made(http, "/teams", teamId=project_id, name="Other")
    made(http, "/projects", projectId=project_id, name="Other", teamId=project_id)
    key = made(http, f"/projects/{project_id}/keys", keyId="unique()", name="Key", scopes=ALL)["secret"]
    headers = {"X-Appwrite-Project": project_id, "X-Appwrite-Key": key}
    base = server.endpoint.removesuffix("/v1")
    with httpx.Client(base_url=base, headers=headers, timeout=60) as own:
        try:
            yield FunctionsProject(server, own)
        finally:
            http.delete(f"/v1/projects/{project_id}")


@contextmanager
def running(
    project: FunctionsProject, function_id: str, seconds: float = 25
) -> Iterator[list[httpx.Response]]:
    """Executions that take long are under way in the block, and have been answered after it."""
    answers: list[httpx.Response] = []

    def run() -> None:
        answers.append(anew(project, function_id, f"/?seconds={seconds}"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    time.sleep(0.5)
    yield answers
    for each in threads:
        each.join(10)
    assert len(answers) == len(threads)


@contextmanager
def console(server: TidewireServer) -> Iterator[httpx.Client]:
    """Somebody who is signed in to the console."""
    person = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    base = server.endpoint.removesuffix("/v1")
    with httpx.Client(base_url=base, headers={"X-Appwrite-Project": "console"}, timeout=60) as http:
        made(http, "/account", userId="unique()", name="Somebody", **person)
        made(http, "/account/sessions/email", **person)
        yield http


def made(http: httpx.Client, path: str, **body: Any) -> Any:
    answer = http.post(f"/v1{path}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_what_keeps_code_apart_is_told(several: TidewireServer, project: FunctionsProject) -> None:
    function_id = project.deployed(SHOWN)
    warm_in_all(project, function_id)
    with project.unchecked() as http:
        health = http.get("/v1/health/functions").json()
    assert health["name"] in {"bubblewrap", "namespaces", "limits"}
    assert health["status"] == "pass"
    metrics = httpx.get(
        several.endpoint.removesuffix("/v1") + "/metrics", headers={"Authorization": "Bearer a key"}
    ).text
    lines = [line for line in metrics.splitlines() if line.startswith("tidewire_functions_")]
    isolation = [line for line in lines if f'isolation="{health["name"]}"' in line]
    processes = [line for line in lines if line.startswith("tidewire_functions_processes")]
    waiting = [line for line in lines if line.startswith("tidewire_functions_waiting")]
    assert [line.split()[-1] for line in (*isolation, *processes, *waiting)] == ["1.0"] * 4 + ["0.0"] * 2
