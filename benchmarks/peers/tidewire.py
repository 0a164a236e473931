"""A real Tidewire server on a fresh data directory, with all its defaults but the rate limits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.native import BUILD, LoadGenerator, Plan, pinned
from benchmarks.peers import EVENT_BYTES, SUBJECT, Running, ServerFailedError, stop
from benchmarks.rest_client import Rest, http_request, multipart_upload

BUCKET: Final = "bench"
FILE: Final = "padded"
FILES_PATH: Final = f"/v1/storage/buckets/{BUCKET}/files"
ACCOUNT: Final = {"email": "bench@example.com", "password": "correct horse battery"}
READER: Final = {**ACCOUNT, "email": "reader@example.com"}
SMALL_FILE: Final = b"A small file.\n" * 73
COMMAND: Final = (sys.executable, "-m", "tidewire")


class Tidewire:
    """`tidewire serve`."""

    name = SUBJECT

    @contextmanager
    def start(self, core: int, load: LoadGenerator) -> Iterator[Running]:
        """Start it, with a bucket that everybody may read, a user, and a file to upload and update."""
        # Beside the checkout, not in a temporary directory that may be memory: commits must reach a disk.
        with (
            tempfile.TemporaryDirectory(prefix="data-", dir=BUILD) as data_dir,
            _serve(core, data_dir) as server,
        ):
            port, project, process = server
            headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": _create_key(data_dir, project)}
            requests = _set_up(Rest(port, headers), Rest(port, {"X-Appwrite-Project": project}))
            running = Running(
                port, process, f"/v1/realtime?project={project}", f"buckets.{BUCKET}.files", requests
            )
            requests["event"] = _event_request(running, headers, load)
            yield running


@contextmanager
def _serve(core: int, data_dir: str) -> Iterator[tuple[int, str, int]]:
    command = [*pinned(core), *COMMAND, "serve", "--port=0", f"--data-dir={data_dir}", "--drain-seconds=0"]
    environment = {**os.environ, "TIDEWIRE_RATE_LIMITS": "off"}
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


def _create_key(data_dir: str, project: str) -> str:
    command = [*COMMAND, "key", "create", f"--project={project}", "--scopes=all", f"--data-dir={data_dir}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ServerFailedError(f"tidewire key create: {result.stderr}")
    return result.stdout.strip()


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


def _event_request(running: Running, headers: dict[str, str], load: LoadGenerator) -> bytes:
    """An update of one file whose event has EVENT_BYTES, padded by its stored permissions and its name."""
    _send(running, load, multipart_upload(FILES_PATH, headers, SMALL_FILE, FILE))
    padding = 0
    for _ in range(3):
        request = http_request("PUT", f"{FILES_PATH}/{FILE}", headers, _padded(padding))
        size = _send(running, load, request)
        if abs(size - EVENT_BYTES) <= EVENT_BYTES // 100:
            return request
        padding += EVENT_BYTES - size
    raise ServerFailedError(f"cannot make an event of {EVENT_BYTES} bytes: {size}")


def _padded(size: int) -> dict[str, object]:
    """The body of an update that makes its event longer by about `size` bytes.

    The bucket has no file security: the permissions are data in the event and decide nothing.
    """
    entry = len(_permission(0)) + len(""""\\\\",""")
    permissions = [_permission(number) for number in range(max(0, size) // entry)]
    return {"name": "n" * (1 + max(0, size) % entry), "permissions": permissions}


def _permission(number: int) -> str:
    # Few long entries rather than many short ones: each is a row that the update must write.
    return f'update("user:{number:036}/unverified")'


def _send(running: Running, load: LoadGenerator, request: bytes) -> int:
    plan = Plan(subscribers=1, request=request, requests=1)
    outcome = load.run(running.port, running.realtime_path, running.channel, plan)
    assert outcome.requested
    return outcome.requested.event_bytes
