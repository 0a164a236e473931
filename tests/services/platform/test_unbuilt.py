"""What is known and not built says so, to those who may use it."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.services.platform.people import Person, Program
from tests.support.api import ApiServer
from tidewire.api.registry import Registry
from tidewire.services import ALL_OPERATIONS
from tidewire.services.unbuilt import UNBUILT, UNBUILT_SERVICES, unbuilt

REGISTRY = Registry(ALL_OPERATIONS)
NOT_BUILT = (501, "general_not_implemented")
NO_SCOPE = (401, "general_unauthorized_scope")
PATHS = [
    (row, method, path) for row in UNBUILT for method, _, path in (each.rpartition(" ") for each in row.paths)
]


def answer(program: Program, method: str, path: str) -> tuple[int, str]:
    response = program.call(method, path, None if method == "GET" else {})
    return response.status_code, str(response.json()["type"])


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for _, method, path in PATHS],
    ids=[" ".join(each[1:]).strip() for each in PATHS],
)
def test_nothing_is_both_built_and_not(method: str, path: str) -> None:
    plain = path.replace("*", "x").replace("/xx", "")
    for each in [method] if method else ["GET", "POST", "PUT", "PATCH", "DELETE"]:
        assert unbuilt(each, plain) is not None
        # A fixed word may stand where another path has an id.
        found = REGISTRY.route(each, plain)
        assert found is None or re.search(r"\{\w+\}$", found.route.endpoint.operation.path), found


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/sites", "sites.read"),
        ("POST", "/sites", "sites.write"),
        ("GET", "/sites/s/logs/l", "log.read"),
        ("DELETE", "/sites/s/logs/l", "log.write"),
        ("POST", "/proxy/rules/site", "rules.write"),
        ("GET", "/vcs/installations", "vcs.read"),
        ("PATCH", "/vcs/github/installations/i/repositories/r", "vcs.write"),
        ("GET", "/migrations", "migrations.read"),
        ("GET", "/migrations/firebase/report", "migrations.write"),
        ("POST", "/migrations/csv/imports", "migrations.write"),
    ],
)
def test_scopes_count(
    api: ApiServer, person: Person, admin: Program, project: str, method: str, path: str, scope: str
) -> None:
    guest = Program(api, {"x-appwrite-project": project})
    assert answer(guest, method, path) == NO_SCOPE
    assert answer(person.key(project, "users.read"), method, path) == NO_SCOPE
    assert answer(person.key(project, scope), method, path) == NOT_BUILT
    assert answer(admin, method, path) == NOT_BUILT
    nowhere = Program(api, {"x-appwrite-project": "nowhere"})
    assert answer(nowhere, method, path) == (404, "project_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sites/frameworks"),
        ("GET", "/sites/templates/t"),
        ("GET", "/mysql"),
        ("POST", "/postgresql/databases/d/x/y"),
        ("GET", "/tablesdb/d/status"),
        ("POST", "/vectorsdb/d/failovers"),
        ("GET", "/teams/t/installations"),
        ("POST", "/account/passkeys"),
        ("GET", "/account/memberships"),
        ("GET", "/organization"),
        ("GET", "/organization/keys/k"),
        ("PATCH", "/project/policies/password-pwned"),
        ("PATCH", "/project/policies/deny-free-email"),
        ("GET", "/backups/policies/"),
    ],
)
def test_what_no_scope_is_for(api: ApiServer, project: str, method: str, path: str) -> None:
    guest = Program(api, {"x-appwrite-project": project})
    assert answer(guest, method, path) == NOT_BUILT


def test_the_message_says_what_to_do(person: Person, project: str) -> None:
    program = person.key(project, "sites.write")
    message = program.call("POST", "/sites", {}).json()["message"]
    assert (
        message == "Tidewire has no sites. Serve your pages by a web server, or by a function with a domain."
    )
    for row in UNBUILT:
        assert re.fullmatch(r"Tidewire has no \S.*\S\. [A-Z].*\.", row.error().message)
    console = Program(person.api, person.headers)
    assert answer(console, "GET", f"/projects/{project}/schedules") == NOT_BUILT
    assert answer(Program(person.api, {}), "GET", f"/projects/{project}/schedules") == NO_SCOPE
    with_file = httpx.post(
        f"{program.api.url}/v1/sites/s/deployments",
        files={"code": b"x" * 100},
        headers=program.headers,
        timeout=20,
    )
    assert with_file.status_code == 501
    assert program.call("POST", "/nothing", {}).status_code == 404


def test_the_project_says_which_services_there_are(admin: Program) -> None:
    services = admin.done("GET", "/project")["services"]
    assert {each["$id"] for each in services if not each["available"]} == UNBUILT_SERVICES
    built = {operation.service.lower() for operation in REGISTRY.operations} | {"graphql"}
    assert {each["$id"] for each in services if each["available"]} <= built


def test_openapi_does_not_tell_of_it(api: ApiServer) -> None:
    paths = httpx.get(f"{api.url}/v1/openapi.json", timeout=20).json()["paths"]
    assert not [path for path in paths if path.startswith(("/sites", "/vcs", "/migrations", "/mysql"))]


def test_nothing_analyses_projects(api: ApiServer, person: Person, project: str) -> None:
    guest = Program(api, {"x-appwrite-project": project})
    assert answer(guest, "GET", "/reports") == NO_SCOPE
    program = person.key(project, "reports.read", "reports.write", "insights.read")
    assert program.done("GET", "/reports") == {"total": 0, "reports": []}
    asked = '/reports?queries[]={"method":"equal","attribute":"type","values":["x"]}'
    assert program.done("GET", asked)["total"] == 0
    for wrong in (asked.replace("type", "nothing"), "/reports?queries[]=nonsense"):
        assert program.refused("GET", wrong) == "general_argument_invalid"
    for method, path in (
        ("GET", "/reports/r"),
        ("DELETE", "/reports/r"),
        ("GET", "/reports/r/insights"),
        ("GET", "/reports/r/insights/i"),
    ):
        assert answer(program, method, path) == (404, "report_not_found")
    assert answer(program, "POST", "/reports") == (404, "general_route_not_found")
