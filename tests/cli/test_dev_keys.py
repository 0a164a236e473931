"""``tidewire dev-key create``."""

from __future__ import annotations

import secrets

import httpx

from tests.support.server import TidewireServer


def test_a_dev_key_lets_any_page_call(server: TidewireServer) -> None:
    project = server.command("project", "create")
    secret = server.command("dev-key", "create", "--project", project, "--expires-in", "600")
    headers = {"x-appwrite-project": project, "origin": f"https://{secrets.token_hex(4)}.example"}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=20) as client:
        assert client.get("/ping").status_code == 403
        answer = client.get("/ping", headers={"x-appwrite-dev-key": secret})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == headers["origin"]
