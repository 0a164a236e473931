"""The Origin header.

Vectors of class ``quirk`` are not followed: there an empty list of allowed hosts accepts every web page.
Here it accepts none, since a forgotten setting must not open a project to the world.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.origins import Platform, is_page, origin_allowed, unknown_client

REGISTER = "Invalid Origin. Register your new client"


@pytest.mark.parametrize("case", load_cases("origin"))
def test_vectors(case: Case) -> None:
    platforms = [Platform(**platform) for platform in case["platforms"]]
    allowed = origin_allowed(case["origin"], case["projectId"], platforms, case["ownHostnames"])
    assert allowed == (case["expected"] and case["class"] == "core")


@pytest.mark.parametrize(
    "origin",
    [
        "https://localhost@evil.example",
        "https://evil.example\\@localhost",
        "https://localhost.evil.example",
        "https://evil.example/localhost",
        "https://evil.example#localhost",
        "https://evillocalhost",
        "https://localhost:",
        "https://localhost:80x",
        "https://[::1",
        "https://[::1]evil",
        "https://localhost evil",
        "https://localhost\n",
        "://localhost",
        "javascript://localhost",
    ],
)
def test_disguises_are_refused(origin: str) -> None:
    assert not origin_allowed(origin, "p", [], ["localhost"])


@pytest.mark.parametrize(
    ("type_of_platform", "origin"),
    [
        ("flutter-ios", "appwrite-ios://x"),
        ("react-native-ios", "appwrite-ios://x"),
        ("flutter-macos", "appwrite-macos://x"),
        ("apple-tvos", "appwrite-tvos://x"),
        ("react-native-android", "appwrite-android://x"),
        ("flutter-windows", "appwrite-windows://x"),
        ("flutter-linux", "appwrite-linux://x"),
        ("unity", "https://app.example"),
    ],
)
def test_older_types_of_platforms_count_as_the_new_ones(type_of_platform: str, origin: str) -> None:
    platform = Platform(type_of_platform, hostname="app.example", key="com.example")
    assert origin_allowed(origin, "p", [platform], [])
    assert not origin_allowed(origin, "p", [], [])


def test_the_key_of_a_native_platform_is_a_host_of_its_web_views() -> None:
    assert origin_allowed("https://com.example.app", "p", [Platform("android", key="com.example.app")], [])


@pytest.mark.parametrize("scheme", ["capacitor", "ionic", "app"])
def test_pages_of_app_frameworks_count_by_their_host(scheme: str) -> None:
    page = f"{scheme}://localhost"
    assert origin_allowed(page, "p", [Platform("web", hostname="*")], [])
    assert origin_allowed(page, "p", [Platform("web", hostname="localhost")], [])
    assert origin_allowed(page, "p", [], ["localhost"])
    assert origin_allowed(f"{scheme}://other", "p", [Platform("scheme", key=scheme)], [])
    assert not origin_allowed(f"{scheme}://other", "p", [Platform("web", hostname="localhost")], [])
    assert not origin_allowed(f"{scheme}://localhost@other", "p", [], ["localhost"])
    assert is_page(page)
    assert not is_page("appwrite-ios://com.example.app")


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (
            "https://app.example:8443",
            f"{REGISTER} (app.example) as a new Web platform on your project console dashboard",
        ),
        (
            "appwrite-ios://com.example.app",
            f"{REGISTER} (com.example.app) as a new Apple platform on your project console dashboard",
        ),
        ("null", "Invalid Origin."),
        ("myapp://x", "Invalid Scheme. Register the scheme myapp as a platform of your project."),
    ],
)
def test_what_an_unknown_client_is_told(origin: str, told: str) -> None:
    assert unknown_client(origin) == told


def test_schemes_of_the_web_cannot_be_registered_as_a_whole() -> None:
    assert not origin_allowed("https://other.example", "p", [Platform("scheme", key="https")], [])


@given(st.text(max_size=60))
def test_nothing_but_no_origin_passes_without_names(origin: str) -> None:
    own_schemes = ("exp://", "appwrite-callback-p://")
    allowed = origin_allowed(origin, "p", [], [])
    assert allowed == (origin == "" or origin.lower().startswith(own_schemes))
