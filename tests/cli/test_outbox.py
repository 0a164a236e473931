"""The demo's pages of the outbox: what nothing carried, shown to the developer on this machine alone."""

from __future__ import annotations

import json
import re
import time
import uuid
from pathlib import Path

import httpx
import pytest

from tests.support.server import TidewireServer


@pytest.fixture
def mail_link(server: TidewireServer) -> str:
    """Have a mail sent, and wait until the outbox has it; its own address on the page."""
    address = f"{uuid.uuid4().hex[:12]}@example.com"
    sent = httpx.post(
        f"{server.endpoint}/account/tokens/magic-url",
        json={"userId": "unique()", "email": address},
        headers={"X-Appwrite-Project": server.project},
    )
    assert sent.status_code == 201, sent.text
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page = get(server, "/demo/outbox")
        assert page.status_code == 200
        for card in page.text.split("<li>"):
            if address in card and (found := re.search(r'src="(/demo/outbox/[^"]+)"', card)):
                return found[1]
        time.sleep(0.05)
    raise AssertionError("no mail came")


def get(server: TidewireServer, path: str, **headers: str) -> httpx.Response:
    return httpx.get(server.endpoint.removesuffix("/v1") + path, headers=headers)


def test_a_mail_can_be_read(server: TidewireServer, mail_link: str) -> None:
    mail = get(server, mail_link)
    assert mail.status_code == 200
    assert '<base target="_blank">' in mail.text
    assert "Sign in" in mail.text
    policy = mail.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert mail.headers["referrer-policy"] == "no-referrer"
    assert httpx.head(server.endpoint.removesuffix("/v1") + mail_link).content == b""


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "tidewire.example.com"},
        {"Host": "localhost.example.com"},
        {"Host": "127.0.0.1.example.com:80"},
        {"Host": ""},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Forwarded-Proto": "https"},
        {"X-Client-IP": "127.0.0.1"},
        {"CF-Connecting-IP": "127.0.0.1"},
        {"Fastly-Client-IP": "127.0.0.1"},
        {"X-Original-Forwarded-For": "127.0.0.1"},
        {"X-Envoy-External-Address": "127.0.0.1"},
        {"CDN-Loop": "cloudflare"},
        {"Host": "localhost:1@example.com"},
    ],
)
def test_nobody_else_may_look(server: TidewireServer, mail_link: str, headers: dict[str, str]) -> None:
    for path in ("/demo/outbox", mail_link):
        assert get(server, path, **headers).status_code in {400, 404}


@pytest.mark.parametrize("host", ["localhost", "localhost:8090", "127.0.0.1:1", "[::1]:8090", "LOCALHOST"])
def test_local_names(server: TidewireServer, host: str) -> None:
    assert get(server, "/demo/outbox", Host=host).status_code == 200


@pytest.mark.parametrize("name", ["", "..%2Fsecrets.json", "x.eml", "1700000000000-default-1.eml"])
def test_only_messages_are_shown(server: TidewireServer, name: str) -> None:
    assert get(server, f"/demo/outbox/{name}").status_code == 404


@pytest.mark.parametrize("demo", [True, False])
def test_without_a_mail_server_the_log_says_where_mails_go(tmp_path: Path, demo: bool) -> None:
    server = TidewireServer(tmp_path / "data", ["--demo"] if demo else [], errors=tmp_path / "log").start()
    try:
        sent = httpx.post(
            f"{server.endpoint}/account/tokens/magic-url",
            json={"userId": "unique()", "email": "somebody@example.com"},
            headers={"X-Appwrite-Project": server.project},
        )
        assert sent.status_code == 201, sent.text
        deadline = time.monotonic() + 20
        while not list((server.data_dir / "outbox").glob("*.eml")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        assert server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    told = [line["event"] for line in lines if "mail server" in line["event"]]
    assert len(told) == (0 if demo else 2)
    assert "somebody" not in (tmp_path / "log").read_text()
