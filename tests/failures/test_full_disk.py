"""A disk without room: what is refused says so, and deletions go on; with room everything does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.server import TidewireServer


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def fill(disk: Path) -> None:
    """Take all the room there is, to the last byte."""
    with suppress(OSError), (disk / "another program's").open("ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            continue


def wait_for_status(client: httpx.Client, status: int, name: str) -> httpx.Response:
    """Create teams until it is answered with this status.

    The disk is looked at once a second, and what was deleted is gone after the next round of maintenance.
    """
    number, deadline = 0, time.monotonic() + 150
    while time.monotonic() < deadline:
        number += 1
        answer = client.post("/teams", json={"teamId": f"{name}{number}", "name": name})
        if answer.status_code == status:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"the last answer was {answer.status_code}: {answer.text}")


def test_a_full_disk_is_told_and_deletions_go_on(disk: Path) -> None:
    server = TidewireServer(disk / "data", ["--demo", "--drain-seconds", "0"]).start()
    try:
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
        with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as client:
            stored: list[str] = []
            while True:
                files = {"file": ("a", b"x" * 900_000)}
                data = {"fileId": f"f{len(stored)}"}
                answer = client.post("/storage/buckets/demo/files", data=data, files=files)
                if answer.status_code != 201:
                    break
                stored.append(answer.json()["$id"])
                assert len(stored) < 30
            assert (answer.status_code, answer.json()["type"]) == (507, "general_disk_full")
            fill(disk)
            refused = wait_for_status(client, 507, "refused").json()
            assert (refused["type"], refused["code"]) == ("general_disk_full", 507)
            assert "delete" in refused["message"]
            for file_id in stored:
                assert client.get(f"/storage/buckets/demo/files/{file_id}").status_code == 200
                assert client.delete(f"/storage/buckets/demo/files/{file_id}").status_code == 204
            assert client.get("/storage/buckets/demo/files").json()["total"] == 0
            (disk / "another program's").unlink()
            wait_for_status(client, 201, "stored")
    finally:
        server.stop()


def test_a_start_on_a_full_disk_says_so(disk: Path) -> None:
    fill(disk)
    command = [sys.executable, "-m", "tidewire", "serve", "--port", "0", "--data-dir", str(disk / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tidewire: cannot use the data directory")
    assert "No space left" in last or "full" in last
    assert "Traceback" not in done.stderr


def test_a_restart_on_a_full_disk_serves_deletions_or_says_so(disk: Path) -> None:
    server = TidewireServer(disk / "data", ["--drain-seconds", "0"]).start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    assert httpx.post(
        f"{server.endpoint}/teams", headers=headers, json={"teamId": "t", "name": "t"}
    ).is_success
    server.kill()
    fill(disk)
    server.start()  # in the reserve, which it gives up
    try:
        refused = httpx.post(f"{server.endpoint}/teams", headers=headers, json={"teamId": "u", "name": "u"})
        assert refused.json()["type"] == "general_disk_full"
        assert httpx.delete(f"{server.endpoint}/teams/t", headers=headers).status_code == 204
    finally:
        server.stop()
