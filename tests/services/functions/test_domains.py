"""Domains of functions: claimed once in the instance, verified, and answered by the function alone."""

from __future__ import annotations

import hashlib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.functions.project import ECHO, FunctionsProject, eventually
from tests.support.server import TidewireServer

SITE = """
import asyncio
import hashlib

async def main(context):
    if context.req.path == "/slow":
        await asyncio.sleep(60)
    if context.req.path == "/broken":
        raise ValueError("broken")
    if context.req.path == "/none":
        return context.res.empty()
    if context.req.path == "/hash":
        return context.res.text(hashlib.sha256(context.req.body_binary).hexdigest())
    return context.res.binary(bytes(range(256)), 418, {"x-made-by": "me", "set-cookie": "a=b"})
"""


@contextmanager
def visitor(project: FunctionsProject, host: str, **headers: str) -> Iterator[httpx.Client]:
    """A program that asks at a domain, and wants JSON unless it says otherwise."""
    headers.setdefault("accept", "application/json")
    base = project.server.endpoint.removesuffix("/v1")
    with httpx.Client(base_url=base, headers={"host": host, **headers}, timeout=60) as http:
        yield http


def rule(project: FunctionsProject, domain: str, function_id: str, expected: int = 201) -> dict[str, Any]:
    """A new rule."""
    made: dict[str, Any] = project.post(
        "/proxy/rules/function", expected, domain=domain, functionId=function_id
    )
    return made


def test_a_domain_leads_to_its_function(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["any"], scopes=["users.read"])
    made = rule(project, "Echo.Functions.localhost", function_id)
    assert (made["domain"], made["status"], made["type"], made["trigger"]) == (
        "echo.functions.localhost",
        "verified",
        "deployment",
        "manual",
    )
    active = project.get(f"/functions/{function_id}")["deploymentId"]
    assert (made["deploymentResourceType"], made["deploymentResourceId"]) == ("function", function_id)
    assert made["deploymentId"] == active
    forged = {"x-appwrite-user-id": "ada", "x-appwrite-event": "users.create", "x-open-runtimes-log-id": "1"}
    cookie = f"theme=dark; a_session_console=secret; a_session_{project.server.project}=mine"
    with visitor(project, f"echo.functions.localhost:{project.server.port}", **forged) as http:
        got = http.put("/v1/users/%C3%A4?a=1&b=%20", content="höhe", headers={"x-own": "1", "cookie": cookie})
        home = http.get("/")
    assert got.status_code == 200, got.text
    seen = got.json()
    assert (seen["method"], seen["body"], seen["path"]) == ("PUT", "höhe", "/v1/users/%C3%A4")
    headers = seen["headers"]
    assert headers["host"] == f"echo.functions.localhost:{project.server.port}"
    assert headers["cookie"] == f"theme=dark; a_session_{project.server.project}=mine"
    assert (headers["x-own"], headers["x-appwrite-trigger"]) == ("1", "http")
    assert (headers["x-appwrite-user-id"], headers["x-appwrite-user-jwt"]) == ("", "")
    assert headers["x-appwrite-client-ip"] == "127.0.0.1"
    assert not headers.keys() & {"x-appwrite-event", "x-open-runtimes-log-id"}
    with project.guest() as api:  # the key that it got is one of the project
        key = {"x-appwrite-key": headers["x-appwrite-key"]}
        assert api.get("/v1/users", headers=key).status_code == 200
    execution_id = got.headers["x-appwrite-execution-id"]
    assert headers["x-appwrite-execution-id"] == execution_id
    stored = project.get(f"/functions/{function_id}/executions/{execution_id}")
    assert (stored["requestMethod"], stored["requestPath"]) == ("PUT", "/v1/users/%C3%A4?a=1&b=%20")
    assert (stored["$permissions"], stored["trigger"], stored["status"]) == ([], "http", "completed")
    assert "called PUT" in stored["logs"]
    assert home.json()["path"] == "/"  # pages of the server are not in the way


