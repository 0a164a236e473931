"""``kill -9`` of all processes of a server amid builds and runs of functions, again and again."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from tests.services.functions.project import FunctionsProject, eventually
from tests.support.server import TidewireServer

NOTES: Final = """
import time

def main(context):
    time.sleep(0.01)
    context.log(context.req.body_json["$id"])
    return context.res.empty()
"""
"""Logs the id of what it is sent."""
KILLS: Final = 2
"""Fewer than an execution or a build is begun at most."""
SECONDS: Final = 0.5
"""From a start to a kill."""

PAUSE_SECONDS: Final = 0.05
"""Between two rounds of requests: what is asked for shall not take long to be done."""


class Traffic:
    """Asks for runs in all ways, one after the other, and keeps what was acknowledged."""

    def __init__(self, server: TidewireServer, key: str, function_id: str) -> None:
        self.events: list[str] = []
        """Teams that were created, each of which runs the function."""
        self.later: list[str] = []
        """Asynchronous executions."""
        self.at_once: list[str] = []
        self._server = server
        self._headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
        self._path = f"/functions/{function_id}/executions"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        """Ask no more."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ending.is_set():
            with suppress(httpx.TransportError), self._client() as http:
                while not self._ending.is_set():
                    number += 1
                    self._ask(http, number)
                    time.sleep(PAUSE_SECONDS)
            time.sleep(0.05)

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._server.endpoint, headers=self._headers, timeout=30)

    def _ask(self, http: httpx.Client, number: int) -> None:
        name = f"team-{number}"
        if http.post("/teams", json={"teamId": name, "name": name}).status_code == 201:
            self.events.append(name)
        body = json.dumps({"$id": f"run-{number}"})
        answer = http.post(self._path, json={"body": body, "async": number % 3 > 0})
        if answer.status_code in {201, 202}:
            (self.at_once if answer.status_code == 201 else self.later).append(answer.json()["$id"])


def all_executions(project: FunctionsProject, function_id: str) -> list[dict[str, Any]]:
    """All of a function, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        queries = [{"method": "limit", "values": [100]}, {"method": "offset", "values": [len(found)]}]
        page = project.executions(function_id, **{"queries[]": [json.dumps(each) for each in queries]})
        found += page
        if len(page) < 100:
            return found


def test_what_was_acknowledged_is_done_when_the_server_is_killed(tmp_path: Path) -> None:
    server = TidewireServer(
        tmp_path / "data", ["--workers", "2", "--drain-seconds", "0.2"], {"TIDEWIRE_RATE_LIMITS": "off"}
    )
    server.start()
    try:
        key = server.create_key()
        with FunctionsProject.of(server, key) as project:
            function_id = project.deployed(NOTES, events=["teams.*.create"])
        traffic = Traffic(server, key, function_id)
        built: list[tuple[str, str]] = []
        try:
            for _ in range(KILLS):
                with FunctionsProject.of(server, key) as project:
                    other = project.function()["$id"]
                    built.append((other, project.upload(other, NOTES, commands="sleep 0.7")["$id"]))
                time.sleep(SECONDS)
                server.kill_all()
                server.start()
        finally:
            traffic.end()
        with FunctionsProject.of(server, key) as project:
            for other, deployment in built:
                assert project.built(other, deployment)["status"] == "ready"
            noted = set(traffic.events)
            found = eventually(
                lambda: all_executions(project, function_id),
                lambda found: (
                    all(each["status"] in {"completed", "failed"} for each in found)
                    and noted <= {each["logs"].strip() for each in found}
                ),
            )
        states = {each["$id"]: each["status"] for each in found}
        assert traffic.events
        assert traffic.later
        assert {states.get(each) for each in traffic.later + traffic.at_once} == {"completed"}
        once = [each["logs"].strip() for each in found if each["trigger"] == "event"]
        assert len(once) == len(set(once))  # an event runs a function in one execution
    finally:
        server.stop()
