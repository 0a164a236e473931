"""``tidewire functions dev`` as a program: a folder is a function, live."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.support.launcher import Launched, run_apart
from tests.support.server import TidewireServer

PYTHON = """
import os

def main(context):
    context.log("hello", context.req.body_text)
    return context.res.json({"path": context.req.path, "trigger": context.req.headers["x-appwrite-trigger"],
                             "is": os.environ["GREETING"]})
"""
NODE = """
export default async ({ req, res, log }) => {
  log("from node");
  return res.text(req.method, 200, { "x-said": req.headers["x-said"] ?? "" });
};
"""


class Dev:
    """A running command."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self.address = self.line("http://").rpartition(" ")[2]

    def line(self, part: str) -> str:
        """The next line that it prints with ``part`` in it."""
        for line in self._output:
            if part in line:
                return line.strip()
        raise AssertionError(f"it ended without printing {part!r}")


@contextmanager
def dev(folder: Path, *arguments: str) -> Iterator[Dev]:
    process = Launched(["functions", "dev", str(folder), "--port", "0", *arguments], os.environ)
    with process.stdout:
        try:
            yield Dev(process.stdout)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def fails(folder: Path, *arguments: str) -> str:
    ended = run_apart("functions", "dev", str(folder), "--port", "0", *arguments)
    assert ended.returncode == 1
    return ended.stderr


def test_a_folder_is_a_function(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PYTHON)
    (tmp_path / ".env").write_text("# of the function\nGREETING='good day'\n")
    with dev(tmp_path) as running:
        answer = httpx.post(running.address + "a/b?c=1", content="you", timeout=30)
        assert answer.json() == {"path": "/a/b", "trigger": "http", "is": "good day"}
        assert " 200 " in running.line("POST /a/b?c=1")
        assert running.line("hello") == "hello you"

        (tmp_path / "main.py").write_text(PYTHON.replace("hello", "changed"))
        running.line("reloaded")
        httpx.post(running.address, content="again", timeout=30)
        running.line("changed again")

        (tmp_path / "main.py").write_text("def main(context): raise ValueError('broken')")
        running.line("reloaded")
        assert httpx.post(running.address, timeout=30).status_code == 500
        running.line("broken")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
def test_what_the_command_line_of_the_reference_pushes_is_known(tmp_path: Path) -> None:
    """Runtime, entrypoint and commands stand in the file that ``appwrite-cli`` writes."""
    version = subprocess.check_output(["node", "-p", "process.versions.node.split('.')[0]"], text=True)
    folder = tmp_path / "functions" / "resize"
    folder.mkdir(parents=True)
    (folder / "start.mjs").write_text(NODE)
    function = {
        "$id": "resize",
        "path": "functions/resize",
        "runtime": f"node-{version.strip()}",
        "entrypoint": "start.mjs",
        "commands": "echo building > built.txt",
    }
    configuration = tmp_path / "appwrite.config.json"
    configuration.write_text(json.dumps({"functions": [function]}))
    with dev(folder, "--build") as running:
        said = {b"x-said": "höhe €".encode()}
        answer = httpx.put(running.address, headers=said, timeout=30)
        assert answer.text == "PUT"
        assert (b"x-said", said[b"x-said"]) in answer.headers.raw
        assert httpx.head(running.address, timeout=30).headers["content-length"] == "4"
        running.line("from node")
    assert not (folder / "built.txt").exists(), "the folder of the author is not written to"

    configuration.write_text(json.dumps({"functions": [function | {"runtime": "php-8.3"}]}))
    assert "does not have the runtime php-8.3" in fails(folder)


def test_it_runs_for_the_events_of_a_server(tmp_path: Path, server: TidewireServer, api_key: str) -> None:
    (tmp_path / "main.py").write_text(
        "def main(context):\n"
        "    context.log(context.req.headers['x-appwrite-event'], context.req.body_json['name'])\n"
        "    return context.res.empty()\n"
    )
    remote = ("--endpoint", server.endpoint, "--project", server.project, "--key", api_key)
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key}
    with dev(tmp_path, "--on", "teams", *remote) as running:
        running.line("runs for the events of teams")
        body = {"teamId": f"t{time.time_ns()}", "name": "Sailors"}
        httpx.post(server.endpoint + "/teams", json=body, headers=headers).raise_for_status()
        running.line(" 204 ")
        assert running.line("Sailors").startswith(f"teams.{body['teamId']}.create")


def test_a_folder_that_is_no_function(tmp_path: Path) -> None:
    assert "no code was found" in fails(tmp_path)
    (tmp_path / "main.py").write_text(PYTHON)
    assert "--entrypoint" in fails(tmp_path, "--entrypoint", "other.py")
    assert "does not have the runtime cobol-60" in fails(tmp_path, "--runtime", "cobol-60")
