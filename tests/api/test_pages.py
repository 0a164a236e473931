"""What is served outside of the API."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import TidewireServer
from tidewire import __version__


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    server = TidewireServer(tmp_path_factory.mktemp("pages") / "data", ["--drain-seconds", "0.1"])
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
            yield client
    finally:
        assert server.stop() == 0


def test_for_crawlers(site: httpx.Client) -> None:
    for path, first in (("/robots.txt", "# robotstxt.org/"), ("/humans.txt", "# humanstxt.org/")):
        answer = site.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text.splitlines()[0] == first


def test_versions(site: httpx.Client) -> None:
    versions = site.get("/versions").json()
    assert versions.pop("server") == __version__
    assert set(versions) == {
        *("client-web", "client-flutter", "console-web", "console-cli"),
        *("server-nodejs", "server-php", "server-python", "server-ruby"),
    }
    assert all(isinstance(version, str) and version for version in versions.values())


@pytest.mark.parametrize(
    ("token", "status", "type_"),
    [
        ("abc-DEF_123", 404, "general_route_not_found"),
        ("a" * 100, 404, "general_route_not_found"),
        ("a" * 101, 400, "general_argument_invalid"),
        ("a.b", 400, "general_argument_invalid"),
        ("a/b", 400, "general_argument_invalid"),
        ("..%2f..%2fetc", 400, "general_argument_invalid"),
        ("", 400, "general_argument_invalid"),
    ],
)
def test_challenges_of_certificate_authorities(
    site: httpx.Client, token: str, status: int, type_: str
) -> None:
    answer = site.get(f"/.well-known/acme-challenge/{token}")
    assert (answer.status_code, answer.json()["type"]) == (status, type_)


def test_where_signing_in_ends(site: httpx.Client) -> None:
    for path in ("/console/auth/oauth2/success", "/console/auth/oauth2/failure", "/", "/console/login"):
        answer = site.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert site.head("/").content == b""


@pytest.mark.parametrize("end", ["success", "failure"])
def test_where_signing_in_ends_for_an_app(site: httpx.Client, end: str) -> None:
    query = 'project=p1&key=a_session_p1&secret=s%22%3E%3Cscript%3E"><script>'
    answer = site.get(f"/console/auth/oauth2/{end}?{query}")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert 'href="appwrite-callback-p1://?project=p1&amp;key=a_session_p1&amp;secret=s' in answer.text
    assert 'content="0; url=appwrite-callback-p1://?project=p1&amp;' in answer.text
    assert "<script>" not in answer.text
    for wrong in ("javascript:alert(1)//", "", "a/b", "../x"):
        page = site.get(f"/console/auth/oauth2/{end}", params={"project": wrong, "x": "y"}).text
        assert "appwrite-callback" not in page
        assert "refresh" not in page


def test_links_of_the_console(site: httpx.Client) -> None:
    for path in ("/invite", "/recover", "/login", "/register", "/mfa", "/card", "/auth"):
        answer = site.get(f"{path}?userId=u1&secret=s%20s")
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/console{path}?userId=u1&secret=s%20s"
        assert site.get(path).headers["location"] == f"/console{path}"
    assert site.post("/login").status_code == 404
    assert site.get("/loginx").status_code == 404
