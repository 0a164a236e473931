"""Calls from browsers: whose pages may call and read the answers."""

from __future__ import annotations

import httpx
import pytest

from tests.support.api import ApiServer

OWN = "http://localhost:3000"
FOREIGN = "https://evil.example"


def _allowed(response: httpx.Response) -> str | None:
    allowed: str | None = response.headers.get("access-control-allow-origin")
    assert response.headers["vary"] == "Origin"
    assert (response.headers.get("access-control-allow-credentials") == "true") == (allowed is not None)
    return allowed


@pytest.mark.parametrize("origin", [OWN, "http://127.0.0.1", "http://[::1]:5173", "https://API.example.com"])
def test_own_host_names(client: httpx.Client, origin: str) -> None:
    response = client.get("/v1/probe/p", headers={"Origin": origin})
    assert (response.status_code, _allowed(response)) == (200, origin)
    assert response.headers["access-control-expose-headers"] == "X-Appwrite-Session, X-Fallback-Cookies"


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "https://api.example.com.evil.example", "localhost", "x" * 3000]
)
def test_foreign_pages(client: httpx.Client, origin: str) -> None:
    response = client.get("/v1/probe/p", headers={"Origin": origin})
    assert (response.status_code, response.json()["type"]) == (403, "general_unknown_origin")
    assert _allowed(response) is None


def test_foreign_pages_change_nothing(client: httpx.Client) -> None:
    response = client.post("/v1/account/sessions/anonymous", headers={"Origin": FOREIGN})
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


def test_no_origin_no_check(client: httpx.Client) -> None:
    response = client.get("/v1/probe/p")
    assert (response.status_code, _allowed(response)) == (200, None)


def test_errors_can_be_read(client: httpx.Client) -> None:
    for path in ("/v1/nothing", "/v1/account", "/v1/probe/..%2F", "/v1/probe/broken"):
        assert _allowed(client.get(path, headers={"Origin": OWN})) == OWN
    response = client.post("/v1/probe/p", content=b"{", headers={"Origin": OWN})
    assert (response.status_code, _allowed(response)) == (400, OWN)
    client.headers["X-Appwrite-Project"] = "nobody"
    response = client.get("/v1/probe/p", headers={"Origin": OWN})
    assert (response.status_code, _allowed(response)) == (404, OWN)


def test_a_key_is_not_checked(api: ApiServer, client: httpx.Client, key: str) -> None:
    response = client.get("/v1/probe/p", headers={"Origin": FOREIGN, "X-Appwrite-Key": key})
    assert (response.status_code, _allowed(response)) == (200, FOREIGN)
    response = client.get("/v1/probe/p", headers={"Origin": FOREIGN, "X-Appwrite-Key": "unknown"})
    assert (response.status_code, _allowed(response)) == (403, None)


@pytest.mark.parametrize(
    "path", ["/v1/account", "/v1/nothing", "/v1/storage/buckets/b/files", "/v1/openapi.json"]
)
def test_preflight(client: httpx.Client, path: str) -> None:
    del client.headers["X-Appwrite-Project"]
    response = client.options(path, headers={"Origin": FOREIGN, "Access-Control-Request-Method": "PATCH"})
    assert (response.status_code, _allowed(response)) == (204, FOREIGN)
    assert response.headers["access-control-max-age"] == "86400"
    methods = response.headers["access-control-allow-methods"].split(", ")
    assert methods == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    headers = response.headers["access-control-allow-headers"].lower().split(", ")
    for name in (
        "x-appwrite-project",
        "content-range",
        "x-appwrite-id",
        "x-fallback-cookies",
        "x-appwrite-jwt",
        "last-event-id",
    ):
        assert name in headers
    assert len(headers) == len(set(headers)) == 38


def test_app_schemes(api: ApiServer, client: httpx.Client) -> None:
    for origin, status in (
        (f"appwrite-callback-{api.project}://x", 200),
        ("appwrite-callback-other://x", 403),
        ("appwrite-ios://com.example.app", 403),
    ):
        assert client.get("/v1/probe/p", headers={"Origin": origin}).status_code == status
