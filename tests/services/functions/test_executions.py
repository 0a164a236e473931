"""Executions: at once, later, and by whom."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.services.functions.project import ECHO, FunctionsProject, eventually, listening, next_event
from tests.support.server import TidewireServer
from tidewire.core.time import format_datetime

SLOW = """
import time

def main(context):
    time.sleep(float(context.req.body_text or 0))
    return context.res.text("slept")
"""


DIGEST = """
import hashlib

def main(context):
    digest = hashlib.sha256(context.req.body_binary).hexdigest()
    context.log(digest)
    return context.res.text(digest)
"""
LARGEST_BODY = 10_485_760


@pytest.fixture(scope="module")
def digest(functions_server: TidewireServer) -> str:
    """Id of a function that answers with the hash of what it gets."""
    with FunctionsProject.of(functions_server) as project:
        return project.deployed(DIGEST)


@pytest.fixture(scope="module")
def echo(functions_server: TidewireServer) -> str:
    """Id of a function that answers with what it gets, and that users may run."""
    with FunctionsProject.of(functions_server) as project:
        project.post("/project/variables", variableId="unique()", key="SHARED", value="of the project")
        project.post("/project/variables", variableId="unique()", key="OVER", value="of the project")
        function_id = project.function(execute=["users"], scopes=["users.read"])["$id"]
        path = f"/functions/{function_id}/variables"
        project.post(path, variableId="unique()", key="OVER", value="of the function")
        project.built(function_id, project.upload(function_id, ECHO)["$id"])
        return str(function_id)


def test_what_a_function_gets(project: FunctionsProject, echo: str) -> None:
    execution = project.execute(
        echo, method="PUT", path="/a?b=c", body="hello", headers={"X-Own": "1", "content-type": "text/plain"}
    )
    assert (execution["status"], execution["responseStatusCode"]) == ("completed", 200)
    got = json.loads(execution["responseBody"])
    assert (got["method"], got["body"]) == ("PUT", "hello")
    assert got["headers"] == {
        **got["headers"],
        "x-own": "1",
        "x-appwrite-trigger": "http",
        "x-appwrite-execution-id": execution["$id"],
        "x-appwrite-user-id": "",
        "x-appwrite-user-jwt": "",
    }
    environment = got["environment"]
    assert environment == {
        **environment,
        "APPWRITE_FUNCTION_RUNTIME_NAME": "Python",
        "SHARED": "of the project",
        "OVER": "of the function",
        "APPWRITE_FUNCTION_ID": echo,
        "APPWRITE_FUNCTION_PROJECT_ID": project.server.project,
        "APPWRITE_FUNCTION_API_ENDPOINT": f"http://127.0.0.1:{project.server.port}/v1",
    }
    # Nothing of the server's own environment.
    assert "HOME" not in environment or environment["HOME"] != str(Path.home())
    assert execution["requestHeaders"] == [
        {"name": "content-type", "value": "text/plain"},
        {"name": "x-appwrite-client-ip", "value": "127.0.0.1"},
    ]
    assert {"name": "x-appwrite-execution-id", "value": execution["$id"]} in execution["responseHeaders"]
    assert "called PUT" in execution["logs"]
    stored = project.get(f"/functions/{echo}/executions/{execution['$id']}")
    assert stored["responseBody"] == ""
    assert {each["name"] for each in stored["responseHeaders"]} <= {"content-type", "content-length"}


def test_any_path_reaches_the_function(project: FunctionsProject, echo: str) -> None:
    for path, seen in (("/a b", "/a%20b"), ("/a\r\nX-Own: 1", "/a%0D%0AX-Own:%201"), ("a?b=c d", "/a")):
        execution = project.execute(echo, path=path)
        assert (execution["status"], execution["requestPath"]) == ("completed", path)
        got = json.loads(execution["responseBody"])
        assert got["path"] == seen
        assert "x-own" not in got["headers"]


def test_the_key_of_a_function_has_its_scopes(project: FunctionsProject, echo: str) -> None:
    got = json.loads(project.execute(echo)["responseBody"])
    with project.guest() as http:
        key = {"X-Appwrite-Key": got["headers"]["x-appwrite-key"]}
        assert http.get("/v1/users", headers=key).status_code == 200
        assert http.get("/v1/teams", headers=key).json()["type"] == "general_unauthorized_scope"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-appwrite-user-id": "admin"},
        {"-a": "1"},
        {"a b": "1"},
        {"a": "1\r\nb: 2"},
        {f"h{number}": "1" for number in range(101)},
        {"a": "1" * 16_384},
    ],
)
def test_headers_that_are_refused(project: FunctionsProject, echo: str, headers: dict[str, str]) -> None:
    assert project.execute(echo, 400, headers=headers)["type"] == "general_argument_invalid"


@pytest.mark.parametrize("file_name", [None, "body"])
@pytest.mark.parametrize("later", [False, True])
def test_a_form_brings_any_bytes(
    project: FunctionsProject, digest: str, file_name: str | None, later: bool
) -> None:
    body = bytes(range(256)) + b"\r\n--\r\n"
    execution = project.request(
        "POST",
        f"/functions/{digest}/executions",
        202 if later else 201,
        files={"body": (file_name, body), "async": (None, str(later).lower())},
    )
    if later:
        execution = project.ended(digest, execution["$id"])
    assert (execution["status"], execution["responseStatusCode"]) == ("completed", 200)
    assert execution["logs"].strip() == hashlib.sha256(body).hexdigest()


def test_the_largest_body(project: FunctionsProject, digest: str) -> None:
    path = f"/functions/{digest}/executions"
    line = "ä" * 30 + '"\n'
    text = line * (LARGEST_BODY // len(line.encode()))
    text += "a" * (LARGEST_BODY - len(text.encode()))
    for sent in ({"json": {"body": text}}, {"files": {"body": (None, text.encode())}}):
        execution = project.request("POST", path, 201, **sent)
        assert execution["responseBody"] == hashlib.sha256(text.encode()).hexdigest()
    for sent in ({"json": {"body": text + "a"}}, {"files": {"body": (None, text.encode() + b"a")}}):
        refused = project.request("POST", path, 400, **sent)
        assert f"at most {LARGEST_BODY} bytes" in refused["message"]


def test_a_form_as_an_answer(project: FunctionsProject) -> None:
    source = "def main(context):\n    return context.res.binary(bytes(range(256)))\n"
    function_id = project.deployed(source)
    with project.unchecked(Accept="multipart/form-data") as http:
        answered = http.post(f"/v1/functions/{function_id}/executions", json={})
    assert answered.status_code == 201
    assert answered.headers["content-type"].startswith("multipart/form-data; boundary=----")
    assert bytes(range(256)) in answered.content
    assert b'name="responseStatusCode"\r\n\r\n200\r\n' in answered.content


def test_a_request_for_the_headers_alone(project: FunctionsProject, echo: str) -> None:
    for _ in range(3):
        execution = project.execute(echo, method="HEAD")
        assert (execution["status"], execution["responseStatusCode"]) == ("completed", 200)
        assert execution["responseBody"] == ""
        assert "content-type" in {each["name"] for each in execution["responseHeaders"]}
    assert json.loads(project.execute(echo)["responseBody"])["method"] == "POST"


def test_an_answer_of_500_has_failed_and_one_of_404_has_not(project: FunctionsProject) -> None:
    source = (
        "def main(context):\n    return context.res.text('', int(context.req.query.get('status', '200')))\n"
    )
    function_id = project.deployed(source, logging=False)
    for status, ended in ((404, "completed"), (500, "failed")):
        execution = project.execute(function_id, path=f"/?status={status}")
        assert (execution["status"], execution["responseStatusCode"]) == (ended, status)
        assert (execution["logs"], execution["errors"]) == ("", "")


def test_executions_are_filtered(project: FunctionsProject) -> None:
    function_id = project.deployed()
    project.execute(function_id, method="GET")
    project.execute(function_id, method="PATCH")
    query = json.dumps({"method": "equal", "attribute": "requestMethod", "values": ["PATCH"]})
    found = project.executions(function_id, **{"queries[]": query})
    assert [each["requestMethod"] for each in found] == ["PATCH"]


def test_an_asynchronous_execution(project: FunctionsProject, echo: str) -> None:
    waiting = project.execute(echo, 202, **{"async": True})
    assert waiting["status"] == "waiting"
    ended = project.ended(echo, waiting["$id"])
    assert (ended["status"], ended["responseStatusCode"], ended["responseBody"]) == ("completed", 200, "")
    assert "called POST" in ended["logs"]
    project.request("DELETE", f"/functions/{echo}/executions/{waiting['$id']}", 204)
    gone = project.get(f"/functions/{echo}/executions/{waiting['$id']}", 404)
    assert gone["type"] == "execution_not_found"


def test_a_scheduled_execution_waits_and_can_be_called_off(project: FunctionsProject, echo: str) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=3)
    moment = format_datetime(int(minute.timestamp()) * 1000)
    assert project.execute(echo, 400, scheduledAt=moment)["type"] == "general_bad_request"
    scheduled = project.execute(echo, 202, scheduledAt=moment, **{"async": True})
    assert (scheduled["status"], scheduled["trigger"], scheduled["scheduledAt"]) == (
        "scheduled",
        "schedule",
        moment,
    )
    project.request("DELETE", f"/functions/{echo}/executions/{scheduled['$id']}", 204)
    for wrong in ("tomorrow-ish", moment.replace(":00.000", ":30.000"), "2020-01-01T00:00:00.000+00:00"):
        refused = project.execute(echo, 400, scheduledAt=wrong, **{"async": True})
        assert refused["type"] == "general_argument_invalid"


def test_one_that_runs_cannot_be_deleted(project: FunctionsProject) -> None:
    function_id = project.deployed(SLOW)
    path = f"/functions/{function_id}/executions"
    running = project.execute(function_id, 202, body="3", **{"async": True})
    eventually(lambda: project.get(f"{path}/{running['$id']}"), lambda found: found["status"] == "processing")
    refused = project.request("DELETE", f"{path}/{running['$id']}", 400)
    assert refused["type"] == "execution_in_progress"
    assert project.ended(function_id, running["$id"])["status"] == "completed"


def test_a_function_that_takes_too_long_has_failed(project: FunctionsProject) -> None:
    function_id = project.deployed(SLOW, timeout=1)
    execution = project.execute(function_id, body="10")
    assert (execution["status"], execution["responseStatusCode"]) == ("failed", 500)
    assert "timed out" in execution["errors"].lower()


def test_who_may_run_and_see_what(project: FunctionsProject, echo: str) -> None:
    path = f"/v1/functions/{echo}/executions"
    with project.guest() as guest, project.user("runner") as runner, project.user("stranger") as stranger:
        assert guest.post(path, json={}).json()["type"] == "user_unauthorized"
        made = runner.post(path, json={})
        assert made.status_code == 201
        execution = made.json()
        got = json.loads(execution["responseBody"])["headers"]
        assert got["x-appwrite-user-id"] == "runner"
        with project.guest() as function:
            token = {"X-Appwrite-JWT": got["x-appwrite-user-jwt"]}
            assert function.get("/v1/account", headers=token).json()["$id"] == "runner"
        assert execution["$permissions"] == ['read("user:runner")']
        assert (execution["logs"], execution["errors"]) == ("", "")
        one = f"{path}/{execution['$id']}"
        assert runner.get(one).json()["logs"] == ""
        assert [each["$id"] for each in runner.get(path).json()["executions"]] == [execution["$id"]]
        assert stranger.get(one).json()["type"] == "execution_not_found"
        assert stranger.get(path).json() == {"total": 0, "executions": []}
        assert stranger.delete(one).json()["type"] == "execution_not_found"
        assert runner.delete(one).json()["type"] == "user_unauthorized"
        assert guest.get(one).json()["type"] == "general_unauthorized_scope"
        own = project.execute(echo)
        assert runner.get(f"{path}/{own['$id']}").json()["type"] == "execution_not_found"
        assert "called" in project.get(f"/functions/{echo}/executions/{execution['$id']}")["logs"]


def test_a_function_that_is_switched_off_is_run_by_keys_alone(project: FunctionsProject) -> None:
    function_id = project.deployed(execute=["any"], enabled=False)
    with project.guest() as guest:
        refused = guest.post(f"/v1/functions/{function_id}/executions", json={})
        assert refused.json()["type"] == "function_not_found"
    assert project.execute(function_id)["status"] == "completed"


def test_earlier_programs_read_the_function_of_an_execution(project: FunctionsProject, echo: str) -> None:
    with project.unchecked(**{"X-Appwrite-Response-Format": "1.8.0"}) as http:
        answered = http.post(f"/v1/functions/{echo}/executions", json={}).json()
    assert answered["functionId"] == echo
    assert "resourceId" not in answered
    assert "resourceType" not in answered


def test_an_execution_that_is_killed_with_the_server_runs_again(
    functions_server: TidewireServer, project: FunctionsProject
) -> None:
    function_id = project.deployed(SLOW, timeout=30)
    path = f"/functions/{function_id}/executions"
    accepted = [project.execute(function_id, 202, body="1.5", **{"async": True}) for _ in range(3)]
    eventually(
        lambda: project.get(f"{path}/{accepted[0]['$id']}"), lambda found: found["status"] == "processing"
    )
    functions_server.kill()
    functions_server.start()
    for each in accepted:
        assert project.ended(function_id, each["$id"])["status"] == "completed"


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server with settings of its own."""
    arguments = ["--functions-queue", "2", "--functions-tell-begin", "--drain-seconds", "0.2"]
    server = TidewireServer(tmp_path_factory.mktemp("unlike") / "data", arguments).start()
    yield server
    server.stop()


def test_the_beginning_is_told_where_that_is_set(unlike: TidewireServer) -> None:
    with FunctionsProject.of(unlike) as project:
        function_id = project.deployed(ECHO, execute=["users"])
        with project.user("ada") as user, listening(project, user.cookies) as own:
            user.post(f"/v1/functions/{function_id}/executions", json={"async": True})
            told = [next_event(own) for _ in range(3)]
    assert [payload["status"] for _, payload in told] == ["waiting", "processing", "completed"]
    assert [name.rpartition(".")[2] for name, _ in told] == ["create", "update", "update"]


def test_the_queue_is_bounded(unlike: TidewireServer) -> None:
    with FunctionsProject.of(unlike) as project:
        function_id = project.deployed(SLOW)
        later = {"async": True, "scheduledAt": "2199-01-01T00:00:00.000+00:00"}
        for _ in range(2):
            project.execute(function_id, 202, **later)
        refused = [project.execute(function_id, 429, **later)]
        for _ in range(2):  # those of later are not in the way
            project.execute(function_id, 202, body="2", **{"async": True})
        refused.append(project.execute(function_id, 429, **{"async": True}))
        assert {each["type"] for each in refused} == {"general_rate_limit_exceeded"}
