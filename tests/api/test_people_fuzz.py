"""Users and teams, asked with parameters that are nearly right: no server error, every answer in form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id
from tidewire.core.operations import Operation
from tidewire.services.teams import operations as teams
from tidewire.services.users import operations as users

OPERATIONS = [*users.declared, *teams.declared]
IDS = ["ada", "bob", "t1", "unique()", "recent", "", "0", "a" * 37]
PLAUSIBLE: dict[str, list[Any]] = {
    "email": ["ada@example.com", "BOB@example.com", "", "x@y", None],
    "phone": ["+4915112345678", "", None],
    "number": ["+4915112345678", "", "1"],
    "password": [
        "correct horse",
        "",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2a$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0",
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1$§$AAAA",
    ],
    "passwordVersion": ["sha1", "SHA3-512", "md5"],
    "passwordCpu": [0, 1, 2, 1024, -1, 2**31],
    "passwordMemory": [0, 8, 2**30],
    "passwordParallel": [0, 1, 2**30],
    "passwordLength": [0, 64, 129],
    "labels": [["vip"], ["a b"], [], ["x"] * 1001],
    "roles": [["owner"], [], ["é"], "owner"],
    "prefs": [{}, {"a": {"b": [1.5, None]}}, [], "x" * 70000],
    "queries": [
        [json.dumps({"method": "contains", "attribute": "labels", "values": ["vip"]})],
        [json.dumps({"method": "equal", "attribute": "userId", "values": ["ada"]})],
        [json.dumps({"method": "orderDesc", "attribute": "roles"})],
        [json.dumps({"method": "cursorAfter", "values": ["ada"]})],
        [json.dumps({"method": "limit", "values": [0]})],
        ["{"],
    ],
    "search": ["ada", "%", "\u0000", "x" * 257],
    "providerType": ["email", "SMS", "push", "fax"],
    "identifier": ["ada@example.com", "+4915112345678", "token", ""],
    "url": ["http://localhost/", "https://evil.example/", "javascript:alert(1)", ""],
    "duration": [0, 3600, "60", 3601],
    "length": [4, 128, 3],
    "expire": [60, 31536001],
    "secret": ["x", "", "0" * 257],
}
ANYTHING = [None, True, False, 0, -1, 1.5, 2**70, "true", "\ud800", "x", [], {}, [None], {"$id": 1}]


@pytest.fixture(scope="module")
def server(api: ApiServer) -> Iterator[httpx.Client]:
    """A client that may do everything with users and teams."""
    scopes = ["users.read", "users.write", "sessions.read", "sessions.write", "teams.read", "teams.write"]
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": api.create_key(scopes)}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as client:
        yield client


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, str, dict[str, Any]]:
    operation = draw(st.sampled_from(OPERATIONS))
    path, values = operation.path, {}
    for parameter in operation.parameters:
        likely = PLAUSIBLE.get(parameter.name, IDS if parameter.name.endswith("Id") else [True, "Ada", 5])
        value = draw(st.sampled_from(likely) | st.sampled_from(ANYTHING))
        if parameter.location == "path":
            chosen = draw(st.sampled_from(["ada", "bob", "t1", "totp", "nothing"]))
            path = path.replace(f"{{{parameter.name}}}", chosen)
        elif parameter.required or draw(st.booleans()):
            values[parameter.name] = value
    return operation, path, values


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests())
def test_nearly_right_requests(server: httpx.Client, request: tuple[Operation, str, dict[str, Any]]) -> None:
    operation, path, values = request
    if operation.method == "GET":
        lists = {name: value for name, value in values.items() if isinstance(value, list)}
        query = {name: value for name, value in values.items() if isinstance(value, (str, int))}
        query = {name: str(value).encode("utf-8", "replace").decode() for name, value in query.items()}
        query |= {f"{name}[{n}]": str(each) for name, value in lists.items() for n, each in enumerate(value)}
        answer = server.get(f"/v1{path}", params=query)
    else:
        content = json.dumps(values)
        headers = {"Content-Type": "application/json"}
        answer = server.request(operation.method, f"/v1{path}", content=content, headers=headers)
    assert answer.status_code < 500, (operation.name, path, values, answer.text)


@pytest.fixture(scope="module", autouse=True)
def somebody(server: httpx.Client) -> None:
    """Users and a team that the requests are about."""
    for user_id in ("ada", "bob"):
        server.post("/v1/users", json={"userId": user_id, "email": f"{user_id}{unique_id()}@example.com"})
    server.post("/v1/teams", json={"teamId": "t1", "name": "Choir"})
