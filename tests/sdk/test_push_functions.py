"""The command line of the ecosystem deploys functions, and programs with SDKs call them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sdk.node import JAVASCRIPT, run_node
from tests.sdk.test_setup import CommandLine
from tests.support.server import TidewireServer

NODE = """
import { Buffer } from "node:buffer";

export default async ({ req, res, log }) => {
  log(`called ${req.method}`);
  return res.json({ said: `${process.env.GREETING} ${req.bodyText}`, version: 1 });
};
"""
PYTHON = """
def main(context):
    context.log("called", context.req.method)
    return context.res.json({"said": "Python " + context.req.body_text, "version": 1})
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TidewireServer]:
    """An instance on which nobody has signed up."""
    running = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.1"]).start()
    yield running
    assert running.stop() == 0


def push(home: Path, folder: Path, *options: str) -> str:
    """``appwrite push functions`` in a folder, with the settings of the command line that ``home`` has."""
    program = JAVASCRIPT / "node_modules" / ".bin" / "appwrite"
    done = subprocess.run(
        [program, "push", "functions", "--force", "--verbose", *options],
        cwd=folder,
        env={**os.environ, "HOME": str(home), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_project(folder: Path, server: TidewireServer) -> None:
    """A folder as ``appwrite init`` leaves it: two functions and what to push of them."""
    key = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    runtimes = httpx.get(f"{server.endpoint}/functions/runtimes", headers=key).json()["runtimes"]
    node, python = (
        next(each["$id"] for each in runtimes if each["$id"].startswith(f"{language}-"))
        for language in ("node", "python")
    )
    common: dict[str, Any] = {"execute": ["any"], "enabled": True, "logging": True, "timeout": 15}
    common |= {"events": [], "scopes": ["users.read"], "schedule": ""}
    functions = [
        {
            "$id": "greeter",
            "name": "Greeter",
            "runtime": node,
            "path": "functions/greeter",
            "entrypoint": "src/main.js",
            "commands": "echo export default 1 > built.mjs",
            **common,
        },
        {
            "$id": "echo",
            "name": "Echo",
            "runtime": python,
            "path": "functions/echo",
            "entrypoint": "main.py",
            "commands": "",
            **common,
        },
    ]
    config = {"projectId": server.project, "endpoint": server.endpoint, "functions": functions}
    (folder / "appwrite.config.json").write_text(json.dumps(config))
    greeter, echo = folder / "functions" / "greeter", folder / "functions" / "echo"
    (greeter / "src").mkdir(parents=True)
    (greeter / "src" / "main.js").write_text(NODE)
    (greeter / "package.json").write_text(json.dumps({"name": "greeter", "type": "module"}))
    (greeter / ".env").write_text("GREETING=Hello\n")
    echo.mkdir(parents=True)
    (echo / "main.py").write_text(PYTHON)


def executed(server: TidewireServer, function_id: str) -> dict[str, Any]:
    """What node-appwrite shows of an execution."""
    given = {"project": server.project, "key": server.create_key(), "function": function_id, "body": "world"}
    execution: dict[str, Any] = run_node("functions.mjs", server.endpoint, json.dumps(given))
    return execution


def test_functions_are_pushed_and_called(fresh: TidewireServer, tmp_path: Path) -> None:
    # Functions that are not there yet are made by somebody who is signed in: the command line asks the
    # console for the domain that they get.
    folder, people, programs = (tmp_path / name for name in ("work", "people", "programs"))
    for each in (folder, people, programs):
        each.mkdir()
    fresh.project, _ = CommandLine(fresh, people).platform()
    write_project(folder, fresh)
    said = push(people, folder, "--all", "--with-variables")
    assert "Successfully pushed 2 functions" in said, said
    for function_id, text in (("greeter", "Hello world"), ("echo", "Python world")):
        execution = executed(fresh, function_id)
        assert (execution["status"], execution["responseStatusCode"]) == ("completed", 200), execution
        assert json.loads(execution["responseBody"]) == {"said": text, "version": 1}
        assert execution["logs"].strip() == "called POST"
    domains = {each["deploymentResourceId"]: each["domain"] for each in rules(fresh)}
    assert domains.keys() == {"greeter", "echo"}
    for domain in domains.values():
        assert domain in said  # what the command line shows as the function's address
        answer = httpx.post(fresh.endpoint.removesuffix("/v1"), content=b"you", headers={"host": domain})
        assert answer.json()["said"].endswith(" you")
    # A program that deploys has a key, as in continuous integration.
    changed = folder / "functions" / "greeter" / "src" / "main.js"
    changed.write_text(NODE.replace("version: 1", "version: 2"))
    CommandLine(fresh, programs).run("client", "--endpoint", fresh.endpoint, "--key", fresh.create_key())
    said = push(programs, folder, "--function-id", "greeter")
    assert "Successfully pushed 1 functions" in said, said
    assert domains["greeter"] in said
    assert json.loads(executed(fresh, "greeter")["responseBody"])["version"] == 2
    key = {"X-Appwrite-Project": fresh.project, "X-Appwrite-Key": fresh.create_key()}
    listed = httpx.get(f"{fresh.endpoint}/functions/greeter/deployments", headers=key).json()["deployments"]
    assert [(each["status"], each["type"]) for each in listed] == [("ready", "cli")] * 2


def rules(server: TidewireServer) -> list[dict[str, Any]]:
    key = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    found: list[dict[str, Any]] = httpx.get(f"{server.endpoint}/proxy/rules", headers=key).json()["rules"]
    return found
