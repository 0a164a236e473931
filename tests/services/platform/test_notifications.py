"""Notifications of people of the console."""

from __future__ import annotations

import httpx
import pytest

from tests.services.platform.people import Person, Program, join, sign_up
from tests.support.api import ApiServer
from tidewire.store.records.notifications import notify
from tidewire.store.records.rows import count_rows
from tidewire.store.records.teams import people_of_project
from tidewire.store.schema import notifications


def told(api: ApiServer, project: str, *people: Person, title: str = "Paused") -> None:
    """Notify people of something about a project."""
    ids = [person.user_id for person in people]

    async def work() -> None:
        await api.instance.database.write(
            lambda transaction: notify(transaction.connection, ids, project, "warning", title, "<b>Body</b>")
        )

    api.run(work)


def test_each_reads_and_marks_their_own(api: ApiServer, project: str) -> None:
    ada, eve = sign_up(api), sign_up(api)
    assert ada.done("GET", "/notifications") == {"total": 0, "notifications": []}
    told(api, project, ada, eve)
    told(api, project, ada, title="Again")
    listed = ada.done("GET", "/notifications")
    assert listed["total"] == 2
    first = listed["notifications"][0]
    expected = {
        "type": "warning",
        "channel": "console",
        "resourceType": "users",
        "resourceId": ada.user_id,
        "parentResourceType": "projects",
        "parentResourceId": project,
        "projectId": project,
        "title": "Paused",
        "body": "<b>Body</b>",
        "read": False,
        "firstSeen": None,
        "lastSeen": None,
    }
    assert {name: first[name] for name in expected} == expected
    (hers,) = eve.done("GET", "/notifications")["notifications"]
    assert hers["messageId"] == first["messageId"]
    path = f"/notifications/{first['$id']}"
    read = ada.done("PATCH", path, {"read": True})
    assert read["read"] is True
    assert read["firstSeen"] == read["lastSeen"] != None  # noqa: E711 - a chain
    unread = ada.done("PATCH", path, {"read": False})
    assert (unread["read"], unread["firstSeen"]) == (False, read["firstSeen"])
    ada.done("PATCH", path, {"read": True})
    asked = '/notifications?queries[]={"method":"equal","attribute":"read","values":[true]}'
    assert [each["$id"] for each in ada.done("GET", asked)["notifications"]] == [first["$id"]]
    assert eve.done("GET", asked)["total"] == 0
    cursor = f'/notifications?queries[]={{"method":"cursorAfter","values":["{first["$id"]}"]}}'
    assert [each["title"] for each in ada.done("GET", cursor)["notifications"]] == ["Again"]
    # Nobody learns of another's by cursors, nor changes them.
    assert eve.refused("GET", cursor) == "general_cursor_not_found"
    assert eve.refused("PATCH", path, {"read": False}) == "user_unauthorized"
    assert ada.refused("PATCH", "/notifications/nothing", {"read": True}) == "document_not_found"
    assert ada.refused("PATCH", path, {}) == "general_argument_invalid"
    assert ada.refused("PATCH", path, {"read": "maybe"}) == "general_argument_invalid"


def test_nobody_else_is_notified(api: ApiServer, person: Person, project: str, admin: Program) -> None:
    guest = Program(api, {"x-appwrite-project": "console"})
    assert guest.refused("GET", "/notifications") == "general_unauthorized_scope"
    assert sign_up(api, project).refused("GET", "/notifications") == "user_unauthorized"
    assert (
        person.key(project, "project.read").refused("GET", "/notifications") == "general_unauthorized_scope"
    )
    assert admin.call("GET", "/notifications").status_code == 401


def test_notifications_go_with_project_and_person(api: ApiServer, person: Person) -> None:
    project = person.project()
    ada = sign_up(api)
    told(api, project, ada, person)
    before = person.done("GET", "/notifications")["total"]
    person.done("DELETE", f"/projects/{project}")
    assert ada.done("GET", "/notifications")["total"] == 0
    assert person.done("GET", "/notifications")["total"] == before - 1
    told(api, person.project(), ada)
    ada.done("DELETE", "/account")

    async def left() -> int:
        return await api.instance.database.read(
            lambda connection: count_rows(connection, notifications, user_id=ada.user_id)
        )

    assert api.run(left) == 0


def test_who_looks_after_a_project(api: ApiServer, person: Person) -> None:
    team = person.team()
    project, other = person.project(team), person.project(team)
    people = {name: sign_up(api) for name in ("developer", "admin", "single", "elsewhere", "invited")}
    join(api, people["developer"], team, "developer")
    join(api, people["admin"], team, "admin")
    join(api, people["single"], team, f"project-{project}-developer")
    join(api, people["elsewhere"], team, f"project-{other}-owner")
    join(api, people["invited"], team, "owner", confirmed=False)

    async def found() -> list[str]:
        return await api.instance.database.read(
            lambda connection: [row.id for row in people_of_project(connection, team, project)]
        )

    assert api.run(found) == [person.user_id, people["developer"].user_id, people["single"].user_id]


@pytest.mark.parametrize("query", ["", "?theme=dark", "?theme=LIGHT&jwt=nonsense"])
def test_the_mark_of_the_server(api: ApiServer, query: str) -> None:
    answer = httpx.get(f"{api.url}/v1/notifications/logos/appwrite{query}", timeout=20)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg")
    assert httpx.get(f"{api.url}/v1/notifications/logos/appwrite?theme=blue", timeout=20).status_code == 400
