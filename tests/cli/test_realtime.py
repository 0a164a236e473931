"""``tidewire listen`` and ``tidewire publish`` as programs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.support.launcher import run_apart
from tests.support.server import TidewireServer


class Listener:
    """A running ``tidewire listen`` that listens already."""

    def __init__(self, server: TidewireServer, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "listen", *arguments, "--endpoint", server.endpoint, "--project", server.project],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        assert self._process.stderr.readline().startswith("listening to")

    def output(self) -> str:
        """Everything it prints until it ends by itself."""
        printed, errors = self._process.communicate(timeout=60)
        assert (self._process.returncode, errors) == (0, "")
        return printed

    def stop_reading(self) -> None:
        """Close the pipe that it prints to, as ``head`` does."""
        assert self._process.stdout
        self._process.stdout.close()

    def ends_quietly(self) -> None:
        """It ends without a complaint."""
        assert self._process.stderr
        with self._process:
            assert self._process.stderr.read() == ""
            assert self._process.wait(60) == 0


COMMAND = [sys.executable, "-m", "tidewire"]


@pytest.fixture
def bucket(server: TidewireServer, api_key: str) -> Any:
    """Make a bucket, and give a function that uploads to it."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as rest:
        body = {"bucketId": "unique()", "name": "b", "permissions": ['read("any")']}
        bucket_id = rest.post("/storage/buckets", json=body).json()["$id"]

        def upload(name: str) -> str:
            files = {"file": (name, b"x")}
            made = rest.post(f"/storage/buckets/{bucket_id}/files", data={"fileId": "unique()"}, files=files)
            return str(made.json()["$id"])

        yield bucket_id, upload


def test_listening_ends_when_nobody_reads_any_more(server: TidewireServer, bucket: Any) -> None:
    bucket_id, upload = bucket
    listener = Listener(server, f"buckets.{bucket_id}.files", "--json")
    listener.stop_reading()
    upload("a.txt")
    listener.ends_quietly()


def test_listen_prints_json_lines(server: TidewireServer, bucket: Any) -> None:
    bucket_id, upload = bucket
    listener = Listener(server, f"buckets.{bucket_id}.files", "--json", "--count", "2")
    sent = [upload("a.txt"), upload("b.txt")]
    lines = [json.loads(line) for line in listener.output().splitlines()]
    assert [line["payload"]["$id"] for line in lines] == sent
    assert lines[0]["events"][0] == f"buckets.{bucket_id}.files.{sent[0]}.create"


def test_listen_prints_for_people_what_the_queries_let_through(server: TidewireServer, bucket: Any) -> None:
    bucket_id, upload = bucket
    query = json.dumps({"method": "equal", "attribute": "name", "values": ["b.txt"]})
    listener = Listener(server, f"buckets.{bucket_id}.files", "--query", query, "--count", "1")
    upload("a.txt")
    wanted = upload("b.txt")
    printed = listener.output()
    assert f"buckets.{bucket_id}.files.{wanted}.create" in printed
    assert '"name": "b.txt"' in printed
    assert "a.txt" not in printed


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["listen", "files", "--endpoint", "localhost"], 2, "is not an endpoint"),
        (["listen", "files", "--since", "17"], 2, "epoch:offset"),
        (["listen", "files", "--project", "nobody"], 1, "the server refuses"),
        (["listen", "files", "--endpoint", "SERVER/elsewhere/v1"], 1, "no realtime endpoint at ws://"),
        (["listen"], 2, "Missing argument"),
        (["publish", "chat", "{"], 2, "not JSON"),
        (["publish", "chat", "{}", "--endpoint", "http://127.0.0.1:9/v1"], 1, "cannot publish"),
        (["publish", "chat", "{}", "--key", "wrong"], 1, "the server refuses"),
    ],
)
def test_mistakes_are_said_in_one_line(
    server: TidewireServer, arguments: list[str], code: int, says: str
) -> None:
    arguments = [each.replace("SERVER", server.endpoint.removesuffix("/v1")) for each in arguments]
    ended = run_apart(*arguments, TIDEWIRE_ENDPOINT=server.endpoint)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
