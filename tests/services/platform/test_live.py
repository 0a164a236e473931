"""What people of the console see live of their projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.responses import checked_client
from tests.support.server import TidewireServer

PERSON = {"userId": "root", "email": "root@example.com", "password": "password of root", "name": "Root"}
NOT_SENT = 0.5
"""Seconds in which an event would have arrived."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A fresh instance."""
    running = TidewireServer(tmp_path_factory.mktemp("console") / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cookie(server: TidewireServer) -> str:
    """The session of the first person, who owns the organisation ``team`` with the project ``mine``."""
    headers = {"x-appwrite-project": "console"}
    with checked_client(base_url=server.endpoint, headers=headers, timeout=20) as console:
        console.post("/account", json=PERSON)
        session = console.post("/account/sessions/email", json=PERSON)
        cookie = f"a_session_console={session.cookies['a_session_console']}"
        assert console.post("/teams", json={"teamId": "team", "name": "Team"}).status_code == 201
        body = {"projectId": "mine", "name": "Mine", "teamId": "team"}
        assert console.post("/projects", json=body).status_code == 201
    return cookie


@contextmanager
def listen(server: TidewireServer, cookie: str, *channels: str) -> Iterator[ClientConnection]:
    """A connection of the console to these channels."""
    wanted = "&".join(f"channels[]={channel}" for channel in channels)
    headers = {"cookie": cookie} if cookie else {}
    with connect(f"{server.realtime}?project=console&{wanted}", additional_headers=headers) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "connected"
        yield socket


def next_event(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=10))
    assert message["type"] == "event", message
    event: dict[str, Any] = message["data"]
    return event


def test_pings_and_policies(server: TidewireServer, cookie: str) -> None:
    with (
        listen(server, cookie, "console") as owner,
        listen(server, "", "console", "projects.mine") as guest,
        checked_client(base_url=server.endpoint, headers={"x-appwrite-project": "mine"}, timeout=20) as page,
    ):
        assert page.get("/ping").status_code == 200
        event = next_event(owner)
        assert event["events"][0] == "projects.mine.ping"
        assert (event["payload"]["$id"], event["payload"]["pingCount"]) == ("mine", 1)
        assert page.get("/ping").status_code == 200  # of which nobody is told
        admin = {"cookie": cookie, "x-appwrite-mode": "admin"}
        sent = {"enabled": True}
        assert page.patch("/project/policies/session-alert", json=sent, headers=admin).status_code == 200
        assert next_event(owner)["events"][0] == "projects.mine.policies.session-alert.update"
        with pytest.raises(TimeoutError):
            guest.recv(timeout=NOT_SENT)
