"""Executions as they are seen live, and functions through an unmodified SDK."""

from __future__ import annotations

import json
from typing import Any

from appwrite.client import Client
from appwrite.enums.runtime import Runtime
from appwrite.input_file import InputFile
from appwrite.services.functions import Functions

from tests.services.functions.project import ECHO, FunctionsProject, eventually, listening, next_event, packed


def test_a_user_sees_their_own_executions_live_and_without_logs(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["users"])
    path = f"/v1/functions/{function_id}/executions"
    with (
        project.user("live-runner") as runner,
        project.user("live-stranger") as stranger,
        listening(project, runner.cookies) as own,
        listening(project, stranger.cookies) as other,
    ):
        project.execute(function_id)  # a key's execution is nobody's
        execution = runner.post(path, json={"async": True}).json()
        name = f"functions.{function_id}.executions.{execution['$id']}"
        created, waiting = next_event(own)
        assert (created, waiting["status"]) == (f"{name}.create", "waiting")
        updated, ended = next_event(own)
        assert (updated, ended["status"], ended["logs"]) == (f"{name}.update", "completed", "")
        theirs = stranger.post(path, json={}).json()
        seen, told = next_event(other)  # the first that the stranger gets is their own
        assert seen == f"functions.{function_id}.executions.{theirs['$id']}.create"
        assert json.loads(told["responseBody"])["method"] == "POST"


def test_an_unmodified_sdk_deploys_and_runs_a_function(project: FunctionsProject) -> None:
    client: Any = Client()  # type: ignore[no-untyped-call]
    client.set_endpoint(project.server.endpoint).set_project(project.server.project)
    functions = Functions(client.set_key(project.server.create_key()))
    functions.create("by-sdk", "By SDK", Runtime(project.runtime()), entrypoint="main.py")
    code = InputFile.from_bytes(packed({"main.py": ECHO}), "code.tar.gz")  # type: ignore[no-untyped-call]
    deployment = project.get("/functions/by-sdk/deployments")
    assert deployment["total"] == 0
    functions.create_deployment("by-sdk", code, True)
    eventually(lambda: project.get("/functions/by-sdk"), lambda found: found["deploymentId"])
    functions.create_execution("by-sdk", body="from an SDK")
    (execution,) = project.executions("by-sdk")
    assert execution["status"] == "completed"