def test_the_answer_passes_as_it_is(project: FunctionsProject) -> None:
    function_id = project.deployed(SITE, execute=["guests"], timeout=1)
    rule(project, "site.functions.localhost", function_id)
    large = b"\xff\x00" * 200_000
    with visitor(project, "site.functions.localhost") as http:
        raw = http.get("/")
        head = http.head("/")
        none = http.get("/none")
        hashed = http.post("/hash", content=large)
        broken = http.get("/broken")
        slow = http.get("/slow")
        huge = http.post("/hash", content=b"x" * 20_000_001)
        after = http.get("/")
    assert (raw.status_code, raw.content) == (418, bytes(range(256)))
    assert (raw.headers["x-made-by"], raw.headers["set-cookie"]) == ("me", "a=b")
    assert (head.status_code, head.headers["content-length"], head.content) == (418, "256", b"")
    assert (none.status_code, none.content) == (204, b"")
    assert hashed.text == hashlib.sha256(large).hexdigest()
    assert (broken.status_code, slow.status_code) == (500, 500)
    late = project.get(f"/functions/{function_id}/executions/{slow.headers['x-appwrite-execution-id']}")
    assert (late["status"], "timed out" in late["errors"]) == ("failed", True)
    failed = project.get(f"/functions/{function_id}/executions/{broken.headers['x-appwrite-execution-id']}")
    assert (failed["status"], "broken" in failed["errors"]) == ("failed", True)
    assert (huge.status_code, huge.json()["type"]) == (413, "general_content_too_large")
    assert after.status_code == 418


def test_a_status_that_http_does_not_know(project: FunctionsProject) -> None:
    source = "def main(context):\n    return context.res.text('x', int(context.req.path[1:]))\n"
    function_id = project.deployed(source, execute=["any"])
    rule(project, "status.functions.localhost", function_id)
    with visitor(project, "status.functions.localhost") as http:
        assert [http.get(f"/{status}").status_code for status in (599, 600, 999, 201)] == [599, 500, 500, 201]


def test_only_what_everybody_may_run_is_reached(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["users"])
    rule(project, "closed.functions.localhost", function_id)
    settings = {"name": "Function", "runtime": project.runtime(), "entrypoint": "main.py"}

    def problem() -> tuple[int, str]:
        with visitor(project, "closed.functions.localhost") as http:
            answer = http.get("/hello")
            return answer.status_code, answer.json().get("type", "")

    assert problem() == (401, "function_execute_permission_missing")
    project.request("PUT", f"/functions/{function_id}", json={**settings, "execute": ["any"]})
    assert problem() == (200, "")
    off = {**settings, "execute": ["any"], "enabled": False}
    project.request("PUT", f"/functions/{function_id}", json=off)
    assert problem() == (404, "function_not_found")
    project.request("PUT", f"/functions/{function_id}", json={**settings, "execute": ["any"]})
    deployment_id = project.get(f"/functions/{function_id}")["deploymentId"]
    project.request("DELETE", f"/functions/{function_id}/deployments/{deployment_id}", 204)
    assert problem() == (404, "deployment_not_found")
    (listed,) = project.get("/proxy/rules", params=equal("domain", "closed.functions.localhost"))["rules"]
    assert listed["deploymentId"] == ""
    project.built(function_id, project.upload(function_id, ECHO)["$id"])
    assert problem() == (200, "")
    changed = project.get(f"/proxy/rules/{listed['$id']}")
    assert changed["deploymentId"] == project.get(f"/functions/{function_id}")["deploymentId"] != ""
    project.request("DELETE", f"/functions/{function_id}", 204)
    assert problem() == (404, "rule_not_found")
    project.get(f"/proxy/rules/{listed['$id']}", 404)


SILENT = """
def main(context):
    return context.res.send("", int(context.req.path[1:]), {"content-type": "text/x-own"})
"""


