"""What functions reach of the server: the API, also where they have no network, and not its data."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.functions.project import FunctionsProject
from tests.support.server import TidewireServer

REACH = """
import os
import socket
import urllib.request

def main(context):
    environment = os.environ
    with urllib.request.urlopen(environment["APPWRITE_FUNCTION_API_ENDPOINT"] + "/health/version") as answer:
        version = answer.status
    try:
        socket.create_connection(("127.0.0.1", int(context.req.body_text)), timeout=5).close()
        other = "reached"
    except OSError:
        other = "not reached"
    return context.res.json({"version": version, "other": other})
"""
LOOK = """
import os

def main(context):
    found = []
    for folder, _, names in os.walk(context.req.body_text):
        found += [os.path.join(folder, name) for name in names]
    return context.res.json(found)
"""


@contextmanager
def served(data_dir: Path, *arguments: str) -> Iterator[FunctionsProject]:
    server = TidewireServer(data_dir, ["--drain-seconds", "0.2", *arguments]).start()
    try:
        with FunctionsProject.of(server) as project:
            if project.get("/health/functions")["name"] == "limits":
                pytest.skip("nothing keeps code apart here")
            yield project
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_the_api_is_reached_without_network(tmp_path: Path, host: str) -> None:
    other = TidewireServer(tmp_path / "other", ["--drain-seconds", "0.2"]).start()
    try:
        with served(tmp_path / "data", "--host", host, "--no-functions-network") as project:
            function_id = project.deployed(REACH, execute=["any"])
            execution = project.post(f"/functions/{function_id}/executions", body=str(other.port))
            assert execution["status"] == "completed", execution["errors"]
            assert json.loads(execution["responseBody"]) == {"version": 200, "other": "not reached"}
    finally:
        other.stop()


def test_the_data_directory_is_not_seen_even_where_programs_are(tmp_path: Path) -> None:
    try:
        place = Path(tempfile.mkdtemp(dir="/usr/local/lib"))
    except OSError:
        pytest.skip("only root writes there")
    try:
        with served(place / "data") as project:
            secret = place / "data" / "secret"
            secret.write_text("1")
            for each in (place, place / "data"):
                each.chmod(0o755)
            secret.chmod(0o644)
            function_id = project.deployed(LOOK, execute=["any"])
            execution = project.post(f"/functions/{function_id}/executions", body=str(place))
            assert execution["status"] == "completed", execution["errors"]
            assert json.loads(execution["responseBody"]) == []
    finally:
        shutil.rmtree(place)
