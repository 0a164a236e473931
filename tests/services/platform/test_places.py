"""Which project a request is about, what there is in it, and in which order a request is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.services.platform.people import Person, Program, unique_id
from tests.support.api import ApiServer

FORBIDDEN = (401, "general_access_forbidden")
OF_PROJECTS = [
    "/databases",
    "/tablesdb/d/tables",
    "/documentsdb",
    "/vectorsdb",
    "/functions",
    "/messaging/messages",
    "/sites",
    "/project",
    "/webhooks",
]


def _refusal(program: Program, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    response = program.call(method, path, body, **headers)
    return response.status_code, str(response.json()["type"])


@pytest.mark.parametrize("path", OF_PROJECTS)
def test_the_console_has_no_services_of_projects(api: ApiServer, person: Person, path: str) -> None:
    visitor = Program(api)
    assert _refusal(person, "GET", path) == FORBIDDEN
    for program in (visitor, Program(api, {"x-appwrite-key": "standard_none"})):
        assert _refusal(program, "GET", path) == FORBIDDEN
        assert _refusal(program, "GET", path, x_appwrite_project="console") == FORBIDDEN


def test_who_names_no_project_is_told_so_on_any_page(api: ApiServer) -> None:
    page = Program(api, {"origin": "https://app.example.com"})
    unnamed = page.call("GET", "/databases")
    named = page.call("GET", "/databases", x_appwrite_project="console")
    assert unnamed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "names no project" in unnamed.json()["message"]
    assert "names no project" not in named.json()["message"]


def test_without_a_project_the_server_answers_for_itself(api: ApiServer) -> None:
    visitor = Program(api)
    assert visitor.done("GET", "/health/version")["version"]
    assert visitor.done("GET", "/locale")
    assert _refusal(visitor, "GET", "/health/version", x_appwrite_project="nobody") == (
        404,
        "project_not_found",
    )
    assert _refusal(visitor, "GET", "/ping") == (404, "project_not_found")


def test_there_is_no_admin_mode_for_the_console(person: Person) -> None:
    admin_mode = {"x_appwrite_mode": "admin"}
    for path in ("/account", "/projects", "/databases"):
        assert _refusal(person, "GET", path, **admin_mode) == (400, "general_bad_request")
    nameless = Program(person.api, {"cookie": person.headers.get("cookie", "")})
    assert _refusal(nameless, "GET", "/account", **admin_mode) == (400, "general_bad_request")


def test_services_of_the_console_are_nowhere_else(api: ApiServer, person: Person, project: str) -> None:
    visitor = Program(api, {"x-appwrite-project": project})
    for program in (visitor, person.admin(project)):
        for path in ("/console/variables", "/console/scopes/project", "/projects"):
            assert _refusal(program, "GET", path) == FORBIDDEN
        assert _refusal(program, "GET", f"/projects/{unique_id()}") == (401, "user_unauthorized")
    assert person.done("GET", "/console/variables")["maxIndexLength"] == 1024
    assert Program(api).done("GET", "/console/scopes/project")["total"] > 0


def test_what_the_console_says_of_functions(person: Person) -> None:
    variables = person.done("GET", "/console/variables")
    limits = (variables["_APP_COMPUTE_SIZE_LIMIT"], variables["_APP_COMPUTE_BUILD_TIMEOUT"])
    assert limits == (30_000_000, 900)
    assert variables["_APP_DOMAIN_FUNCTIONS"] == "functions.localhost"


def test_what_the_console_says_of_databases(person: Person) -> None:
    variables = person.done("GET", "/console/variables")
    for flag in ("SpatialIndexNull", "AttributeResizing", "FulltextWildcard", "IntegerIds"):
        assert variables[f"supportFor{flag}"] is True


def test_a_project_needs_a_team_that_the_person_may_make_it_for(person: Person) -> None:
    person.team()
    for body in ({}, {"projectId": unique_id(), "name": "P"}, {"projectId": unique_id(), "teamId": ""}):
        assert _refusal(person, "POST", "/projects", body) == (401, "general_unauthorized_scope")
    nameless = {"projectId": unique_id(), "teamId": person.team()}
    assert _refusal(person, "POST", "/projects", nameless) == (400, "general_argument_invalid")


def test_parameters_are_looked_at_last(api: ApiServer, project: str) -> None:
    guest = Program(api, {"x-appwrite-project": project, "content-type": "application/json"})
    scope = (401, "general_unauthorized_scope")
    for body in (b"{", b'{"name":', b"[1]", b'{"userId":"_"}'):
        response = _send(guest, "POST", "/users", body)
        assert response == scope, body
        assert _send(guest, "POST", "/account", body)[0] == 400, body
        assert _send(guest, "POST", "/tablesdb", body, project="nobody") == (404, "project_not_found")
    table = "/tablesdb/d/tables/t/rows"
    both = b'{"rowId":"a","data":{},"rows":[{}]}'
    assert _send(guest, "POST", table, both)[1] == "general_bad_request"
    assert _send(guest, "POST", table, both, project="console") == FORBIDDEN


def _send(program: Program, method: str, path: str, body: bytes, project: str = "") -> tuple[int, str]:
    headers = program.headers | ({"x-appwrite-project": project} if project else {})
    response = httpx.request(method, f"{program.api.url}/v1{path}", content=body, headers=headers, timeout=20)
    return response.status_code, str(response.json()["type"])


def test_what_is_switched_off_is_refused_before_it_is_looked_for(
    api: ApiServer, person: Person, project: str, admin: Program
) -> None:
    guest = Program(api, {"x-appwrite-project": project})
    off, rest_off = (403, "general_service_disabled"), (403, "general_api_disabled")
    no_route = (404, "general_route_not_found")
    for service, path in (
        ("messaging", "/messaging/none"),
        ("sites", "/sites/s"),
        ("avatars", "/avatars/none/of/these"),
        ("migrations", "/migrations"),
        ("advisor", "/reports/r"),
        ("tablesdb", "/tablesdb/none/tables/none/rows"),
    ):
        before = _refusal(guest, "GET", path)
        assert before[1] != off[1]
        admin.done("PATCH", f"/project/services/{service}", {"enabled": False})
        assert _refusal(guest, "GET", path) == off, path
        assert _refusal(admin, "GET", path)[0] in {404, 501}, path
        admin.done("PATCH", f"/project/services/{service}", {"enabled": True})
        assert _refusal(guest, "GET", path) == before
    admin.done("PATCH", "/project/protocols/rest", {"enabled": False})
    assert _refusal(guest, "GET", "/sites") == _refusal(guest, "GET", "/locale") == rest_off
    assert _refusal(guest, "GET", "/nowhere") == no_route
    assert _refusal(admin, "GET", "/sites") == (501, "general_not_implemented")
    admin.done("PATCH", "/project/services/locale", {"enabled": False})
    assert _refusal(guest, "GET", "/locale") == off
    assert admin.done("GET", "/locale")