def test_errors_are_pages_for_people(project: FunctionsProject) -> None:
    closed = project.deployed(SILENT, execute=["users"])
    rule(project, "nobody.functions.localhost", closed)
    function_id = project.function(execute=["any"])["$id"]
    rule(project, "page.functions.localhost", function_id)

    def page(host: str, path: str, accept: str = "text/html,*/*;q=0.8") -> tuple[int, str, str]:
        with visitor(project, host, accept=accept) as http:
            answer = http.get(path)
            return answer.status_code, answer.headers.get("content-type", ""), answer.text

    def shows(found: tuple[int, str, str], code: int, *texts: str) -> bool:
        status, content_type, text = found
        return (status, content_type) == (code, "text/html; charset=UTF-8") and all(
            each in text for each in texts
        )

    for path in ("/", "/v1/account", "/console/", "/robots.txt"):
        assert shows(page("unknown.functions.localhost", path), 404, "Nothing is here yet"), path
        assert '"rule_not_found"' in page("unknown.functions.localhost", path, "application/json")[2]
    assert shows(page("a.b.functions.localhost", "/", "*/*"), 404, "Start with this domain")
    assert shows(page("nobody.functions.localhost", "/"), 401, "Execution not permitted", "View settings")
    assert shows(page("page.functions.localhost", "/"), 404, "No active deployments", "View deployments")
    project.built(function_id, project.upload(function_id, SILENT)["$id"])
    for code, text in (
        (404, "does not exist"),
        (504, "respond in time"),
        (400, "unexpected client error"),
        (500, "unexpected server error"),
    ):
        assert shows(page("page.functions.localhost", f"/{code}"), code, f"Error {code}", text)
        assert page("page.functions.localhost", f"/{code}", "application/json") == (
            code,
            "text/x-own; charset=utf-8",
            "",
        )
    assert page("page.functions.localhost", "/200") == (200, "text/x-own; charset=utf-8", "")


