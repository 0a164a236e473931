"""Checks of what describes platforms and webhooks: names of events, host names, addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import load
from tidewire.core.checks.addresses import Hostname, Url
from tidewire.core.checks.names import EventPattern, NewProjectId
from tidewire.core.checks.numbers import Datetime
from tidewire.core.checks.texts import FolderPath
from tidewire.core.event_patterns import is_event_pattern
from tidewire.core.parameters import Check, InvalidParameterError

PATTERNS: list[str] = load("event_patterns")["patterns"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_event_can_be_subscribed_to(pattern: str) -> None:
    assert is_event_pattern(pattern)
    assert is_event_pattern(pattern.replace("*", "some-id_1"))


def test_no_others() -> None:
    words = {word for pattern in PATTERNS for word in pattern.split(".")} - {"*"}
    made = {f"{first}.*.{last}" for first in words for last in words}
    assert {pattern for pattern in made if is_event_pattern(pattern)} <= {*PATTERNS}


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "users", "users.", "users..create", ".users.*", "users.*.", "users.*.create.extra", "keys.*"],
)
def test_names_of_nothing(pattern: str) -> None:
    assert not is_event_pattern(pattern)


@pytest.mark.parametrize("check", [EventPattern(), Hostname(), NewProjectId(), Url(), Datetime()])
@given(value=st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))
def test_anything_is_accepted_or_refused(check: Check, value: object) -> None:
    try:
        check.convert(value)
    except InvalidParameterError as refused:
        assert str(refused)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("", ""),
        ("photos", "photos/"),
        ("photos/", "photos/"),
        ("a/b.c/d e", "a/b.c/d e/"),
        ("Fotos von Ä\u2028", "Fotos von Ä\u2028/"),
        ("x" * 2047, "x" * 2047 + "/"),
        ("x" * 2047 + "/", "x" * 2047 + "/"),
    ],
)
def test_folders(given: str, stored: str) -> None:
    assert FolderPath().convert(given) == stored


@pytest.mark.parametrize(
    "given",
    [
        *("/", "/photos", "photos//", "a//b", ".", "..", "a/./b", "a/../b", "../", "a\nb", "a\x7f"),
        *("x" * 2048, "ä" * 1024, None, 1, ["a"]),
    ],
)
def test_no_folders(given: object) -> None:
    with pytest.raises(InvalidParameterError):
        FolderPath().convert(given)


@given(st.from_regex(r"https?://[ -~]{0,30}", fullmatch=True))
def test_accepted_addresses_name_a_host_and_nobody(text: str) -> None:
    try:
        accepted = Url().convert(text)
    except InvalidParameterError:
        return
    parts = urlsplit(accepted)
    assert parts.hostname
    assert parts.username is None
    assert "\\" not in accepted
    assert "@" not in parts.netloc
