"""Platforms of all types, and what their registration opens at once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.services.platform.people import Person, Program, unique_id
from tests.support.api import ApiServer
from tests.support.server import TidewireServer

KINDS = {
    "web": "hostname",
    "apple": "bundleIdentifier",
    "android": "applicationId",
    "windows": "packageIdentifierName",
    "linux": "packageName",
}
PAGE = "https://app.example.com"


@pytest.mark.parametrize(("kind", "attribute"), KINDS.items())
def test_every_type(admin: Program, kind: str, attribute: str) -> None:
    body = {"platformId": unique_id(), "name": " App ", attribute: "one.example"}
    created = admin.done("POST", f"/project/platforms/{kind}", body)
    assert (created["type"], created["name"], created[attribute]) == (kind, "App", "one.example")
    path = f"/project/platforms/{created['$id']}"
    assert admin.done("GET", path) == created
    assert admin.done("GET", "/project/platforms") == {"total": 1, "platforms": [created]}
    assert admin.refused("POST", f"/project/platforms/{kind}", body) == "platform_already_exists"
    own = f"/project/platforms/{kind}/{created['$id']}"
    changed = admin.done("PUT", own, {"name": "New", attribute: "two.example"})
    assert (changed["name"], changed[attribute]) == ("New", "two.example")
    other, needed = next(item for item in KINDS.items() if item[0] != kind)
    elsewhere = f"/project/platforms/{other}/{created['$id']}"
    refused = admin.refused("PUT", elsewhere, {"name": "New", needed: "three.example"})
    assert refused == "platform_method_unsupported"
    admin.done("DELETE", path)
    assert admin.refused("GET", path) == "platform_not_found"
    assert admin.refused("PUT", own, {"name": "New", attribute: "two"}) == "platform_not_found"


@pytest.mark.parametrize(
    ("older", "current", "attribute"),
    [
        ("web", "web", "hostname"),
        ("flutter-web", "web", "hostname"),
        ("unity", "web", "hostname"),
        ("flutter-ios", "apple", "key"),
        ("apple-macos", "apple", "key"),
        ("react-native-android", "android", "key"),
        ("android", "android", "key"),
        ("flutter-windows", "windows", "key"),
        ("flutter-linux", "linux", "key"),
    ],
)
def test_older_bodies(person: Person, project: str, older: str, current: str, attribute: str) -> None:
    base = f"/projects/{project}/platforms"
    created = person.done("POST", base, {"type": older, "name": "App", attribute: "one.example"})
    assert (created["type"], created[attribute]) == (current, "one.example")
    listed = person.done("GET", base)["platforms"]
    assert [(each["$id"], each["type"]) for each in listed] == [(created["$id"], current)]
    path = f"{base}/{created['$id']}"
    changed = person.done("PUT", path, {"name": "New", attribute: "two.example"})
    assert changed[attribute] == "two.example"
    person.done("DELETE", path)
    assert person.done("GET", base)["total"] == 0


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"type": "toaster", "name": "App", "key": "k"}, "general_argument_invalid"),
        ({"type": "flutter-ios", "name": "App"}, "general_bad_request"),
        ({"type": "web", "name": "App"}, "general_bad_request"),
        ({"name": "App"}, "general_bad_request"),
        ({"name": "  ", "hostname": "a.example"}, "general_argument_invalid"),
        ({"name": "App", "hostname": "https://a.example"}, "general_argument_invalid"),
        ({"name": "App", "hostname": "a.example/path"}, "general_argument_invalid"),
        ({"name": "App", "hostname": "a b"}, "general_argument_invalid"),
        ({"name": "App", "hostname": "a.*.example"}, "general_argument_invalid"),
        ({"name": "App", "hostname": "a" * 254}, "general_argument_invalid"),
    ],
)
def test_bodies_that_make_no_sense(person: Person, project: str, body: dict[str, str], refusal: str) -> None:
    assert person.refused("POST", f"/projects/{project}/platforms", body) == refusal


def test_platforms_of_other_projects_are_out_of_reach(person: Person, admin: Program) -> None:
    body = {"platformId": "site", "name": "Site", "hostname": "a.example"}
    admin.done("POST", "/project/platforms/web", body)
    elsewhere = person.admin(person.project())
    path = "/project/platforms/site"
    assert elsewhere.refused("GET", path) == "platform_not_found"
    assert elsewhere.refused("DELETE", path) == "platform_not_found"
    assert elsewhere.done("GET", "/project/platforms")["total"] == 0


def test_a_page_may_call_as_soon_as_it_is_registered(api: ApiServer, admin: Program, project: str) -> None:
    page = Program(api, {"x-appwrite-project": project, "origin": PAGE})
    assert page.refused("GET", "/ping") == "general_unknown_origin"
    body = {"platformId": "site", "name": "Site", "hostname": "app.example.com"}
    admin.done("POST", "/project/platforms/web", body)
    answer = page.call("GET", "/ping")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-credentials"] == "true"
    admin.done("PUT", "/project/platforms/web/site", {"name": "Site", "hostname": "*.example.org"})
    assert page.refused("GET", "/ping") == "general_unknown_origin"
    page.done("GET", "/ping", origin="https://deep.below.example.org:8443")
    admin.done("DELETE", "/project/platforms/site")
    assert page.refused("GET", "/ping", origin="https://a.example.org") == "general_unknown_origin"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A whole server of its own."""
    running = TidewireServer(tmp_path_factory.mktemp("live") / "data").start()
    yield running
    running.stop()


def test_realtime_follows_without_a_restart(live: TidewireServer) -> None:
    def greeting(origin: str) -> str:
        url = f"{live.realtime}?project={live.project}&channels[]=files"
        with connect(url, origin=Origin(origin)) as socket:
            try:
                return str(socket.recv(timeout=10))
            except ConnectionClosed as closed:
                return str(closed)

    assert '"connected"' not in greeting(PAGE)
    key = live.create_key("platforms.write")
    headers = {"x-appwrite-project": live.project, "x-appwrite-key": key}
    body = {"platformId": "site", "name": "Site", "hostname": "app.example.com"}
    with httpx.Client(base_url=live.endpoint, headers=headers, timeout=20) as client:
        assert client.post("/project/platforms/web", json=body).status_code == 201
        assert '"connected"' in greeting(PAGE)
        assert client.delete("/project/platforms/site").status_code == 204
    assert '"connected"' not in greeting(PAGE)
