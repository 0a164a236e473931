"""Deployments: uploaded, built, activated, downloaded, deleted."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.services.functions.project import ECHO, FunctionsProject, eventually, packed
from tests.support.server import TidewireServer
from tidewire.core.uploads import CHUNK_SIZE

ONE = "def main(context):\n    return context.res.text('one')\n"
TWO = "def main(context):\n    return context.res.text('two')\n"


def answer(project: FunctionsProject, function_id: str) -> str:
    return str(project.execute(function_id)["responseBody"])


def test_a_build_is_told_line_by_line_and_activated(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    waiting = project.upload(function_id, ONE, commands="echo first line; echo second line")
    assert waiting["status"] == "waiting"
    assert waiting["type"] == "manual"
    built = project.built(function_id, waiting["$id"])
    assert built["status"] == "ready"
    assert "first line\nsecond line\n" in built["buildLogs"]
    assert built["buildLogs"].endswith("Deployment finished.\n")
    assert built["totalSize"] == built["sourceSize"] + built["buildSize"] > 0
    function = project.get(f"/functions/{function_id}")
    assert function["deploymentId"] == function["latestDeploymentId"] == waiting["$id"]
    assert (function["latestDeploymentStatus"], function["live"]) == ("ready", True)
    assert answer(project, function_id) == "one"


def test_a_build_that_fails(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    built = project.built(function_id, project.upload(function_id, ONE, commands="echo no; exit 3")["$id"])
    assert built["status"] == "failed"
    assert "no\n" in built["buildLogs"]
    assert "3" in built["buildLogs"].splitlines()[-1]
    function = project.get(f"/functions/{function_id}")
    assert (function["deploymentId"], function["latestDeploymentStatus"]) == ("", "failed")
    error = project.execute(function_id, 404)
    assert error["type"] == "deployment_not_found"


def test_chunks_in_any_order_and_again(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    content = packed({"main.py": ONE, "noise.bin": os.urandom(2 * CHUNK_SIZE)})
    path = f"/functions/{function_id}/deployments"

    def send(number: int, upload_id: str = "") -> dict[str, Any]:
        begin = (number - 1) * CHUNK_SIZE
        piece = content[begin : begin + CHUNK_SIZE]
        headers = {"Content-Range": f"bytes {begin}-{begin + len(piece) - 1}/{len(content)}"}
        if upload_id:
            headers["X-Appwrite-ID"] = upload_id
        sent: dict[str, Any] = project.request(
            "POST", path, 202, data={"activate": "true"}, files={"code": ("c.tar.gz", piece)}, headers=headers
        )
        return sent

    first = send(1)
    assert project.get(path)["total"] == 0
    unfinished = {"deploymentId": first["$id"]}
    assert project.post(f"{path}/duplicate", 404, **unfinished)["type"] == "deployment_not_found"
    assert project.get(f"{path}/{first['$id']}/download", 404)["type"] == "deployment_not_found"
    send(3, first["$id"])
    send(3, first["$id"])
    last = send(2, first["$id"])
    assert last["$id"] == first["$id"]
    assert project.built(function_id, first["$id"])["sourceSize"] == len(content)
    assert send(2, first["$id"])["status"] == "ready"
    assert answer(project, function_id) == "one"
    source = project.http.get(f"/v1{path}/{first['$id']}/download")
    assert source.content == content


@pytest.mark.parametrize(
    ("name", "content", "status", "error"),
    [
        ("code.zip", b"PK", 400, "storage_file_type_unsupported"),
        ("code.tar.gz", b"", 400, "storage_file_empty"),
    ],
)
def test_uploads_that_are_no_code(
    project: FunctionsProject, name: str, content: bytes, status: int, error: str
) -> None:
    function_id = project.function()["$id"]
    refused = project.request(
        "POST",
        f"/functions/{function_id}/deployments",
        status,
        data={"activate": "true"},
        files={"code": (name, content)},
    )
    assert refused["type"] == error


def test_an_entrypoint_is_needed(project: FunctionsProject) -> None:
    function_id = project.function(entrypoint="")["$id"]
    assert project.upload(function_id, ONE, 404)["type"] == "function_entrypoint_missing"
    assert project.upload(function_id, ONE, entrypoint="main.py")["entrypoint"] == "main.py"


def test_activation_duplicates_and_deletion(project: FunctionsProject) -> None:
    function_id = project.deployed(ONE)
    one = project.get(f"/functions/{function_id}")["deploymentId"]
    two = project.upload(function_id, TWO, activate="false")["$id"]
    project.built(function_id, two)
    assert answer(project, function_id) == "one"
    project.request("PATCH", f"/functions/{function_id}/deployment", json={"deploymentId": two})
    assert answer(project, function_id) == "two"
    copy = project.post(f"/functions/{function_id}/deployments/duplicate", 202, deploymentId=one)
    assert project.built(function_id, copy["$id"])["status"] == "ready"
    assert answer(project, function_id) == "one"
    project.request("DELETE", f"/functions/{function_id}/deployments/{copy['$id']}", 204)
    function = project.get(f"/functions/{function_id}")
    assert (function["deploymentId"], function["latestDeploymentId"]) == ("", two)


def test_a_build_is_canceled(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    slow = project.upload(function_id, ONE, commands="sleep 60")["$id"]
    path = f"/functions/{function_id}/deployments/{slow}"
    eventually(lambda: project.get(path), lambda found: found["status"] == "building")
    early = project.request(
        "PATCH",
        f"/functions/{function_id}/deployment",
        400,
        json={"deploymentId": slow},
    )
    assert early["type"] == "build_not_ready"
    canceled = project.request("PATCH", f"{path}/status")
    assert canceled["status"] == "canceled"
    assert project.request("PATCH", f"{path}/status", 400)["type"] == "build_already_completed"
    after = project.upload(function_id, TWO)  # what was canceled holds up nothing
    assert project.built(function_id, after["$id"])["status"] == "ready"
    assert project.get(path)["status"] == "canceled"


def test_code_is_downloaded_by_those_who_look_after_it(project: FunctionsProject) -> None:
    function_id = project.deployed(ONE)
    deployment = project.get(f"/functions/{function_id}")["deploymentId"]
    path = f"/v1/functions/{function_id}/deployments/{deployment}/download"
    part = project.http.get(path, headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"\x1f\x8b")
    assert part.headers["content-type"] == "application/gzip"
    assert part.headers["cache-control"] == "private, max-age=3888000"
    output = project.http.get(path, params={"type": "output"})
    assert output.headers["content-type"] == "application/octet-stream"
    assert len(output.content) == int(output.headers["content-length"]) > 0
    with project.guest() as guest, project.user("reader-of-code") as user:
        for client in (guest, user):
            assert client.get(path).json()["type"] == "user_unauthorized"


def test_a_build_that_is_killed_with_the_server_is_begun_again(
    functions_server: TidewireServer, project: FunctionsProject
) -> None:
    function_id = project.function()["$id"]
    deployment = project.upload(function_id, ECHO, commands="sleep 2")
    path = f"/functions/{function_id}/deployments/{deployment['$id']}"
    eventually(lambda: project.get(path), lambda found: found["status"] == "building")
    functions_server.kill()
    functions_server.start()
    assert project.built(function_id, deployment["$id"])["status"] == "ready"
    assert answer(project, function_id)
    left = functions_server.data_dir / "builds"
    eventually(lambda: list(left.iterdir()), lambda found: found == [])
