"""Functions while all processes of a server are killed: ``make chaos ARGS="--functions 20"``.

Executions are asked for in all ways (at once, asynchronously, by events, by the clock) and deployments are
built, while ``kill -9`` hits the server at random moments. In the end whatever was acknowledged must be done,
and each event and each time of the clock must have run its function in one execution.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
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
TICK: Final = """
import time

def main(context):
    time.sleep(0.05)
    return context.res.text("tick")
"""
YEARLY: Final = "0 0 1 1 *"
"""A schedule whose times the test makes come."""
KILLS: Final = 2
"""In one round: fewer than an execution or a build is begun at most. Then all that is asked for ends."""
SECONDS: Final = (0.3, 0.8)
"""From a start to a kill."""
PAUSE_SECONDS: Final = 0.05
"""Between two requests for each kind of execution: what is asked for shall not take long to be done."""


@dataclass
class FunctionsOutcome:
    """What was acknowledged, and what of it is wrong in the end."""

    kills: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    """How many of each kind."""
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost or done twice."""
        return not self.problems


class Traffic:
    """Asks for executions in all ways, one after the other, and keeps what was acknowledged."""

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
            time.sleep(PAUSE_SECONDS)

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


class Clock:
    """A function whose times come when the test says so, as the database of its project has it."""

    def __init__(self, server: TidewireServer, function_id: str) -> None:
        self.function_id = function_id
        self.times = 0
        """How often its time has come."""
        self._database = server.data_dir / "projects" / server.project / "database.sqlite3"

    def strike(self) -> None:
        """Its time comes, once the one before is noted as past."""
        eventually(self._next_at, lambda found: found > time.time() * 1000)
        with closing(sqlite3.connect(self._database, timeout=30)) as others, others:
            others.execute("UPDATE functions SET schedule_next_at = 1 WHERE id = ?", [self.function_id])
        self.times += 1

    def _next_at(self) -> int:
        with closing(sqlite3.connect(self._database, timeout=30)) as others:
            found = others.execute(
                "SELECT schedule_next_at FROM functions WHERE id = ?", [self.function_id]
            ).fetchone()
        return int(found[0])


class FunctionsChaos:
    """One run: ``rounds`` times some kills, then rest until all that was asked for has ended."""

    def __init__(
        self, directory: Path, rounds: int, seed: int, show: Callable[[str, int, int], None]
    ) -> None:
        environment = {"TIDEWIRE_RATE_LIMITS": "off"}
        arguments = ["--workers", "2", "--drain-seconds", "0.2"]
        self._server = TidewireServer(directory / "data", arguments, environment)
        self._rounds = rounds
        self._random = random.Random(seed)
        self._show = show
        self._outcome = FunctionsOutcome()
        self._built: list[tuple[str, str]] = []

    def run(self) -> FunctionsOutcome:
        """Carry it out, and judge."""
        self._server.start()
        try:
            self._run()
        finally:
            self._server.stop()
        return self._outcome

    def _run(self) -> None:
        key = self._server.create_key()
        with FunctionsProject.of(self._server, key) as project:
            noting = project.deployed(NOTES, events=["teams.*.create"])
            clock = Clock(self._server, project.deployed(TICK, schedule=YEARLY))
        traffic = Traffic(self._server, key, noting)
        try:
            for number in range(self._rounds):
                self._show("killing", number, self._rounds)
                for _ in range(KILLS):
                    self._kill(key, clock)
                with FunctionsProject.of(self._server, key) as project:
                    self._judge_builds(project)
        finally:
            traffic.end()
        self._show("killing", self._rounds, self._rounds)
        with FunctionsProject.of(self._server, key) as project:
            self._judge(project, noting, traffic)
            self._judge_clock(project, clock)

    def _kill(self, key: str, clock: Clock) -> None:
        with FunctionsProject.of(self._server, key) as project:
            function_id = project.function()["$id"]
            deployment = project.upload(function_id, NOTES, commands="sleep 0.7")
            self._built.append((function_id, deployment["$id"]))
        time.sleep(self._random.uniform(*SECONDS))
        clock.strike()
        time.sleep(self._random.uniform(0, 0.2))
        self._server.kill_all()
        self._outcome.kills += 1
        self._server.start()

    def _judge_builds(self, project: FunctionsProject) -> None:
        for function_id, deployment_id in self._built:
            status = project.built(function_id, deployment_id)["status"]
            self._outcome.acknowledged["builds"] += 1
            self._expect(status == "ready", f"deployment {deployment_id} is {status}")
        self._built.clear()

    def _judge(self, project: FunctionsProject, function_id: str, traffic: Traffic) -> None:
        noted = set(traffic.events)
        found = eventually(
            lambda: all_executions(project, function_id),
            lambda found: _ended(found) and noted <= {each["logs"].strip() for each in found},
        )
        states = {each["$id"]: each["status"] for each in found}
        for execution_id in traffic.later + traffic.at_once:
            status = states.get(execution_id, "lost")
            self._expect(status == "completed", f"execution {execution_id} is {status}")
        once = Counter(each["logs"].strip() for each in found if each["trigger"] == "event")
        for name, count in once.items():
            self._expect(count == 1, f"the event of {name} has {count} executions")
        kinds = {"events": traffic.events, "later": traffic.later, "at once": traffic.at_once}
        self._outcome.acknowledged.update({kind: len(of_kind) for kind, of_kind in kinds.items()})

    def _judge_clock(self, project: FunctionsProject, clock: Clock) -> None:
        found = eventually(
            lambda: all_executions(project, clock.function_id),
            lambda found: _ended(found) and len(found) >= clock.times,
        )
        states = Counter(each["status"] for each in found)
        self._expect(
            states == {"completed": clock.times}, f"{clock.times} times of the clock: {dict(states)}"
        )
        self._outcome.acknowledged["by the clock"] = clock.times

    def _expect(self, sound: bool, problem: str) -> None:
        if not sound:
            self._outcome.problems.append(problem)


def all_executions(project: FunctionsProject, function_id: str) -> list[dict[str, Any]]:
    """All of a function, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        queries = [{"method": "limit", "values": [100]}, {"method": "offset", "values": [len(found)]}]
        page = project.executions(function_id, **{"queries[]": [json.dumps(each) for each in queries]})
        found += page
        if len(page) < 100:
            return found


def _ended(found: list[dict[str, Any]]) -> bool:
    return all(each["status"] in {"completed", "failed"} for each in found)
