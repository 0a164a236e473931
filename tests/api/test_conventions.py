"""What holds for every request: project, headers, errors, HEAD, sizes, limits of the connection."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

import tidewire
from tests.api.people import sign_up
from tests.api.probe import operations as probe
from tests.support.api import ApiServer, running_api
from tidewire.api import http_protocol
from tidewire.core.ids import unique_id
from tidewire.settings import Settings

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


def _type(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


def test_headers_of_an_answer(client: httpx.Client) -> None:
    response = client.get("/v1/probe/p")
    assert response.headers["server"] == "Appwrite"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    assert response.headers["vary"] == "Origin"
    assert response.headers["x-debug-fallback"] == "true"
    assert "date" in response.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1/"),
        ("GET", "/v1"),
        ("GET", "/nothing"),
        ("GET", "/"),
        ("GET", "/v1///probe/p"),
        ("GET", "/v1//"),
        ("GET", "/v1/probe//p"),
        ("GET", "/v1//probe//p"),
        ("GET", "/v1//probe/"),
        ("GET", "//v1/probe/p"),
        ("GET", "/v1/probe/p//"),
        ("PUT", "/v1/probe/p/"),
        ("DELETE", "/v1/storage/buckets/"),
        ("GET", "/v1/probe/%FF"),
        ("PATCH", "/v1/probe/p"),
        ("TRACE", "/v1/probe/p"),
        ("POST", "/v1/openapi.json"),
        ("BREW", "/v1/probe/p"),
    ],
)
def test_unknown_routes_and_methods(client: httpx.Client, method: str, path: str) -> None:
    response = client.request(method, path)
    assert _type(response) in {(404, "general_route_not_found"), (400, "general_argument_invalid")}
    assert response.status_code == 404 or method == "BREW"


def test_a_slash_at_the_end_of_what_is_read(client: httpx.Client) -> None:
    """Not of what is changed: there it may be an id that a client left empty."""
    for method in ("GET", "HEAD"):
        plain, slashed = client.request(method, "/v1/ping"), client.request(method, "/v1/ping/")
        assert (slashed.status_code, slashed.content) == (plain.status_code, plain.content)


def test_error_body(client: httpx.Client) -> None:
    assert client.get("/v1/nothing").json() == {
        "message": "There is no such route.",
        "code": 404,
        "type": "general_route_not_found",
        "version": tidewire.__version__,
    }


def test_a_defect_tells_nothing(client: httpx.Client) -> None:
    with capture_logs() as logs:
        response = client.get("/v1/probe/broken")
    assert _type(response) == (500, "general_unknown")
    assert "secret" not in response.text
    [line] = [line for line in logs if line["event"] == "request_failed"]
    assert line["path"] == "/v1/probe/broken"
    assert line["request"] == response.headers["x-request-id"]


def test_statuses_that_are_not_shown(client: httpx.Client) -> None:
    response = client.get("/v1/probe/odd")
    assert response.json()["code"] == 500
    assert _type(response) == (500, "general_protocol_unsupported")
    assert "secret" not in response.text


@pytest.mark.parametrize("project", [None, ""])
def test_a_request_without_a_project_is_about_the_console(client: httpx.Client, project: str | None) -> None:
    del client.headers["X-Appwrite-Project"]
    headers = {} if project is None else {"X-Appwrite-Project": project}
    assert client.get("/v1/probe/p", headers=headers).json()["project"] == "console"


@pytest.mark.parametrize("project", ["nobody", "../default", "a" * 100])
def test_unknown_project(client: httpx.Client, project: str) -> None:
    headers = {"X-Appwrite-Project": project}
    assert _type(client.get("/v1/probe/p", headers=headers)) == (404, "project_not_found")


def test_where_the_project_is_named(api: ApiServer, client: httpx.Client) -> None:
    del client.headers["X-Appwrite-Project"]
    wrong = {"X-Appwrite-Project": "nobody"}
    assert client.get(f"/v1/probe/p?project={api.project}").json()["project"] == api.project
    assert client.get(f"/v1/probe/p?project={api.project}", headers=wrong).json()["project"] == api.project
    body = {"name": "x", "project": api.project}
    assert client.post("/v1/probe/p", json=body, headers=wrong).json()["project"] == api.project
    assert (
        client.post(f"/v1/probe/p?project={api.project}", json={"name": "x"}).json()["project"] == api.project
    )
    right = {"X-Appwrite-Project": api.project}
    assert client.get("/v1/probe/p?project[]=nobody", headers=right).json()["project"] == api.project
    assert _type(client.get("/v1/probe/p?project=nobody", headers=right)) == (404, "project_not_found")


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    got, head = client.get("/v1/probe/p"), client.head("/v1/probe/p")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))
    assert client.head("/v1/nothing").status_code == 404


@pytest.mark.parametrize("announced", ["1.9.5", "2.0.0", "2.5.0", "nonsense", ""])
def test_known_formats(client: httpx.Client, announced: str) -> None:
    response = client.get("/v1/probe/p", headers={"X-Appwrite-Response-Format": announced})
    assert response.status_code == 200
    assert "x-appwrite-warning" not in response.headers


def test_newer_formats_are_answered_with_a_warning(client: httpx.Client) -> None:
    response = client.get("/v1/probe/p", headers={"X-Appwrite-Response-Format": "99.0.1"})
    assert response.status_code == 200
    assert "99.0.1" in response.headers["x-appwrite-warning"]


def test_oversize_body(client: httpx.Client) -> None:
    body = json.dumps({"name": "x", "filler": "x" * 200_000})
    assert _type(client.post("/v1/probe/p", content=body)) == (413, "general_content_too_large")
    pieces = (b" " * 50_000 for _ in range(10))
    assert _type(client.post("/v1/probe/p", content=pieces)) == (413, "general_content_too_large")
    assert client.get("/v1/probe/p").status_code == 200


def test_client_behind_the_proxy(client: httpx.Client) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 10.0.0.9", "User-Agent": "x" * 5000}
    seen = client.get("/v1/probe/p", headers=headers).json()
    assert seen["ip"] == "10.0.0.9"
    assert seen["userAgent"] == "x" * 1024
    headers = {"X-Forwarded-For": "<script>", "X-Forwarded-User-Agent": "browser"}
    seen = client.get("/v1/probe/p", headers=headers).json()
    assert seen["ip"] == "127.0.0.1"


def test_only_a_program_with_a_key_speaks_for_another_browser(api: ApiServer, client: httpx.Client) -> None:
    agents = {"User-Agent": "own", "X-Forwarded-User-Agent": "another"}

    def seen(**headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        agent: str = client.get("/v1/probe/p", headers={**agents, **named}).json()["userAgent"]
        return agent

    assert seen() == "own"
    assert seen(X_Appwrite_Key="") == "own"
    assert seen(X_Appwrite_Key="standard_none") == "own"
    assert seen(X_Appwrite_Dev_Key="none") == "own"
    assert seen(X_Appwrite_Key=api.create_key(["users.read"])) == "another"
    client.headers.update({"User-Agent": FIREFOX, "X-Forwarded-User-Agent": CHROME})
    sign_up(client, unique_id())
    assert client.get("/v1/account/sessions/current").json()["clientName"] == "Firefox"
    assert {each["clientName"] for each in client.get("/v1/account/logs").json()["logs"]} == {"Firefox"}


def _exchange(api: ApiServer, data: bytes) -> bytes:
    """What the server answers to raw bytes until it closes the connection."""
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\n" + b"X: a\r\n" * 4000 + b"\r\n",
        b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    ],
)
def test_what_is_not_http_or_too_large(api: ApiServer, data: bytes) -> None:
    head, _, body = _exchange(api, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/json" in head
    assert json.loads(body)["type"] == "general_argument_invalid"


def test_a_head_that_never_ends(api: ApiServer) -> None:
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(b"GET /v1/ping HTTP/1.1\r\n")
        refused = b""
        try:
            for _ in range(1000):
                connection.sendall(b"X: " + b"a" * 1000 + b"\r\n")
            refused = connection.recv(65536)
        except OSError:  # closed while this side was still sending
            return
        assert refused.startswith(b"HTTP/1.1 400 ")


def test_many_requests_on_one_connection(api: ApiServer) -> None:
    one = f"GET /v1/probe/p HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {api.project}\r\n\r\n".encode()
    last = one.replace(b"Host: x", b"Host: x\r\nConnection: close")
    # Together far larger than one head may be.
    assert _exchange(api, one * 400 + last).count(b"HTTP/1.1 200 OK") == 401


def _closed_by_server(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


def test_clients_that_say_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), request_head_seconds=0.1, request_body_seconds=0.1)
    head = b"POST /v1/probe/p HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: default\r\nContent-Length: 9\r\n\r\n"
    upgrade = b"GET /v1/realtime HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    with running_api(settings, [probe]) as api:
        for begun in (b"", b"GET /v1/", upgrade, head, head + b"{"):
            with socket.create_connection(api.address, timeout=20) as connection:
                connection.sendall(begun)
                assert _closed_by_server(connection)


def test_a_refused_body_is_not_read_forever(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_DISCARDED_BYTES", 1_000_000)
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(10_000):
                connection.sendall(b"x" * 65536)


def test_an_upgrade_to_something_unknown(api: ApiServer) -> None:
    request = (
        f"GET /v1/probe/p HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {api.project}\r\n"
        "Connection: upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    )
    assert _exchange(api, request.encode()).startswith(b"HTTP/1.1 200 OK")