def test_a_domain_that_redirects(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    asked = {
        "url": "https://elsewhere.example/a?b=c#d",
        "statusCode": 308,
        "resourceId": function_id,
        "resourceType": "function",
    }
    path = "/proxy/rules/redirect"
    made = project.post(path, domain="moved.localhost", **asked)
    assert (made["type"], made["redirectUrl"], made["redirectStatusCode"], made["status"]) == (
        "redirect",
        asked["url"],
        308,
        "verified",
    )
    assert (made["deploymentResourceId"], made["deploymentResourceType"]) == (function_id, "function")
    with visitor(project, "moved.localhost") as http:
        for answer in (http.get("/any?x=y"), http.post("/v1/users")):
            assert (answer.status_code, answer.headers["location"]) == (308, asked["url"])
    other = project.post(path, domain="other.localhost", **{**asked, "statusCode": "302"})
    assert other["redirectStatusCode"] == 302
    for wrong in ({"statusCode": 200}, {"url": "javascript:alert(1)"}, {"url": "https://a.example/\r\nx: y"}):
        refused = project.post(path, 400, domain="wrong.localhost", **{**asked, **wrong})
        assert refused["type"] == "general_argument_invalid"
    for nothing in ({"resourceId": "nowhere"}, {"resourceType": "site"}):
        refused = project.post(path, 404, domain="wrong.localhost", **{**asked, **nothing})
        assert refused["type"] == "rule_resource_not_found"
    found = project.get("/proxy/rules", params=equal("deploymentResourceId", function_id))
    assert {each["$id"] for each in found["rules"]} == {made["$id"], other["$id"]}
    project.request("DELETE", f"/functions/{function_id}", 204)
    assert project.get("/proxy/rules", params=equal("deploymentResourceId", function_id))["total"] == 0


def equal(name: str, value: str) -> dict[str, str]:
    return {"queries[]": f'{{"method":"equal","attribute":"{name}","values":["{value}"]}}'}


def test_rules_are_listed_and_deleted(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["any"])
    made = rule(project, "one.functions.localhost", function_id)
    api = project.post("/proxy/rules/api", domain="api.localhost")
    assert (api["type"], api["deploymentResourceType"], api["status"]) == ("api", None, "verified")
    found = project.get("/proxy/rules", params=equal("deploymentResourceId", function_id))
    assert (found["total"], [each["$id"] for each in found["rules"]]) == (1, [made["$id"]])
    searched = project.get("/proxy/rules", params={"search": "one.functions"})
    assert [each["$id"] for each in searched["rules"]] == [made["$id"]]
    with visitor(project, "api.localhost") as http:  # the API answers for the project of the rule
        assert http.get("/v1/functions").json()["type"] == "general_unauthorized_scope"
        key = {"x-appwrite-key": project.http.headers["x-appwrite-key"]}
        assert http.get("/v1/users", headers=key).is_success
    with visitor(project, "localhost") as http:
        assert http.get("/v1/functions").json()["type"] == "general_access_forbidden"
    with visitor(project, "one.functions.localhost") as http:
        assert http.get("/hello").json()["path"] == "/hello"
        project.request("DELETE", f"/proxy/rules/{made['$id']}", 204)
        assert http.get("/hello").json()["type"] == "rule_not_found"
    project.get(f"/proxy/rules/{made['$id']}", 404)
    again = rule(project, "one.functions.localhost", function_id)
    assert again["$id"] != made["$id"]


def test_what_is_refused(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["any"])
    rule(project, "taken.functions.localhost", function_id)
    types = {
        domain: rule(project, domain, function_id, status)["type"]
        for domain, status in (
            ("taken.functions.localhost", 409),
            ("functions.localhost", 400),
            ("localhost", 400),
            ("127.0.0.1", 400),
            ("https://a.example.com", 400),
            ("a.example.com/path", 400),
            ("a.example.com:80", 400),
            ("*.example.com", 400),
            ("", 400),
        )
    }
    assert types.pop("taken.functions.localhost") == "rule_already_exists"
    assert set(types.values()) == {"general_argument_invalid"}
    missing = rule(project, "missing.functions.localhost", "nowhere", 404)
    assert missing["type"] == "rule_resource_not_found"
    branch = {"domain": "b.functions.localhost", "functionId": function_id, "branch": "main"}
    assert project.post("/proxy/rules/function", 400, **branch)["type"] == "general_argument_invalid"
    with project.guest() as http:
        assert http.get("/v1/proxy/rules").json()["type"] == "general_unauthorized_scope"


def test_a_domain_that_leads_elsewhere_is_not_answered(project: FunctionsProject) -> None:
    function_id = project.deployed(ECHO, execute=["any"])
    made = rule(project, "never.invalid.example", function_id)
    assert made["status"] == "unverified"
    assert made["logs"]
    refused = project.request("PATCH", f"/proxy/rules/{made['$id']}/status", 400)
    assert refused["type"] == "rule_verification_failed"
    after = project.get(f"/proxy/rules/{made['$id']}")
    assert (after["status"], after["$updatedAt"] > made["$updatedAt"]) == ("unverified", True)
    with visitor(project, "never.invalid.example") as http:
        assert http.get("/hello").json()["type"] == "general_route_not_found"


def deleted_in_a_crash(project: FunctionsProject, function_id: str) -> None:
    """Have the server killed between the deletion of a function and what follows from it elsewhere."""
    instance = project.server.data_dir / "projects" / "console" / "database.sqlite3"
    with (
        closing(sqlite3.connect(instance, isolation_level=None)) as others,
        ThreadPoolExecutor(1) as requests,
    ):
        others.execute("BEGIN IMMEDIATE")
        asked = requests.submit(project.http.delete, f"/v1/functions/{function_id}")
        eventually(
            lambda: project.http.get(f"/v1/functions/{function_id}").status_code, lambda code: code == 404
        )
        project.server.kill()
        assert isinstance(asked.exception(), httpx.TransportError)


DELETES = """
import asyncio, sys
from tidewire.cli.instance import opened
from tidewire.settings import Settings
from tidewire.store.records.functions import delete_function, function_row
from tidewire.store.records.rule_changes import note_rules

async def main(directory, function_id):
    def delete(transaction):
        function = function_row(transaction.connection, function_id)
        delete_function(transaction.connection, function.sequence, function_id)
        note_rules(transaction.connection, function_id)

    async with opened(Settings(data_dir=directory)) as stores:
        await (await stores.project("default")).database.write(delete)

asyncio.run(main(*sys.argv[1:]))
"""
"""A process that ends between the deletion of a function and what follows from it elsewhere."""


def test_rules_follow_their_function_when_another_process_dies(project: FunctionsProject) -> None:
    function_id = project.function()["$id"]
    made = rule(project, "orphan.localhost", function_id)
    program = [sys.executable, "-c", DELETES, str(project.server.data_dir), function_id]
    subprocess.run(program, check=True)
    eventually(
        lambda: project.http.get(f"/v1/proxy/rules/{made['$id']}").status_code, lambda code: code == 404
    )


def test_what_domains_lead_to_after_restarts(tmp_path: Path) -> None:
    """The names of the server lead to no function, also where one was claimed before the operator named it;
    and rules follow their function, whenever the server is killed."""
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"]).start()
    try:
        with FunctionsProject.of(server) as project:
            rule(project, "app.localhost", project.deployed(ECHO, execute=["any"]))
            with visitor(project, "app.localhost") as http:
                assert http.get("/hello").json()["path"] == "/hello"
            short_lived = project.function()["$id"]
            rule(project, "short.localhost", short_lived)
            deleted_in_a_crash(project, short_lived)
        server.arguments += ["--hostnames", "localhost,app.localhost"]
        server.start()
        with FunctionsProject.of(server) as project, visitor(project, "app.localhost") as http:
            assert http.get("/hello").json()["type"] == "general_route_not_found"
            assert http.get("/v1/health/version").status_code == 200
            rules = eventually(lambda: project.get("/proxy/rules"), lambda found: found["total"] == 1)[
                "rules"
            ]
            assert [each["domain"] for each in rules] == ["app.localhost"]
    finally:
        server.stop()


@pytest.mark.parametrize("workers", [2])
def test_all_processes_know_a_new_domain_at_once(tmp_path: Path, workers: int) -> None:
    arguments = ["--drain-seconds", "0.2", "--workers", str(workers)]
    server = TidewireServer(tmp_path / "data", arguments).start()
    try:
        with FunctionsProject.of(server) as project:
            function_id = project.deployed(ECHO, execute=["any"])
            for number in range(8):
                made = rule(project, f"n{number}.localhost", function_id)
                for _ in range(4):
                    with visitor(project, f"n{number}.localhost") as http:
                        assert http.get("/hello").json()["path"] == "/hello"
                project.request("DELETE", f"/proxy/rules/{made['$id']}", 204)
                for _ in range(4):
                    with visitor(project, f"n{number}.localhost") as http:
                        assert http.get("/hello").json()["type"] == "general_route_not_found"
    finally:
        server.stop()


def test_a_host_header_that_is_none_is_answered(project: FunctionsProject) -> None:
    rule(project, "odd.functions.localhost", project.deployed(ECHO, execute=["any"]))
    for host in (b"\xff\xfe", b"[::1]:80", b"odd.functions.localhost, localhost", b"x" * 3000, b":80"):
        with socket.create_connection(("127.0.0.1", project.server.port), timeout=20) as connection:
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert b" 404 " in answer.partition(b"\r\n")[0] or b" 400 " in answer.partition(b"\r\n")[0], answer
