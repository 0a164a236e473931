"""HTTP as clients really speak it, byte for byte, on a running server: offers, heads, order, slow readers."""

from __future__ import annotations

import contextlib
import http.client
import inspect
import json
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httptools
import pytest
from uvicorn.protocols.http import flow_control, httptools_impl

from tests.support.server import TidewireServer
from tidewire.core.ids import unique_id

JAVA = (
    b"POST /v1/account HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\n"
    b"Host: 127.0.0.1:%d\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
    b"Upgrade: h2c\r\nUser-Agent: Java-http-client/17.0.15\r\nContent-Type: application/json\r\n"
    b"X-Appwrite-Project: default\r\n\r\n%b"
)
"""What java.net.http.HttpClient sends unless it is told to speak HTTP/1.1."""
SIGN_UP = b'{"userId":"unique()","email":"%b@example.com","password":"password-1234"}'
PING = b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: default\r\n\r\n"
LAST = PING.replace(b"Host: x", b"Host: x\r\nConnection: close")
SOCKET = (
    b"GET /v1/realtime?project=default&channels[]=files HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
POST = b"POST /v1/account HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n"
STREAM = b"GET /v1/realtime/sse?project=default&channels[]=files HTTP/1.1\r\nHost: x\r\n\r\n"


def connected(server: TidewireServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def exchange(server: TidewireServer, *pieces: bytes) -> bytes:
    """What the server answers to raw bytes until it closes the connection."""
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def statuses(answer: bytes) -> list[int]:
    """Of all answers on a connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


@pytest.mark.parametrize("pieces", [1, 2, 40])
def test_a_client_that_offers_another_protocol_is_answered_once(server: TidewireServer, pieces: int) -> None:
    body = SIGN_UP % f"java{pieces}".encode()
    data = JAVA % (len(body), server.port, body) + LAST
    size = -(-len(data) // pieces)
    answer = exchange(server, *(data[start : start + size] for start in range(0, len(data), size)))
    assert statuses(answer) == [201, 200]
    assert f"java{pieces}@example.com".encode() in answer


def test_a_client_that_offers_another_protocol_and_waits_before_its_body(server: TidewireServer) -> None:
    body = SIGN_UP % b"patient"
    head, _, _ = (JAVA % (len(body), server.port, body)).partition(b"\r\n\r\n")
    with connected(server) as connection:
        connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert statuses(connection.recv(65536)) == [201]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("size", [10, 2_000_000])
def test_curl_that_offers_http_2(server: TidewireServer, tmp_path: Path, size: int) -> None:
    body = tmp_path / "body"
    body.write_bytes(b'{"filler":"%b",' % (b"x" * size) + (SIGN_UP % b"curl%d" % size)[1:])
    address = f"{server.endpoint}/account"
    command = ["curl", "--noproxy", "*", "--http2", "--silent", "--max-time", "60", "--write-out"]
    command += ["\n%{http_code} %{num_connects}", "--header", "X-Appwrite-Project: default"]
    command += ["--header", "Content-Type: application/json", "--data-binary", f"@{body}", address]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    account, _, outcome = answer.rpartition("\n")
    assert (outcome, json.loads(account)["email"]) == ("201 1", f"curl{size}@example.com")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/ping HTTP/1.1\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET /v1/ping HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /v1/ping HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x, y\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x:1@y\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x y\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: [::1]y\r\n\r\n",
        b"GET http://y/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://y?/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n",
        SOCKET.replace(b"GET /", b"GET http://y/"),
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/ping HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        SOCKET.replace(b"Host: x\r\n", b""),
        STREAM.replace(b"Host: x\r\n", b""),
        b"POST /v1/account HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/account HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST % b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" + b"0\r\n\r\n",
        b"POST /v1/account HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/account HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST % b"Content-Length: 5\r\nTransfer-Encoding: chunked" + b"0\r\n\r\n",
    ],
)
def test_heads_that_could_mean_two_things_are_refused(server: TidewireServer, head: bytes) -> None:
    answer = exchange(server, head + PING)
    assert statuses(answer) == [400]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "general_argument_invalid"


@pytest.mark.parametrize("host", [b"x", b"X.example:80", b"[::1]:80", b"a-b.example."])
def test_a_target_may_name_the_host_once_more(server: TidewireServer, host: bytes) -> None:
    head = b"GET http://%b/v1/ping?project=default HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (
        host,
        host,
    )
    assert statuses(exchange(server, head)) == [200]


def test_an_old_client_needs_no_host(server: TidewireServer) -> None:
    assert statuses(exchange(server, b"GET /v1/ping?project=default HTTP/1.0\r\n\r\n")) == [200]


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize("last", [b"nonsense\r\n\r\n", PING.replace(b"Host: x\r\n", b"")])
def test_a_refusal_comes_after_what_was_asked_before(server: TidewireServer, count: int, last: bytes) -> None:
    assert statuses(exchange(server, PING * count + last + PING)) == [*[200] * count, 400]


def test_requests_behind_a_body_that_arrives_slowly(server: TidewireServer) -> None:
    body = SIGN_UP % b"slow"
    post = PING.replace(b"GET /v1/ping", b"POST /v1/account").replace(
        b"Host: x", b"Host: x\r\nContent-Type: application/json\r\nContent-Length: %d" % len(body)
    )
    data = PING * 3 + post
    assert statuses(exchange(server, data, body[:9], body[9:] + PING * 100 + LAST)) == [
        *[200] * 3,
        201,
        *[200] * 101,
    ]


@pytest.mark.parametrize("before", [0, 1, 100])
def test_a_stream_behind_other_requests_is_answered_in_its_turn(server: TidewireServer, before: int) -> None:
    with connected(server) as connection:
        connection.sendall(PING * before + STREAM + PING)
        answer = b""
        while b"event: connected" not in answer:
            answer += connection.recv(65536)
    assert statuses(answer) == [200] * (before + 1)
    assert answer.count(b"text/event-stream") == 1
    assert b"text/event-stream" in answer[answer.rindex(b"HTTP/1.1 ") :]


@pytest.mark.parametrize("before", [0, 1, 100])
def test_a_web_socket_behind_other_requests_is_answered_in_its_turn(
    server: TidewireServer, before: int
) -> None:
    ping = b"\x89\x81\0\0\0\0x"
    with connected(server) as connection:
        connection.sendall(PING * before + SOCKET + ping)
        answer = b""
        while b'"connected"' not in answer or b"\x8a\x01x" not in answer:
            answer += connection.recv(65536)
    assert statuses(answer) == [*[200] * before, 101]


def test_a_post_that_asks_for_a_web_socket_is_an_ordinary_one(server: TidewireServer) -> None:
    body = SIGN_UP % b"posted"
    length = b"Host: x\r\nX-Appwrite-Project: default\r\nContent-Length: %d\r\n" % len(body)
    head = SOCKET.replace(b"GET /v1/realtime", b"POST /v1/account").replace(b"Host: x\r\n", length)
    assert statuses(exchange(server, head + body + LAST)) == [201, 200]


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[TidewireServer]:
    """A server that does not wait long for readers."""
    server = TidewireServer(tmp_path / "data", ["--demo"])
    server.environment["TIDEWIRE_ANSWER_SECONDS"] = "0.5"
    server.start()
    yield server
    if server.process:
        assert server.stop() == 0


def test_who_does_not_read_is_cut_off(impatient: TidewireServer) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", impatient.port))
        document = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            while True:
                connection.sendall(document)


def test_refused_requests_are_logged_with_their_address(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", errors=tmp_path / "log")
    server.start()
    for _ in range(50):
        exchange(server, b"nonsense\r\n\r\n")
    assert server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    refused = [line for line in lines if line["event"] == "http_request_refused"]
    assert 1 <= len(refused) < 50  # what anybody can cause does not fill the disk
    assert refused[0]["address"] == "127.0.0.1"
    assert refused[0]["level"] == "warning"


def test_repeated_headers_say_the_same_and_others_something_else(server: TidewireServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        _ask_by_turns(connection)


def _ask_by_turns(connection: http.client.HTTPConnection) -> None:
    def asked(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
        given = {"X-Appwrite-Project": "default", "Content-Type": "application/json"}
        connection.request(method, path, body, given | headers)
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        text = answer.read()
        return answer.status, json.loads(text) if text else None, cookie

    cookies = {}
    for name in ("a", "b"):
        email = f"{name}-{unique_id()}@example.com"
        account = json.dumps({"userId": "unique()", "email": email, "password": "password-1234"}).encode()
        assert asked("POST", "/v1/account", account)[0] == 201
        status, session, cookie = asked("POST", "/v1/account/sessions/email", account)
        assert status == 201
        cookies[session["userId"]] = cookie
    first, second = cookies
    for user_id in (first, first, second, first, second, second):
        status, account_shown, _ = asked("GET", "/v1/account", Cookie=cookies[user_id])
        assert (status, account_shown["$id"]) == (200, user_id)
    assert asked("GET", "/v1/account")[0] == 401
    assert asked("GET", "/v1/account", Cookie=cookies[first])[0] == 200
    assert asked("DELETE", "/v1/account/sessions/current", Cookie=cookies[first])[0] == 204
    assert asked("GET", "/v1/account", Cookie=cookies[first])[0] == 401, "an ended session is not remembered"


@pytest.mark.parametrize(
    "second",
    [
        PING.replace(b"/v1/ping", b"http://elsewhere.example/v1/ping"),
        PING.replace(b"GET", b"CONNECT"),
        PING.replace(b"/v1/ping", b"/v1/ping?" + b"x" * 140_000),
        PING.replace(b"Host: x\r\n", b"Host: x\r\nHost: y\r\n"),
    ],
)
def test_each_request_of_a_connection_is_looked_at(server: TidewireServer, second: bytes) -> None:
    assert statuses(exchange(server, PING, second)) == [200, 400]


def test_what_is_relied_on_of_uvicorn_is_there() -> None:
    """Its classes are private: of a release that changes them this says so, and the release is shut out."""
    protocol = httptools_impl.HttpToolsProtocol
    for method, parameters in {
        "connection_made": ["self", "transport"],
        "connection_lost": ["self", "exc"],
        "data_received": ["self", "data"],
        "on_message_begin": ["self"],
        "on_url": ["self", "url"],
        "on_header": ["self", "name", "value"],
        "on_headers_complete": ["self"],
        "on_body": ["self", "body"],
        "on_message_complete": ["self"],
        "on_response_complete": ["self"],
        "send_400_response": ["self", "msg"],
        "pause_writing": ["self"],
        "resume_writing": ["self"],
        "timeout_keep_alive_handler": ["self"],
        "_unset_keepalive_if_required": ["self"],
        "shutdown": ["self"],
    }.items():
        assert list(inspect.signature(getattr(protocol, method)).parameters) == parameters, method
    made = set(protocol.__init__.__code__.co_names)
    assert made >= {
        "loop", "parser", "ws_protocol_class", "app_state", "timeout_keep_alive_task", "timeout_keep_alive",
        "server_state", "connections", "transport", "flow", "client", "pipeline", "headers", "cycle",
    }  # fmt: skip
    cycle = set(httptools_impl.RequestResponseCycle.__init__.__code__.co_names)
    assert cycle >= {
        "scope", "transport", "flow", "access_log", "default_headers", "message_event", "on_response",
        "disconnected", "keep_alive", "waiting_for_100_continue", "more_body", "response_started",
        "response_complete",
    }  # fmt: skip
    # Where uvicorn makes the cycle whose class is changed, and the flow that is replaced.
    assert "RequestResponseCycle" in protocol.on_headers_complete.__code__.co_names
    assert not hasattr(httptools_impl.RequestResponseCycle, "__slots__")
    assert {"read_paused", "write_paused"} <= set(flow_control.FlowControl.__init__.__code__.co_names)
    assert issubclass(httptools.HttpParserUpgrade, Exception)
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    for name in ("uvicorn", "httptools"):
        [bounds] = [each for each in project if each.startswith(name + ">")]
        below = [int(part) for part in bounds.rpartition("<")[2].split(".")]
        assert [int(part) for part in version(name).split(".")[:2]] < below
