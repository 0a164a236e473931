"""Functions that events and the clock run."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.services.functions.project import SECONDS, FunctionsProject, eventually
from tests.services.world import World
from tests.support.server import TidewireServer
from tidewire.app import open_application
from tidewire.core.events import LoggedEvent
from tidewire.core.schedules import InvalidScheduleError, next_time
from tidewire.core.time import format_datetime, now, parse_datetime
from tidewire.executions.schedules import run_scheduled
from tidewire.services.publishing import project_event
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.records import executions, functions

ECHO_EVENT = """
import json

def main(context):
    context.log(json.dumps([context.req.headers.get("x-appwrite-event"), context.req.body_json["$id"],
                            context.req.headers.get("x-appwrite-user-jwt")]))
    return context.res.empty()
"""


def test_an_event_runs_a_function_once(project: FunctionsProject) -> None:
    project.post("/users", userId="before", email="before@example.com", password="correct horse battery")
    function_id = project.deployed(ECHO_EVENT, events=["users.*.create"])
    for name in ("trigger-a", "trigger-b"):
        project.post("/users", userId=name, email=f"{name}@example.com", password="correct horse battery")
    project.request("PATCH", "/users/trigger-a/name", json={"name": "Not for it"})
    found = eventually(
        lambda: project.executions(function_id),
        lambda found: len(found) >= 2 and all(each["status"] == "completed" for each in found),
    )
    assert [each["trigger"] for each in found] == ["event", "event"]
    told = [json.loads(each["logs"].strip()) for each in found]
    assert told == [[f"users.{name}.create", name, ""] for name in ("trigger-a", "trigger-b")]
    assert all(each["$permissions"] == [] for each in found)
    time.sleep(0.3)
    assert len(project.executions(function_id)) == 2


def test_events_that_came_before_a_kill_run_functions_after_it(
    functions_server: TidewireServer, project: FunctionsProject
) -> None:
    function_id = project.deployed(ECHO_EVENT, events=["teams.*.create"])
    project.post("/teams", teamId="killed", name="Killed")
    functions_server.kill()
    functions_server.start()
    found = eventually(
        lambda: project.executions(function_id),
        lambda found: bool(found) and all(each["status"] == "completed" for each in found),
    )
    assert len(found) == 1


def test_only_events_since_a_function_can_run_run_it(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--synchronous", "normal"]).start()
    try:
        with FunctionsProject.of(server) as project:  # in which no other function moves on through the log

            def run_by(team_id: str) -> list[str]:
                project.post("/teams", teamId=team_id, name="Team")
                found = eventually(
                    lambda: project.executions(function_id),
                    lambda found: bool(found) and all(each["status"] == "completed" for each in found),
                )
                for each in found:
                    project.request("DELETE", f"/functions/{function_id}/executions/{each['$id']}", 204)
                return [json.loads(each["logs"])[1] for each in found]

            settings = {"name": "Function", "events": ["teams.*.create"]}
            function_id = project.function(events=settings["events"])["$id"]
            path = f"/functions/{function_id}"
            project.post("/teams", teamId="before", name="Before it was deployed")
            deployment_id = project.built(function_id, project.upload(function_id, ECHO_EVENT)["$id"])["$id"]
            assert run_by("first") == ["first"]
            project.request("PUT", path, json={**settings, "enabled": False})
            project.post("/teams", teamId="off", name="While it was off")
            project.request("PUT", path, json={**settings, "enabled": True})
            assert run_by("second") == ["second"]
            project.request("DELETE", f"{path}/deployments/{deployment_id}", 204)
            project.post("/teams", teamId="gone", name="While it had no code")
            project.built(function_id, project.upload(function_id, ECHO_EVENT)["$id"])
            assert run_by("third") == ["third"]
    finally:
        server.stop()


def test_what_cannot_be_read_holds_up_nothing_behind_it(project: FunctionsProject) -> None:
    """As by an older version of the server: a function with a specification that this one does not know."""
    broken = project.deployed(ECHO_EVENT, events=["teams.*.create"])
    sound = project.deployed(ECHO_EVENT, events=["teams.*.create"])
    path = project.server.data_dir / "projects" / project.server.project / "database.sqlite3"
    with closing(sqlite3.connect(path)) as others, others:
        others.execute(
            "UPDATE functions SET runtime_specification = 'of-another-version' WHERE id = ?", [broken]
        )
    project.post("/teams", teamId="behind", name="Behind")
    for function_id, status in ((broken, "failed"), (sound, "completed")):
        found = eventually(
            partial(project.executions, function_id),
            lambda found: bool(found) and found[0]["status"] in {"completed", "failed"},
        )
        assert [each["status"] for each in found] == [status]
    assert "the server's log says why" in project.executions(broken)[0]["errors"]


@pytest.mark.parametrize("damage", ["'of-another-key'", "''", "'{}'"])
def test_a_request_that_cannot_be_opened_holds_up_nothing_behind_it(
    project: FunctionsProject, damage: str
) -> None:
    """As after a restore with another key, or damage: it fails alone."""
    function_id = project.deployed(ECHO_EVENT)
    later = format_datetime((now() // 60_000 + 5) * 60_000)
    body = json.dumps({"$id": "x"})
    broken = project.execute(function_id, 202, **{"async": True, "scheduledAt": later, "body": body})["$id"]
    path = project.server.data_dir / "projects" / project.server.project / "database.sqlite3"
    with closing(sqlite3.connect(path)) as others, others:
        others.execute(f"UPDATE execution_jobs SET due_at = 1, request = {damage}")
    sound = project.execute(function_id, 202, **{"async": True, "body": body})["$id"]
    assert project.ended(function_id, sound)["status"] == "completed"
    failed = project.ended(function_id, broken)
    assert (failed["status"], failed["responseStatusCode"]) == ("failed", 0)
    assert "the server's log says why" in failed["errors"]


def test_a_function_that_is_switched_off_is_run_by_no_event(project: FunctionsProject) -> None:
    off = project.deployed(ECHO_EVENT, events=["teams.*.create"], enabled=False)
    on = project.deployed(ECHO_EVENT, events=["teams.*.create"])
    project.post("/teams", teamId="seen", name="Seen")
    eventually(lambda: project.executions(on), bool)
    assert project.executions(off) == []


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/5 * * * *", "2026-03-01T10:02:00Z", "2026-03-01T10:05:00Z"),
        ("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T02:30:00Z"),  # a gap in some summer times
        ("30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"),
        ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 9 * * 1-5", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"),
    ],
)
def test_schedules_are_in_utc(schedule: str, after: str, expected: str) -> None:
    assert next_time(schedule, parse_datetime(after)) == parse_datetime(expected)


@pytest.mark.parametrize("schedule", ["", "* * * *", "0 0 31 2 *", "@daily", "* * * * * *", "a b c d e"])
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(InvalidScheduleError):
        next_time(schedule, now())


async def test_a_schedule_runs_a_function_once_however_often_it_was_missed(world: World) -> None:
    store = await world.instance.project("p1")
    assert store is not None
    missed = now() - 3600_000

    def make(transaction: Transaction) -> None:
        functions.insert_function(
            transaction.connection,
            {
                "id": "clock",
                "created_at": missed,
                "updated_at": missed,
                "schedule": "* * * * *",
                "deployment_id": "d1",
                "schedule_next_at": missed,
            },
        )

    await world.database.write(make)
    await run_scheduled(store)
    await run_scheduled(store)

    def read(connection: Connection) -> tuple[list[str], int, int]:
        row = functions.function_row(connection, "clock")
        assert row is not None
        _, found = executions.list_executions(connection, row.sequence, None, [], total=False)
        return [each.trigger for each in found], row.schedule_next_at, row.schedule_previous_at

    triggers, next_at, previous_at = await world.database.read(read)
    assert triggers == ["schedule"]
    assert next_at > now(), format_datetime(next_at)
    assert previous_at == missed
    patterns = [event.pattern for event in await world.events()]
    assert patterns[-1] == "functions.[functionId].executions.[executionId].create"
    assert (await world.last_event()).roles == []


async def test_what_has_a_place_is_put_in_line_and_begun_in_one_commit(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), synchronous="normal", functions_tell_begin=True)
    async with open_application(settings) as application:
        store = await application.instance.project("default")
        assert store is not None
        commits: list[list[str]] = []
        ended = asyncio.Event()

        def hear(events: Sequence[LoggedEvent]) -> None:
            told = [each.event for each in events if ".executions." in each.event.pattern]
            commits.append([json.loads(event.payload)["status"] for event in told])
            if "failed" in commits[-1]:
                ended.set()

        def make(transaction: Transaction) -> None:
            values = {"created_at": now(), "updated_at": now(), "deployment_id": "gone"}
            functions.insert_function(
                transaction.connection, {"id": "f1", "events": ["teams.*.create"], **values}
            )
            parameters = {"teamId": "t1"}
            payload = {"$id": "t1"}
            transaction.append(project_event(store.project, "", "teams.[teamId].create", parameters, payload))

        leave = store.database.listen(hear)
        await store.database.write(make)
        async with asyncio.timeout(SECONDS):
            await ended.wait()
        leave()
        assert [each for each in commits if each] == [["waiting", "processing"], ["failed"]]
