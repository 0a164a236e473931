"""Where users may be sent, and what is added to the address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.origins import Platform
from tidewire.core.redirects import is_address, redirect_allowed, with_query

PLATFORMS = (
    Platform("web", hostname="app.example.com"),
    Platform("web", hostname="*.wild.example"),
    Platform("scheme", key="myapp"),
    Platform("apple", key="com.example.app"),
)
OWN = ["api.example.net"]


def allowed(url: str) -> bool:
    return redirect_allowed(url, "p1", PLATFORMS, OWN)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "https://app.example.com/verify?next=1#/route",
        "http://APP.example.com:8080/verify",
        "https://deep.wild.example/x",
        "https://api.example.net/x",
        "http://localhost:3000/x",
        "http://127.0.0.1/x",
        "http://[::1]:5173/x",
        "myapp://open",
        "myapp:///open",
        "appwrite-callback-p1://open",
        "appwrite-ios://com.example.app/x",
        "appwrite-callback-p1://(auth)/reset",
        "myapp://(tabs)/(auth)/reset?x=(1)",
        "myapp://@user/reset".replace("@", "!$&'*+,;="),
        "https://app.example.com/(auth)/reset",
        "capacitor://app.example.com/reset",
    ],
)
def test_own_registered_and_local_addresses(url: str) -> None:
    assert allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "//app.example.com",
        "app.example.com",
        "https:app.example.com",
        "https:///app.example.com",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evil.example/app.example.com",
        "https://evil.example?app.example.com",
        "https://evil.example#app.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com:443@evil.example",
        "https://evil.example\\@app.example.com",
        "https://evil.example\\.app.example.com",
        "https://app.example.com\\.evil.example",
        "https://app.example.com /x",
        "https://app.example.com\t.evil.example",
        "https://app.example.com/\nBcc: all",
        "https://wild.example",
        "https://evilwild.example",
        "https://localhost.evil.example",
        "javascript://app.example.com/%0aalert(1)",
        "data://app.example.com",
        "file:///etc/passwd",
        "ftp://app.example.com",
        "appwrite-callback-p2://open",
        "appwrite-android://com.example.app",
        "otherapp://open",
        "exp://evil.example",
        "myapp://user@host/reset",
        "https://(auth)/reset",
        "https://app.example.com(evil)/reset",
        "https://evil,x.wild.example/reset",
        "otherapp://(auth)/reset",
        "capacitor://localhost/reset",
        "app://api.example.net/reset",
        "ｈttps://app.example.com",
        "https://app。example.com",
    ],
)
def test_no_others(url: str) -> None:
    assert not allowed(url)


def test_expo_only_if_registered() -> None:
    assert redirect_allowed("exp://10.0.0.1:8081", "p1", (Platform("scheme", key="exp"),), [])


def test_pages_of_frameworks_if_their_host_or_scheme_is_registered() -> None:
    for platform in (Platform("web", hostname="localhost"), Platform("web", hostname="*")):
        assert redirect_allowed("capacitor://localhost/reset", "p1", (platform,), [])
    assert redirect_allowed("app://anything", "p1", (Platform("scheme", key="app"),), [])


def test_a_registered_scheme_that_runs_scripts_stays_refused() -> None:
    assert not redirect_allowed("javascript://x", "p1", (Platform("scheme", key="javascript"),), [])


@given(st.text())
def test_nothing_fails(url: str) -> None:
    assert redirect_allowed(url, "p1", PLATFORMS, OWN) <= is_address(url)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.text("ab &=+%#?é")
    ),
    st.sampled_from(["https://a.example", "https://a.example/x?old=1", "app:///?secret=2#/f?x=1", "app://"]),
)
def test_added_values_are_read_back(values: dict[str, str], url: str) -> None:
    result = with_query(url, values)
    query = parse_qs(urlsplit(result).query, keep_blank_values=True)
    assert {name: query[name] for name in values} == {name: [value] for name, value in values.items()}
    assert urlsplit(result).fragment == urlsplit(url).fragment
    assert result.split("?")[0] == url.split("?")[0].split("#")[0]


def test_a_value_replaces_the_one_of_the_address() -> None:
    assert (
        with_query("https://a.example/?secret=x&keep=1", {"secret": "y"})
        == "https://a.example/?keep=1&secret=y"
    )
