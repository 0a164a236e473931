"""A real Tidewire server on a fresh data directory, with all its defaults but the rate limits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.native import BUILD, Endpoint, LoadGenerator, Plan, pinned
from benchmarks.payload import BUCKET, EVENT_BYTES, FILE, padded
from benchmarks.peers import MESSAGE, SUBJECT, Case, Matching, Running, ServerFailedError, stop
from benchmarks.peers.tidewire_rows import row, set_up_cases
from benchmarks.peers.tidewire_table import set_up_rows
from benchmarks.rest_client import Rest, http_request, multipart_upload

FILES_PATH: Final = f"/v1/storage/buckets/{BUCKET}/files"
ACCOUNT: Final = {"email": "bench@example.com", "password": "correct horse battery"}
CHANNEL: Final = "bench"
METRICS_KEY: Final = "benchmarks"
READER: Final = {**ACCOUNT, "email": "reader@example.com"}
SMALL_FILE: Final = b"A small file.\n" * 73
COMMAND: Final = (sys.executable, "-m", "tidewire")


class Tidewire:
    """`tidewire serve`, of this checkout or of another place where the package lies."""

    def __init__(self, name: str = SUBJECT, packages: Path | None = None) -> None:
        self.name = name
        self.packages: Final = packages
        """A directory with another revision's package; None: the one that is installed."""

    def prepare(self) -> None:
        """Nothing: it is what this checkout is about."""

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it, with a bucket and a table that everybody may read, a user, a file and rows to update."""
        # Beside the checkout, not in a temporary directory that may be memory: commits must reach a disk.
        with (
            tempfile.TemporaryDirectory(prefix="data-", dir=BUILD) as data_dir,
            _serve(core, data_dir, _environment(self.packages)) as server,
        ):
            port, project, process = server
            key = _create_key(data_dir, project, _environment(self.packages))
            headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": key}
            requests = _set_up(Rest(port, headers), Rest(port, {"X-Appwrite-Project": project}))
            endpoint = Endpoint(port, f"/v1/realtime?project={project}", row(f"buckets.{BUCKET}.files"))
            requests["event"] = _event_request(endpoint, headers, load)
            yield Running(
                process,
                endpoint,
                replace(endpoint, row=row(f"buckets.{BUCKET}.files.file@place@"), subscriptions=10),
                requests,
                compresses=True,
                graphql=_by_graphql(port, project, f"buckets.{BUCKET}.files"),
                cases={
                    **set_up_cases(Rest(port, headers), endpoint),
                    MESSAGE: _message_case(Rest(port, headers), endpoint),
                },
                rows=cache(
                    partial(
                        set_up_rows,
                        Rest(port, headers),
                        Rest(port, {"X-Appwrite-Project": project}),
                        endpoint,
                        Path(data_dir, "projects", project),
                    )
                ),
                server=Rest(port, headers),
                secures_rows=True,
                matching=partial(_matching, Rest(port, {"Authorization": f"Bearer {METRICS_KEY}"})),
            )


def _environment(packages: Path | None) -> dict[str, str]:
    """Of the program: without rate limits, with metrics, and with the modules of the revision."""
    settings = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_METRICS_KEY": METRICS_KEY}
    return {**os.environ, **settings, **({"PYTHONPATH": str(packages)} if packages else {})}


def _by_graphql(port: int, project: str, channel: str) -> Endpoint:
    query = (
        f'subscription {{ events(channels: ["{channel}"]) {{ events channels timestamp payload offset }} }}'
    )
    message = {"type": "subscribe", "id": "@id@", "payload": {"query": query}}
    text = msgspec.json.encode(message).decode()
    return Endpoint(port, f"/v1/graphql?project={project}", text, protocol="graphql")


@contextmanager
def _serve(core: int, data_dir: str, environment: dict[str, str]) -> Iterator[tuple[int, str, int]]:
    command = [*pinned(core), *COMMAND, "serve", "--port=0", f"--data-dir={data_dir}", "--drain-seconds=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout
        try:
            printed = ""
            while not (
                ready := re.search(r"Endpoint\s+http://\S+:(\d+)/v1\s+Project\s+(\S+)[\s\S]*Data", printed)
            ):
                line = process.stdout.readline()
                if not line:
                    raise ServerFailedError(f"tidewire serve ended with {process.wait()}: {printed}")
                printed += line
            yield int(ready[1]), ready[2], process.pid
        finally:
            stop(process)


def _create_key(data_dir: str, project: str, environment: dict[str, str]) -> str:
    command = [*COMMAND, "key", "create", f"--project={project}", "--scopes=all", f"--data-dir={data_dir}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        raise ServerFailedError(f"tidewire key create: {result.stderr}")
    return result.stdout.strip()


def _message_case(server: Rest, endpoint: Endpoint) -> Case:
    """A custom channel that keeps no history, and a message of about 100 bytes on it."""
    server.call("POST", "/v1/realtime/channels", {"channelId": CHANNEL, "read": ["any"]})
    body = {"payload": {"text": "A small message.", "from": "bench", "number": 1, "tags": ["a", "b"]}}
    path = f"/v1/realtime/channels/{CHANNEL}/messages"
    request = http_request("POST", path, server.headers, body)
    return Case(replace(endpoint, row=row(f"channels.{CHANNEL}")), request)


def _matching(metrics: Rest) -> Matching:
    text = metrics.text("GET", "/metrics")

    def value(name: str) -> float:
        found = re.search(rf"^tidewire_realtime_{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])

    return Matching(
        seconds=value("matching_seconds_sum"),
        events=int(value("matching_seconds_count")),
        frames=int(value("frames_total")),
    )


def _set_up(server: Rest, guest: Rest) -> dict[str, bytes]:
    bucket = {"bucketId": BUCKET, "name": "Benchmark", "permissions": ['read("any")']}
    server.call("POST", "/v1/storage/buckets", bucket)
    # Two people: signing in again and again ends the oldest sessions of the one who does.
    for account in (ACCOUNT, READER):
        guest.call("POST", "/v1/account", {"userId": "unique()", **account})
    _, answer = guest.exchange("POST", "/v1/account/sessions/email", READER)
    cookie = answer["set-cookie"].partition(";")[0]
    return {
        "upload": multipart_upload(FILES_PATH, server.headers, SMALL_FILE),
        "session": http_request("POST", "/v1/account/sessions/email", guest.headers, ACCOUNT),
        "account": http_request("GET", "/v1/account", {**guest.headers, "Cookie": cookie}, {}),
    }


def _event_request(endpoint: Endpoint, headers: dict[str, str], load: LoadGenerator) -> bytes:
    """An update of one file whose event has EVENT_BYTES, padded by its stored permissions and its name.

    The bucket has no file security: the permissions are data in the event and decide nothing.
    """
    _send(endpoint, load, multipart_upload(FILES_PATH, headers, SMALL_FILE, FILE))
    padding = 0
    for _ in range(3):
        request = http_request("PUT", f"{FILES_PATH}/{FILE}", headers, padded(padding))
        size = _send(endpoint, load, request)
        if abs(size - EVENT_BYTES) <= EVENT_BYTES // 100:
            return request
        padding += EVENT_BYTES - size
    raise ServerFailedError(f"cannot make an event of {EVENT_BYTES} bytes: {size}")


def _send(endpoint: Endpoint, load: LoadGenerator, request: bytes) -> int:
    outcome = load.run(endpoint, Plan(subscribers=1, request=request, requests=1))
    assert outcome.requested
    return outcome.requested.event_bytes
