"""One request head, three wires: whoever sends it is the same person over REST, WebSocket and SSE."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.server import TidewireServer
from tidewire.store.secrets.credentials import encode_session

Lines = list[tuple[str, str]]
WIRES = ("rest", "websocket", "events")
_UPGRADE: Lines = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("Sec-WebSocket-Version", "13"),
]
_PATHS = {"rest": "/account", "websocket": "/realtime", "events": "/realtime/sse"}


@pytest.fixture(scope="module")
def person(server: TidewireServer) -> tuple[str, str]:
    """Id and encoded session of a user; it ends with padding, behind which decoders like to read nothing."""
    with httpx.Client(headers={"X-Appwrite-Project": server.project}, timeout=60) as client:
        user = {"userId": "a-person-of-3-wires", "email": "wires@example.com", "password": "on three wires"}
        assert client.post(f"{server.endpoint}/account", json=user).status_code == 201
        response = client.post(f"{server.endpoint}/account/sessions/email", json=user)
        session = json.loads(response.headers["x-fallback-cookies"])[f"a_session_{server.project}"]
        assert session.endswith("=")
        return response.json()["userId"], session


def who(server: TidewireServer, wire: str, lines: Lines, *, endpoint: str = "/v1", **parameters: str) -> str:
    """The id of whoever a request is made by: empty for a guest; of a refusal its number."""
    query = {"project": server.project, **parameters}
    if wire == "events":
        query["channels[]"] = "account"
    sent = [("Host", "localhost"), *lines, *(_UPGRADE if wire == "websocket" else ())]
    head = f"GET {endpoint}{_PATHS[wire]}?{urlencode(query)} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in sent)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
        raw.sendall(head.encode("latin-1") + b"\r\n")
        return _who_is_told(_first_object(raw))


def _first_object(raw: socket.socket) -> dict[str, Any]:
    """The first JSON object of an answer, however it is framed."""
    data = b""
    while True:
        data += raw.recv(65536)
        _, _, body = data.partition(b"\r\n\r\n")
        start = body.find(b'{"')
        if start >= 0:
            try:
                found, _ = json.JSONDecoder().raw_decode(body[start:].decode("utf-8", "replace"))
            except ValueError:
                continue
            assert isinstance(found, dict)
            return found


def _who_is_told(told: dict[str, Any]) -> str:
    if told.get("type") == "connected":
        user = told["data"].get("user")
        return str(user["$id"]) if user else ""
    if told.get("type") == "error":
        told = told["data"]
    if told.get("code") == 401 and "user_jwt" not in told.get("reason", told.get("type", "")):
        return ""
    return str(told["$id"]) if "$id" in told else str(told["code"])


STRANGER = encode_session("nobody", "nothing")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("case", "known"),
    [
        ("nothing", False),
        ("cookie", True),
        ("twin of the cookie", True),
        ("cookie whose signs are written by number", True),
        ("two headers with cookies", True),
        ("two headers with cookies, the other way round", True),
        ("two cookies of one name: the first counts", True),
        ("two cookies of one name: the first counts, who is a stranger", False),
        ("session header", True),
        ("two session headers that differ", False),
        ("two session headers that differ, the other way round", False),
        ("session with something behind it", False),
        ("cookie that is no session beside a session header", True),
        ("fallback cookies", True),
        ("fallback cookies with a neighbour that is no text", True),
        ("fallback cookies that are no object", False),
        ("fallback cookies that nest", False),
    ],
)
def test_a_session_is_found_in_the_same_places(
    server: TidewireServer, person: tuple[str, str], wire: str, case: str, known: bool
) -> None:
    user_id, session = person
    name = f"a_session_{server.project}"
    lines: dict[str, Lines] = {
        "nothing": [],
        "cookie": [("Cookie", f'b=1; {name}="{session}"')],
        "twin of the cookie": [("Cookie", f"{name}_legacy={session}")],
        "cookie whose signs are written by number": [
            ("Cookie", name + "=" + "".join(f"%{ord(sign):02x}" for sign in session))
        ],
        "two headers with cookies": [("Cookie", f"{name}={session}"), ("Cookie", "b=1")],
        "two headers with cookies, the other way round": [("Cookie", "b=1"), ("cookie", f"{name}={session}")],
        "two cookies of one name: the first counts": [
            ("Cookie", f"{name}={session}"),
            ("Cookie", f"{name}={STRANGER}"),
        ],
        "two cookies of one name: the first counts, who is a stranger": [
            ("Cookie", f"{name}={STRANGER}"),
            ("Cookie", f"{name}={session}"),
        ],
        "session header": [("X-Appwrite-Session", session)],
        "two session headers that differ": [
            ("X-Appwrite-Session", STRANGER),
            ("X-Appwrite-Session", session),
        ],
        "two session headers that differ, the other way round": [
            ("X-Appwrite-Session", session),
            ("X-Appwrite-Session", STRANGER),
        ],
        "session with something behind it": [("X-Appwrite-Session", f"{session}!")],
        "cookie that is no session beside a session header": [
            ("Cookie", f"{name}=deleted"),
            ("X-Appwrite-Session", session),
        ],
        "fallback cookies": [("X-Fallback-Cookies", json.dumps({name: session}))],
        "fallback cookies with a neighbour that is no text": [
            ("X-Fallback-Cookies", json.dumps({"other": [1], name: session, "b": None}))
        ],
        "fallback cookies that are no object": [("X-Fallback-Cookies", json.dumps([session]))],
        "fallback cookies that nest": [("X-Fallback-Cookies", json.dumps({name: [session]}))],
    }
    assert who(server, wire, lines[case]) == (user_id if known else "")


@pytest.mark.parametrize("wire", WIRES)
def test_an_endpoint_may_end_in_a_slash(server: TidewireServer, person: tuple[str, str], wire: str) -> None:
    user_id, session = person
    assert who(server, wire, [("X-Appwrite-Session", session)], endpoint="/v1/") == user_id
    for endpoint in ("/v1//", "//v1"):
        target = f"http://127.0.0.1:{server.port}{endpoint}{_PATHS[wire]}?project={server.project}"
        upgrade = dict(_UPGRADE) if wire == "websocket" else {}
        assert httpx.get(target, headers=upgrade, timeout=60).status_code == 404


@pytest.mark.parametrize("wire", WIRES)
def test_of_parameter_and_header_the_parameter_names_the_project(
    server: TidewireServer, person: tuple[str, str], wire: str
) -> None:
    user_id, session = person
    lines = [("X-Appwrite-Project", "console"), ("Cookie", f"a_session_{server.project}={session}")]
    assert who(server, wire, lines) == user_id


@pytest.mark.parametrize("wire", WIRES)
def test_a_key_counts_before_a_session(
    server: TidewireServer, person: tuple[str, str], api_key: str, wire: str
) -> None:
    key = ("X-Appwrite-Key", api_key)
    alone = who(server, wire, [key])
    for session in (STRANGER, person[1]):
        assert who(server, wire, [key, ("X-Appwrite-Session", session)]) == alone


@pytest.mark.parametrize("wire", WIRES)
def test_a_jwt_shows_its_user_and_a_wrong_one_is_refused(
    server: TidewireServer, person: tuple[str, str], wire: str
) -> None:
    user_id, session = person
    shown = ("X-Appwrite-Session", session)
    headers = dict([("X-Appwrite-Project", server.project), shown])
    made = httpx.post(f"{server.endpoint}/account/jwts", headers=headers, timeout=60)
    token = made.json()["jwt"]
    assert who(server, wire, [("X-Appwrite-JWT", token)]) == user_id
    assert who(server, wire, [("X-Appwrite-JWT", token), ("X-Appwrite-Session", STRANGER)]) == user_id
    for wrong in ("a.b.c", token[:-4], "x" * 5000):
        assert who(server, wire, [("X-Appwrite-JWT", wrong)]) == "401"
    assert who(server, wire, [("X-Appwrite-JWT", token), shown]) == "403"


@pytest.mark.parametrize("wire", WIRES)
def test_who_may_act_as_another_names_them_in_the_same_places(
    server: TidewireServer, api_key: str, wire: str
) -> None:
    with httpx.Client(base_url=server.endpoint, timeout=60) as client:
        client.headers.update({"X-Appwrite-Project": server.project, "X-Appwrite-Key": api_key})
        helper, helped = (
            client.post("/users", json={"userId": "unique()", "email": f"{name}-{wire}@example.org"}).json()[
                "$id"
            ]
            for name in ("Helper", "Helped")
        )
        session = client.post(f"/users/{helper}/sessions").json()["secret"]
        shown = ("X-Appwrite-Session", session)
        wanted = ("X-Appwrite-Impersonate-User-Id", helped)
        assert who(server, wire, [shown, wanted]) == helper
        allowed = client.patch(f"/users/{helper}/impersonator", json={"impersonator": True})
        assert allowed.status_code == 200, allowed.text
    assert who(server, wire, [shown, wanted]) == helped
    email = ("X-Appwrite-Impersonate-User-Email", f"HELPED-{wire}@example.org")
    assert who(server, wire, [shown, email]) == helped
    assert who(server, wire, [shown], impersonateUserId=helped) == helped
    assert who(server, wire, [shown, ("X-Appwrite-Impersonate-User-Id", "nobody")]) == helper


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("lines", "own"),
    [
        ([], True),
        ([("X-Forwarded-For", "unknown")], True),
        ([("X-Forwarded-For", "192.0.2.1, unknown")], True),
        ([("X-Forwarded-For", "192.0.2.1")], False),
        ([("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", "192.0.2.1")], False),
        ([("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "127.0.0.1")], True),
    ],
)
def test_an_address_is_that_of_the_peer_where_the_proxy_names_none(
    trusting: TidewireServer, wire: str, lines: Lines, own: bool
) -> None:
    """The addresses of connections stand in no answer: how many one may have tells whose it is."""
    if wire == "rest":
        session = httpx.post(
            f"{trusting.endpoint}/account/sessions/anonymous",
            headers=[("X-Appwrite-Project", trusting.project), *lines],
            timeout=60,
        ).json()
        assert (session["ip"] == "127.0.0.1") == own
        return
    url = f"{trusting.endpoint}/realtime/sse?project={trusting.project}&channels[]=files"
    with httpx.stream("GET", url, timeout=60) as holding:
        received = holding.iter_lines()
        next(received)
        assert (who(trusting, wire, lines) == "1013") == own


def test_visitors_behind_two_proxies_are_told_apart(behind_two: TidewireServer) -> None:
    """A CDN in front of the own proxy: each has its limits, and sessions show its address."""
    with httpx.Client(base_url=behind_two.endpoint, timeout=60) as client:
        client.headers["X-Appwrite-Project"] = behind_two.project
        for number in range(1, 13):
            passed = {"X-Forwarded-For": f"6.6.6.6, 198.51.100.{number}:51000, 203.0.113.1"}
            client.cookies.clear()
            answer = client.post(
                "/account",
                json={"userId": f"u{number}", "email": f"u{number}@example.org", "password": "correct horse"},
                headers=passed,
            )
            assert answer.status_code == 201
            session = client.post("/account/sessions/anonymous", headers=passed)
            assert session.json()["ip"] == f"198.51.100.{number}"


@pytest.fixture(scope="module")
def behind_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    running = TidewireServer(
        tmp_path_factory.mktemp("behind") / "data", ["--trusted-proxies", "--trusted-hops", "2"]
    ).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    running = TidewireServer(
        tmp_path_factory.mktemp("trusting") / "data",
        ["--trusted-proxies", "--realtime-max-connections-per-address", "1", "--drain-seconds", "0"],
    ).start()
    yield running
    running.stop()
