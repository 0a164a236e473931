"""Many projects in one instance, each used once: they sleep, hold next to nothing, and wake when asked."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from tests.support.server import TidewireServer

PROJECTS = 60
WAIT_SECONDS = 120
THREADS, DESCRIPTORS = 64, 100
"""What the process may hold while all projects sleep; those that are open hold three descriptors each."""


def test_many_projects_sleep_and_wake(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0"])
    server.environment |= {"TIDEWIRE_CONSOLE_SIGNUP": "open", "TIDEWIRE_DATABASE_IDLE_SECONDS": "1"}
    server.start()
    assert server.process
    process = Path(f"/proc/{server.process.pid}")
    headers = {"X-Appwrite-Project": "console"}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as client:
        account = {"email": "ada@example.com", "password": "correct horse battery"}
        assert client.post("/account", json={"userId": "unique()", **account}).status_code == 201
        assert client.post("/account/sessions/email", json=account).status_code == 201
        assert client.post("/teams", json={"teamId": "t", "name": "Team"}).status_code == 201
        projects = [f"p{number}" for number in range(PROJECTS)]
        for project in projects:
            made = client.post("/projects", json={"projectId": project, "name": project, "teamId": "t"})
            assert made.status_code == 201, made.text
            as_admin = {"X-Appwrite-Project": project, "X-Appwrite-Mode": "admin"}
            user = {"userId": project, "email": f"{project}@example.com"}
            assert client.post("/users", json=user, headers=as_admin).status_code == 201
        deadline = time.monotonic() + WAIT_SECONDS
        while len(list((process / "fd").iterdir())) > DESCRIPTORS:
            assert time.monotonic() < deadline, "they do not sleep"
            time.sleep(0.2)
        assert len(list((process / "task").iterdir())) <= THREADS
        for project in projects:
            as_admin = {"X-Appwrite-Project": project, "X-Appwrite-Mode": "admin"}
            listed = client.get("/users", headers=as_admin).json()
            assert [each["$id"] for each in listed["users"]] == [project]
    assert server.stop() == 0
