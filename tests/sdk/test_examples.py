"""The example programs, run as their README says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.sdk.node import run_node
from tests.sdk.test_event_source import upload
from tests.support.server import TidewireServer

EXAMPLES = Path(__file__).parents[2] / "examples" / "realtime"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TidewireServer]:
    """A server of its own, whose log holds nothing but what the test does."""
    running = TidewireServer(tmp_path / "data", ["--demo", "--drain-seconds", "0.2"]).start()
    yield running
    assert running.stop() == 0


def environment(server: TidewireServer, **more: str) -> dict[str, str]:
    return {**os.environ, "TIDEWIRE_ENDPOINT": server.endpoint, "TIDEWIRE_PROJECT": server.project, **more}


@contextmanager
def listening(program: str, given: dict[str, str]) -> Iterator[Iterator[str]]:
    """Run a program that listens; gives the lines that it prints from then on."""
    command = [sys.executable, str(EXAMPLES / program)]
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "listening\n"
            yield (line.strip() for line in process.stdout)
        finally:
            process.kill()


def test_watch_files(server: TidewireServer) -> None:
    with listening("watch_files.py", environment(server)) as lines:
        upload(server, "a.txt")
        assert next(lines) == "create a.txt"


def test_go_on(server: TidewireServer, tmp_path: Path) -> None:
    given = environment(server, MEMORY=str(tmp_path / "position.json"))
    with listening("go_on.py", given) as lines:
        upload(server, "a.txt")
        upload(server, "b.txt")
        assert [next(lines), next(lines)] == ["create a.txt", "create b.txt"]
    upload(server, "c.txt")
    with listening("go_on.py", given) as lines:
        upload(server, "d.txt")
        seen = [next(lines)]
        while seen[-1] != "create d.txt":
            seen.append(next(lines))
    # If it was killed between handling the second and remembering that, it handles it again.
    assert seen[-2:] == ["create c.txt", "create d.txt"]
    assert seen[:-2] in ([], ["create b.txt"])


def test_catch_up(server: TidewireServer) -> None:
    for name in ("a.txt", "b.txt"):
        upload(server, name)
    command = [sys.executable, str(EXAMPLES / "catch_up.py")]
    printed = subprocess.run(command, env=environment(server), capture_output=True, text=True, check=True)
    lines = printed.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["a.txt", "b.txt"]
    assert all(".create" in line for line in lines)


def test_event_source(server: TidewireServer) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES))) as pages:
        serving = Thread(target=pages.serve_forever)
        serving.start()
        try:
            address = f"http://localhost:{pages.server_port}/event_source.html?endpoint={server.endpoint}"
            outcome = run_node("page_of_uploads.mjs", address, server.endpoint, server.project)
        finally:
            pages.shutdown()
            serving.join()
    assert outcome == ["create live.txt"]
