"""``kill -9`` between a change in the instance's database and its event in the project's: it comes, once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import TidewireServer

SECONDS = 120
"""For what certainly happens, on a machine under load."""

CHANGES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "key": (
        "PUT",
        "/project/keys/{key}",
        {"name": "Changed", "scopes": []},
        "SELECT count(*) FROM keys WHERE name = 'Changed'",
    ),
    "platform": (
        "POST",
        "/project/platforms/web",
        {"platformId": "p", "name": "P", "hostname": "example.com"},
        "SELECT count(*) FROM platforms WHERE id = 'p'",
    ),
    "switch": (
        "PATCH",
        "/project/services/locale",
        {"enabled": False},
        "SELECT count(*) FROM projects WHERE settings LIKE '%\"locale\"%'",
    ),
    "mock phone": (
        "POST",
        "/project/mock-phones",
        {"number": "+4915112345678", "otp": "123456"},
        "SELECT count(*) FROM projects WHERE settings LIKE '%15112345678%'",
    ),
}
PATTERNS = {
    "key": "keys.[keyId].update",
    "platform": "platforms.[platformId].create",
    "switch": "services.[serviceId].update",
    "mock phone": "mock-phones.[number].create",
}


def path_of(server: TidewireServer, project: str) -> Path:
    return server.data_dir / "projects" / project / "database.sqlite3"


def count(path: Path, question: str) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found: int = connection.execute(question).fetchone()[0]
        return found


def events(server: TidewireServer, what: str) -> int:
    question = f"SELECT count(*) FROM event_log WHERE pattern = '{PATTERNS[what]}'"
    return count(path_of(server, server.project), question)


def request_of(server: TidewireServer, what: str) -> threading.Thread:
    """A change, whose answer may never come."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    # The project's database is made when it is first needed.
    httpx.get(f"{server.endpoint}/tablesdb", headers=headers, timeout=60).raise_for_status()
    method, path, body, _ = CHANGES[what]
    with closing(sqlite3.connect(path_of(server, "console"))) as connection:
        url = server.endpoint + path.format(key=connection.execute("SELECT id FROM keys").fetchone()[0])

    def change() -> None:
        try:
            httpx.request(method, url, json=body, headers=headers, timeout=60)
        except httpx.TransportError:
            return

    return threading.Thread(target=change)


def until(path: Path, question: str, expected: int = 1) -> None:
    """Wait until the answer to a question is this one."""
    deadline = time.monotonic() + SECONDS
    while count(path, question) != expected:
        assert time.monotonic() < deadline, question
        time.sleep(0.005)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else writes to this database meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("what", CHANGES)
def test_an_event_is_not_lost_between_the_databases(tmp_path: Path, what: str) -> None:
    server = TidewireServer(tmp_path / "data").start()
    platform, project = path_of(server, "console"), path_of(server, server.project)
    request = request_of(server, what)
    with locked(project):
        request.start()
        until(platform, CHANGES[what][3])
        server.kill()
    request.join()
    assert events(server, what) == 0
    server.start()
    until(platform, "SELECT count(*) FROM pending_events", 0)
    assert events(server, what) == 1
    server.kill()
    server.start()
    assert server.stop() == 0
    assert events(server, what) == 1


def test_an_event_is_not_told_twice_if_it_could_not_be_forgotten(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data").start()
    platform, project = path_of(server, "console"), path_of(server, server.project)
    request = request_of(server, "platform")
    with ExitStack() as of_platform:
        with locked(project):
            request.start()
            until(platform, CHANGES["platform"][3])
            of_platform.enter_context(locked(platform))
        until(project, f"SELECT count(*) FROM event_log WHERE pattern = '{PATTERNS['platform']}'")
        server.kill()
    request.join()
    assert count(platform, "SELECT count(*) FROM pending_events") == 1
    server.start()
    until(platform, "SELECT count(*) FROM pending_events", 0)
    assert events(server, "platform") == 1
    # What comes later is told as ever.
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    body = {"platformId": "q", "name": "Q", "hostname": "example.org"}
    created = httpx.post(f"{server.endpoint}/project/platforms/web", json=body, headers=headers)
    assert created.status_code == 201
    assert events(server, "platform") == 2
    assert server.stop() == 0
