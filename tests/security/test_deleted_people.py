"""A person who was deleted is gone: from the log, the queues, the outbox and the bytes of every file."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import TidewireServer

SECONDS = 120
"""For what certainly happens, on a machine under load."""
PASSWORD = "a password of nobody else"


class Person:
    """Somebody with a name, an address and a number that occur nowhere else."""

    def __init__(self, server: TidewireServer) -> None:
        mark = secrets.token_hex(8)
        self.id = f"u{mark[:6]}"
        self.name, self.email = f"Name{mark}", f"mail{mark}@example.com"
        self.earlier = f"earlier{mark}@example.com"
        self.phone = f"+49151{secrets.randbelow(10**9):09d}"
        self.marks = [mark.encode(), self.phone.encode()]
        self.client = httpx.Client(
            base_url=server.endpoint, headers={"X-Appwrite-Project": server.project}, timeout=60
        )

    def live(self) -> None:
        """Leave traces of every kind."""
        call = self.call
        account = {"userId": self.id, "email": self.earlier, "password": PASSWORD, "name": self.name}
        call("POST", "/account", account)
        call("POST", "/account/sessions/email", {"email": self.earlier, "password": PASSWORD})
        call("POST", "/account/verification", {"url": "http://localhost/"})
        call("PATCH", "/account/email", {"email": self.email, "password": PASSWORD})
        call("PATCH", "/account/phone", {"phone": self.phone, "password": PASSWORD})
        call("POST", "/account/recovery", {"email": self.email, "url": "http://localhost/"})
        call("PATCH", "/account/prefs", {"prefs": {"nickname": self.name}})
        call("POST", "/teams", {"teamId": f"t{self.id}", "name": "Choir"})
        call("PUT", f"/presences/p{self.id}", {"status": "online", "metadata": {"name": self.name}})

    def call(self, method: str, path: str, body: Any = None) -> None:
        answer = self.client.request(method, path, json=body)
        assert answer.is_success, (method, path, answer.text)


@contextmanager
def person_on(server: TidewireServer) -> Iterator[Person]:
    person = Person(server)
    with person.client:
        yield person


def traces(server: TidewireServer, person: Person) -> list[str]:
    """Files of the data directory in which something of the person stands."""
    return [
        path.name
        for path in server.data_dir.rglob("*")
        if path.is_file() and any(mark in _content(path) for mark in person.marks)
    ]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def until_gone(server: TidewireServer, person: Person) -> None:
    deadline = time.monotonic() + SECONDS
    while left := traces(server, person):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def logged(program: httpx.Client, person: Person) -> list[dict[str, Any]]:
    """All events about the person, from the beginning of the log."""
    channels = [f"account.{person.id}", "memberships", "presences", f"teams.t{person.id}"]
    found = program.get("/realtime/events", params={"channels[]": channels, "since": 0}).json()
    assert found["recovered"] is True
    events: list[dict[str, Any]] = found["events"]
    return events


@pytest.mark.parametrize("how", ["by a server", "by themselves", "by the operator", "killed amid"])
def test_nothing_is_left(tmp_path: Path, how: str) -> None:
    server = TidewireServer(tmp_path / "data").start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with (
        httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program,
        ExitStack() as opened,
    ):
        gone, stays = opened.enter_context(person_on(server)), opened.enter_context(person_on(server))
        gone.live()
        stays.live()
        before = logged(program, gone)
        deadline = time.monotonic() + SECONDS
        while not list((server.data_dir / "outbox").glob("*.eml")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert traces(server, gone)
        if how == "by themselves":
            gone.call("DELETE", "/account")
        elif how == "by the operator":
            told = server.command("user", "purge", gone.id, "--project", server.project)
            assert f"The user {gone.id} was deleted" in told
            assert "There is no user" in server.command("user", "purge", gone.id)
        else:
            assert program.delete(f"/users/{gone.id}").status_code == 204
        if how == "killed amid":
            server.kill()
            server.start()
        until_gone(server, gone)
        assert traces(server, stays)

        after = logged(program, gone)
        assert [(each["offset"], each["events"]) for each in before] == [
            (each["offset"], each["events"]) for each in after[: len(before)]
        ]
        kept = {"$id", "userId", "teamId", "roles", "confirm"}
        assert not any(mark.decode() in str(after) for mark in gone.marks)
        about = [each for each in after if f"users.{gone.id}" in each["events"]]
        assert about
        assert all(each["payload"].keys() <= kept for each in about)
        if how != "by themselves":
            assert about[-1]["payload"] == {"$id": gone.id}
        others = [each for each in logged(program, stays) if f"users.{stays.id}" in each["events"]]
        assert any(stays.name in str(each["payload"]) for each in others)
        assert program.get(f"/users/{stays.id}").json()["name"] == stays.name
    assert server.stop() == 0


def test_who_subscribed_is_told_of_the_deletion(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data").start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with (
        httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program,
        person_on(server) as person,
    ):
        person.live()
        lines: list[str] = []
        connected = threading.Event()

        def listen() -> None:
            channels = {"channels[]": f"account.{person.id}"}
            with program.stream("GET", "/realtime/sse", params=channels) as stream:
                for line in stream.iter_lines():
                    connected.set()
                    if line.startswith("data:"):
                        lines.append(line)
                    if f"users.{person.id}.delete" in line:
                        return

        listener = threading.Thread(target=listen)
        listener.start()
        assert connected.wait(SECONDS)
        assert program.delete(f"/users/{person.id}").status_code == 204
        listener.join(SECONDS)
        assert not listener.is_alive()
        assert f'"payload":{{"$id":"{person.id}"}}' in lines[-1]
        assert not any(mark.decode() in lines[-1] for mark in person.marks)
    assert server.stop() == 0


@pytest.mark.parametrize("how", ["by a server", "by the operator"])
def test_who_replays_right_afterwards_gets_nothing_of_them(tmp_path: Path, how: str) -> None:
    """Events that were replayed just before are still in memory then, but not as they were."""
    server = TidewireServer(tmp_path / "data").start()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    with (
        httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as program,
        person_on(server) as person,
    ):
        person.live()
        epoch = program.get("/realtime/events", params={"channels[]": "presences"}).json()["epoch"]

        def replayed(last: str) -> str:
            channels = {"channels[]": f"account.{person.id}", "lastEventId": f"{epoch}:0"}
            deadline = time.monotonic() + SECONDS
            text = ""
            with program.stream("GET", "/realtime/sse", params=channels) as stream:
                for line in stream.iter_lines():
                    text += line
                    assert time.monotonic() < deadline, text
                    if line.startswith("data:") and last in line:
                        return text
            raise AssertionError(text)

        assert person.name in replayed(f"users.{person.id}.update.prefs")
        if how == "by the operator":
            server.command("user", "purge", person.id, "--project", server.project)
        else:
            assert program.delete(f"/users/{person.id}").status_code == 204
        until_gone(server, person)
        time.sleep(1.5)  # in which the server hears of it, and less than it keeps events for others
        after = replayed(f"users.{person.id}.delete")
        assert f"users.{person.id}.update.prefs" in after
        assert not any(mark.decode() in after for mark in person.marks)
    assert server.stop() == 0
