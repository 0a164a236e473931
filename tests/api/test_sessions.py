"""Cookies and their replacements, as browsers and SDKs get them."""

from __future__ import annotations

import email.utils
import json
import time

import httpx
import pytest

from tests.support.api import ApiServer


def _sign_in(client: httpx.Client, headers: dict[str, str] | None = None) -> httpx.Response:
    response = client.post("/v1/account/sessions/anonymous", headers=headers)
    assert response.status_code == 201
    client.cookies.clear()
    return response


def _cookies(response: httpx.Response) -> dict[str, tuple[str, dict[str, str]]]:
    """Name to value and attributes."""
    cookies = {}
    for header in response.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        cookies[name] = (
            value,
            {key.lower(): found for key, _, found in (part.partition("=") for part in attributes)},
        )
    return cookies


def test_cookies_of_a_new_session(api: ApiServer, client: httpx.Client) -> None:
    response = _sign_in(client)
    cookies = _cookies(response)
    name = f"a_session_{api.project}"
    assert cookies.keys() == {name, f"{name}_legacy"}
    value, attributes = cookies[name]
    legacy_value, legacy_attributes = cookies[f"{name}_legacy"]
    assert value == legacy_value == json.loads(response.headers["x-fallback-cookies"])[name]
    assert attributes == {**legacy_attributes, "samesite": "None"}
    assert legacy_attributes.keys() == {"expires", "path", "httponly"}
    assert attributes["path"] == "/"
    expires = email.utils.parsedate_to_datetime(attributes["expires"]).timestamp()
    assert expires - time.time() > 364 * 24 * 3600
    assert response.json()["secret"] == ""
    seen = client.get("/v1/account", headers={"Cookie": f"{name}={value}"})
    assert seen.json()["$id"] == response.json()["userId"]


def test_secure_on_https(client: httpx.Client) -> None:
    for proto, secure in (("https", True), ("http", False), ("http, https", True)):
        for _, attributes in _cookies(_sign_in(client, {"X-Forwarded-Proto": proto})).values():
            assert ("secure" in attributes) == secure


@pytest.mark.parametrize(
    ("host", "origin", "first_party"),
    [
        ("localhost:8090", "http://localhost:3000", True),
        ("api.example.com", "https://api.example.com", True),
        ("www.example.com", "https://api.example.com:8443", True),
        ("example.com", "https://api.example.com", True),
        ("example.org", "https://api.example.com", False),
        ("localhost", "capacitor://localhost", False),
        ("localhost", "http://127.0.0.1:3000", False),
        ("localhost", "", False),
    ],
)
def test_fallback_where_cookies_do_not_reach(
    client: httpx.Client, host: str, origin: str, first_party: bool
) -> None:
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    response = _sign_in(client, headers)
    assert ("x-fallback-cookies" not in response.headers) == first_party
    assert response.headers["x-debug-fallback"] == ("false" if first_party else "true")


def test_logout(api: ApiServer, client: httpx.Client) -> None:
    value = json.loads(_sign_in(client).headers["x-fallback-cookies"])[f"a_session_{api.project}"]
    response = client.delete("/v1/account/sessions/current", headers={"X-Appwrite-Session": value})
    assert response.status_code == 204
    assert response.headers["x-fallback-cookies"] == "[]"
    cookies = _cookies(response)
    assert len(cookies) == 2
    for cleared, attributes in cookies.values():
        assert cleared == "deleted"
        assert email.utils.parsedate_to_datetime(attributes["expires"]).timestamp() == 0
    assert client.get("/v1/account", headers={"X-Appwrite-Session": value}).status_code == 401


def test_a_browser_keeps_and_sends_the_cookie(client: httpx.Client) -> None:
    assert client.post("/v1/account/sessions/anonymous").status_code == 201
    assert client.get("/v1/account").status_code == 200
    assert client.delete("/v1/account/sessions/current").status_code == 204
    assert client.get("/v1/account").status_code == 401
